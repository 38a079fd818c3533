"""The points of a document: its sentences, and the ways of asking for it, each with the passage it leads to. Pure.

A passage of six sentences has one vector for all that it says, and a question asks for one thing. So each
sentence gets a vector of its own (in the words of "late interaction", Khattab and Zaharia 2020, with
sentences for tokens); and what customers call it gets one, which is how a question that shares no word
with the article still finds it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from knowledge.index import Point, PointKind
from knowledge.sentences import split_sentences
from knowledge.types import Document, Passage, Vectors

MAX_SENTENCES = 40
"""Per passage; a price list of a thousand rows is found by its own vector and by its words."""


def sentences_of(passage: Passage) -> list[str]:
    """The sentences that become points."""
    return split_sentences(passage.text, "en")[:MAX_SENTENCES]


def points_of(document: Document, passages: Sequence[Passage], own: Vectors, known: Mapping[str, Vectors]) -> list[Point]:
    """The points, each way of asking with the passage that is nearest to it.

    Args:
        document: the document.
        passages: its passages, at least one.
        own: their vectors, float32 [passages, d].
        known: the vector, float32 [d], of every sentence and way of asking.
    """
    rows = [[known[text] for text in sentences_of(passage)] for passage in passages]
    points = [
        Point(passage.passage_id, PointKind.SENTENCE, row) for passage, of in zip(passages, rows, strict=True) for row in of
    ]
    for text in document.asked:
        asked = known[text]
        near = [max([float(whole @ asked), *(float(row @ asked) for row in of)]) for whole, of in zip(own, rows, strict=True)]
        points.append(Point(passages[int(np.argmax(near))].passage_id, PointKind.ASKED, asked))
    return points
