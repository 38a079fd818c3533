"""The vectors of a document: one for each passage, and one for each way of asking, with the passage it leads to. Pure.

A passage's vector is that of its text raised by `TITLE_WEIGHT` times that of its title: as the cosine is linear,
the similarity to the title counts beside that to the text at no cost when searching. What customers call it gets a
vector of its own, which is how a question that shares no word with the article still finds it. Vectors for each
sentence were tried and are not worth their price: beside ways of asking they found nothing more, and without them
little, for six times the vectors.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from knowledge.embed import passage_text
from knowledge.index import Entry, Point
from knowledge.types import Document, Passage, Vectors

TITLE_WEIGHT = 0.5
"""Stored vectors are used again: raise `chunk.LAYOUT` when this changes."""
Key = tuple[str, str]
"""All that a passage's vector depends on: its title, and its text with title and headings."""
Known = dict[Key, Vectors]
"""Passages' vectors, float32 [d], as the index holds them."""
Titled = Callable[[Vectors, Vectors, float], Vectors]
"""`knowledge.types.Embedder.titled`."""
_NOTHING: Mapping[Key, Vectors] = MappingProxyType({})


def key_of(passage: Passage) -> Key:
    """Passages with the same key have the same vector."""
    return passage.title, passage_text(passage)


def texts_of(document: Document, passages: Sequence[Passage], known: Collection[Key] = ()) -> list[str]:
    """All that has to be embedded for a document, where the passages in `known` have their vectors."""
    fresh = [passage_text(passage) for passage in passages if key_of(passage) not in known]
    titles = [document.title] if fresh and document.title.strip() else []
    return [*fresh, *titles, *document.asked]


def entry_of(
    document: Document,
    passages: Sequence[Passage],
    embedded: Mapping[str, Vectors],
    titled: Titled,
    known: Mapping[Key, Vectors] = _NOTHING,
) -> Entry:
    """The document as it is indexed, each way of asking with the passage whose vector is nearest to it.

    Args:
        document: the document.
        passages: its passages, at least one.
        embedded: the vector, float32 [d], of each of its `texts_of`.
        titled: the embedder's own.
        known: vectors of passages that need not be made again.
    """
    vectors = _vectors(document.title, passages, embedded, known, titled)
    nearest = (passages[int(np.argmax(vectors @ embedded[text]))].passage_id for text in document.asked)
    points = [Point(passage_id, embedded[text]) for passage_id, text in zip(nearest, document.asked, strict=True)]
    return Entry(document, passages, vectors, points)


def _vectors(
    title: str, passages: Sequence[Passage], embedded: Mapping[str, Vectors], known: Mapping[Key, Vectors], titled: Titled
) -> Vectors:
    """float32 [passages, d]."""
    keys = [key_of(passage) for passage in passages]
    rows = {key: embedded[key[1]] for key in keys if key not in known}
    if rows and title in embedded:
        own = np.stack([*rows.values()])
        rows = dict(zip(rows, titled(own, np.tile(embedded[title], (len(own), 1)), TITLE_WEIGHT), strict=True))
    return np.stack([known[key] if key in known else rows[key] for key in keys])
