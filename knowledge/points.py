"""The vectors of a document: one for each passage, and one for each way of asking, with the passage it leads to. Pure.

A passage's vector is that of its text raised by `TITLE_WEIGHT` times that of its title: as the cosine is linear,
the similarity to the title counts beside that to the text at no cost when searching. What customers call it gets a
vector of its own, which is how a question that shares no word with the article still finds it. Vectors for each
sentence were tried and are not worth their price: beside ways of asking they found nothing more, and without them
little, for six times the vectors.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from knowledge.embed import passage_text
from knowledge.index import Entry, Point
from knowledge.types import Document, Passage, Vectors

TITLE_WEIGHT = 0.5


def texts_of(document: Document, passages: Sequence[Passage]) -> list[str]:
    """All that has to be embedded for a document."""
    titles = [document.title] if document.title.strip() else []
    return [*(passage_text(passage) for passage in passages), *titles, *document.asked]


def entry_of(document: Document, passages: Sequence[Passage], known: Mapping[str, Vectors]) -> Entry:
    """The document as it is indexed, each way of asking with the passage that is nearest to it.

    Args:
        document: the document.
        passages: its passages, at least one.
        known: the vector, float32 [d], of each of its `texts_of`.
    """
    own = np.stack([known[passage_text(passage)] for passage in passages])
    points = [Point(passages[int(np.argmax(own @ known[text]))].passage_id, known[text]) for text in document.asked]
    if (title := known.get(document.title)) is not None:
        own = own + TITLE_WEIGHT * title
        own = (own / np.linalg.norm(own, axis=1, keepdims=True)).astype(np.float32)
    return Entry(document, passages, own, points)
