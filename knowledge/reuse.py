"""Vectors that need no embedding: the index has them, from older copies of the same documents.

A passage's vector depends on its title, headings and text, on the embedder and on how `knowledge.points` puts it
together. An index holds vectors of one embedder only, and copies of another layout are left alone, so a passage that
reads as it did keeps its vector, wherever in its document it stands now and whoever may read it.
"""

from collections.abc import Iterable
from itertools import islice

from knowledge import chunk
from knowledge.index import PAGE, ChromaIndex
from knowledge.points import Known, key_of
from knowledge.rows import StoredCopy


def stored_vectors(index: ChromaIndex, copies: Iterable[StoredCopy]) -> Known:
    """The vectors of all passages of these copies that are there, float32 [d] each. Half a copy is good, too.

    Raises:
        IndexUnavailable: the index can't be read now.
    """
    known: Known = {}
    homes = ((i, copy.partition) for copy in copies if copy.layout == chunk.LAYOUT for i in copy.passage_ids)
    while part := dict(islice(homes, PAGE)):
        vectors = index.vectors(part)
        passages = index.fetch(part)
        known |= {key_of(passages[i]): vector for i, vector in vectors.items() if i in passages}
    return known
