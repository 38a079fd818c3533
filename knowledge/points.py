"""The vectors of a document: one for each passage, and one for each way of asking, with the passage it leads to. Pure.

A passage's vector is that of its text, moved towards what its title says (`knowledge.types.Embedder.embed_passages`): so
the similarity to the title counts at no cost when searching. What customers call it gets a vector of its own, which is
how a question that shares no word with the article still finds it. Vectors for each sentence were tried and are not
worth their price: beside ways of asking they found nothing more, and without them little, for six times the vectors.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from knowledge.embed import passage_text
from knowledge.index import Entry, Point
from knowledge.types import Document, Passage, Vectors

Key = tuple[str, str]
"""All that a passage's vector depends on: its title, and its text with title and headings."""
Known = dict[Key, Vectors]
"""Passages' vectors, float32 [d] each."""


def key_of(passage: Passage) -> Key:
    """Passages with the same key have the same vector."""
    return passage.title, passage_text(passage)


def entry_of(
    document: Document, passages: Sequence[Passage], vectors: Mapping[Key, Vectors], asked: Mapping[str, Vectors]
) -> Entry:
    """The document as it is indexed, each way of asking with the passage whose vector is nearest to it.

    Args:
        document: the document.
        passages: its passages, at least one.
        vectors: of each of them, float32 [d].
        asked: the vector, float32 [d], of each of the document's ways of asking.
    """
    rows = np.stack([vectors[key_of(passage)] for passage in passages])
    nearest = (passages[int(np.argmax(rows @ asked[text]))].passage_id for text in document.asked)
    points = [Point(passage_id, asked[text]) for passage_id, text in zip(nearest, document.asked, strict=True)]
    return Entry(document, passages, rows, points)
