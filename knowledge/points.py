"""The points of a document: its sentences, and the ways of asking for it, each with the passage it leads to. Pure.

A passage of six sentences has one vector for all that it says, and a question asks for one thing. So each
sentence gets a vector of its own (in the words of "late interaction", Khattab and Zaharia 2020, with
sentences for tokens); and what customers call it gets one, which is how a question that shares no word
with the article still finds it.
"""

from collections.abc import Sequence

import numpy as np

from knowledge.index import Point
from knowledge.sentences import split_sentences
from knowledge.types import Document, Embedder, Passage, Vectors

MAX_SENTENCES = 40
"""Per passage; a price list of a thousand rows is found by its own vector and by its words."""


def points_of(document: Document, passages: Sequence[Passage], vectors: Vectors, embedder: Embedder) -> list[Point]:
    """Embed the sentences and the ways of asking, and give each of the latter to the passage nearest to it.

    Args:
        document: the document.
        passages: its passages.
        vectors: theirs, float32 [passages, d].
        embedder: the one of the index.
    """
    sentences = [(n, s) for n, p in enumerate(passages) for s in split_sentences(p.text, "en")[:MAX_SENTENCES]]
    points: list[Point] = []
    nearest = np.zeros((len(passages), len(document.asked)), dtype=np.float32)
    asked = embedder.embed(document.asked)
    if document.asked:
        nearest = vectors @ asked.T
    if sentences:
        rows = embedder.embed([text for _, text in sentences])
        points += [Point(passages[n].passage_id, row) for (n, _), row in zip(sentences, rows, strict=True)]
        if document.asked:
            for (n, _), row in zip(sentences, rows, strict=True):
                nearest[n] = np.maximum(nearest[n], asked @ row)
    points += [Point(passages[int(np.argmax(nearest[:, i]))].passage_id, row) for i, row in enumerate(asked)]
    return points
