"""Articles for the checks of knowledge.health, cut as a sync would cut them."""

import numpy as np

from knowledge import chunk
from knowledge.health.shelf import Article, Shelf
from knowledge.types import Audience, Document, DocumentId, Vectors


def article(
    doc_id: str,
    text: str,
    title: str = "",
    audience: Audience = Audience.PUBLIC,
    url: str | None = None,
    updated: str | None = None,
) -> Article:
    title = title or doc_id.rsplit("/", 1)[-1].removesuffix(".md").replace("-", " ").capitalize()
    source = f"/docs/{doc_id.removesuffix('.md')}.md"
    document = Document(DocumentId(doc_id), title, text, audience, source, url, updated)
    return Article(document.doc_id, title, audience, source, url, updated, tuple(chunk.split(document)))


def shelf(*articles: Article) -> Shelf:
    """All passages look alike to the model; words decide."""
    count = sum(len(a.passages) for a in articles)
    return Shelf(articles, alike(["x"] * count))


def alike(texts: list[str] | tuple[str, ...]) -> Vectors:
    """float32 [n, 2], all the same direction."""
    return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(texts), 1))
