"""What the checks read: the articles of a knowledge base with their passages and vectors. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from knowledge.health.report import Place
from knowledge.types import Audience, DocumentId, Passage, Vectors

QUOTE = 300
"""Characters of a quote; the rest is a click away."""


@dataclass(frozen=True, slots=True)
class Article:
    """A document as it is stored. `passages` are in reading order, at least one."""

    doc_id: DocumentId
    title: str
    audience: Audience
    source: str
    url: str | None
    updated: str | None
    passages: tuple[Passage, ...]

    def place(self, passage: Passage | None = None, quote: str = "") -> Place:
        """The whole article, or one of its passages."""
        return Place(
            doc_id=self.doc_id,
            title=self.title,
            audience=self.audience,
            source=self.source,
            url=self.url,
            heading=" › ".join(passage.heading_path) if passage else "",
            quote=shortened(quote),
            passage_id=passage.passage_id if passage else None,
        )


@dataclass(frozen=True, slots=True)
class Shelf:
    """All articles, by id, and the vectors of their passages.

    `vectors` is float32 [passages, d], L2-normalised, in the order of `passages()`.
    """

    articles: tuple[Article, ...]
    vectors: Vectors

    def passages(self) -> Iterator[tuple[Article, Passage]]:
        """Every passage with its article, article by article, in reading order."""
        return ((article, passage) for article in self.articles for passage in article.passages)


def make_shelf(rows: Iterable[tuple[Passage, Vectors]], sources: Mapping[DocumentId, str]) -> Shelf:
    """Sort passages and their vectors, float32 [d], into articles.

    Of two versions of one document, which a killed sync can leave until the next one, the one with more passages stays;
    so does one of two copies of a version.
    """
    versions: dict[tuple[DocumentId, Audience], dict[str, dict[int, tuple[Passage, Vectors]]]] = {}
    for passage, vector in rows:
        version = versions.setdefault((passage.doc_id, passage.audience), {}).setdefault(passage.version, {})
        version[passage.ordinal] = passage, vector
    articles: list[Article] = []
    vectors: list[Vectors] = []
    for key in sorted(versions):
        fullest: dict[int, tuple[Passage, Vectors]] = max(versions[key].values(), key=len)
        parts = [fullest[place] for place in sorted(fullest)]
        first = parts[0][0]
        source = sources.get(first.doc_id, "")
        passages = tuple(passage for passage, _ in parts)
        articles.append(Article(first.doc_id, first.title, first.audience, source, first.url, first.updated, passages))
        vectors += [vector for _, vector in parts]
    return Shelf(tuple(articles), np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32))


def shortened(text: str) -> str:
    """One line of at most QUOTE characters."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTE else line[: QUOTE - 1].rstrip() + "…"
