"""Finds passages by meaning and by words, and never one that the asker may not see."""

from collections.abc import Callable, Mapping

import numpy as np

from knowledge import titles
from knowledge.english import foreignness
from knowledge.fusion import WORDS_WEIGHT, Nearness, fuse
from knowledge.index import ChromaIndex
from knowledge.lexical import LexicalIndex, Match
from knowledge.request import parts_of
from knowledge.rerank_step import RerankStep
from knowledge.types import Audience, Embedder, Hit, Passage, PassageId, Query, Vectors, passage_id

CANDIDATES = 60
REACH = 6
"""How many passages before and after one still count as near it: most articles are shorter than that."""


class HybridRetriever:
    """Blocking; safe to share between threads."""

    def __init__(
        self,
        index: ChromaIndex,
        lexical: LexicalIndex,
        embedder: Embedder,
        mend_lexical: Callable[[], None],
        foreign_words_weight: float = WORDS_WEIGHT,
        rerank: RerankStep | None = None,
    ) -> None:
        """Builds on opened parts.

        Args:
            index: passages and vectors.
            lexical: words.
            embedder: the one that the index was built with.
            mend_lexical: builds the word index again when it doesn't mirror Chroma.
            foreign_words_weight: in place of `WORDS_WEIGHT` for a query that is not English.
            rerank: reorders the best candidates; nothing does if None.
        """
        self._index = index
        self._lexical = lexical
        self._embedder = embedder
        self._mend_lexical = mend_lexical
        self._foreign_words_weight = foreign_words_weight
        self._rerank = rerank or RerankStep()

    def search(self, query: Query) -> list[Hit]:
        """Best first, at most `query.k`; [] for an empty query. Only `query.audiences` are ever looked at.

        Raises:
            IndexUnavailable: the index can't be read now.
            IndexMismatch: another embedding model built the index.
            EmbeddingUnavailable: the embedding model is missing or broken.
        """
        if not query.text.strip() or not query.audiences or query.k < 1:
            return []
        if self._lexical.generation() != self._index.generation():
            self._mend_lexical()
        vector = self._vector(query)
        named = titles.named_in(query.earlier)
        depth = max(CANDIDATES, 2 * query.k)
        by_words = self._lexical.search(query.text, named, query.audiences, depth)
        near: dict[PassageId, Nearness] = {}
        homes: dict[PassageId, Audience] = {}
        for audience in sorted(query.audiences):
            found = dict(self._index.search(vector, audience, depth))
            asked = self._index.search_asked(vector, audience, depth)
            others = {i for i, home in by_words if home is audience}.union(asked) - set(found)
            found |= self._cosines(vector, audience, sorted(others))
            near |= {i: Nearness(cosine, asked.get(i, -1.0)) for i, cosine in found.items()}
            homes |= dict.fromkeys(found, audience)
        matches = self._lexical.matches(query.text, named, sorted(near))
        words_weight = WORDS_WEIGHT + (self._foreign_words_weight - WORDS_WEIGHT) * foreignness(query.text)
        return self._hits(query, fuse(near, matches, words_weight), homes, near, matches)

    def _vector(self, query: Query) -> Vectors:
        parts = parts_of(query.text, query.earlier)
        vectors = self._embedder.embed_queries([part.text for part in parts])
        blend = np.array([part.weight for part in parts], dtype=np.float32) @ vectors
        return blend / max(float(np.linalg.norm(blend)), 1e-9)

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        """The passages of its document near a passage, itself among them, in reading order; [] for another audience.

        Raises:
            IndexUnavailable: the index can't be read now.
        """
        if passage.audience not in audiences:
            return []
        places = range(max(0, passage.ordinal - REACH), passage.ordinal + REACH + 1)
        ids = [passage_id(passage.doc_id, passage.version, place) for place in places]
        return sorted(self._index.fetch(passage.audience, ids).values(), key=lambda found: found.ordinal)

    def _cosines(self, vector: Vectors, audience: Audience, ids: list[PassageId]) -> dict[PassageId, float]:
        return {i: float(np.dot(row, vector)) for i, row in self._index.vectors(audience, ids).items()}

    def _hits(
        self,
        query: Query,
        ranked: list[tuple[PassageId, float]],
        homes: dict[PassageId, Audience],
        near: dict[PassageId, Nearness],
        matches: Mapping[PassageId, Match],
    ) -> list[Hit]:
        # Twice as many as asked for: another process may have deleted some since this one opened its graph.
        shortlist = ranked[: max(2 * query.k, self._rerank.depth)]
        passages: dict[PassageId, Passage] = {}
        for audience in sorted(query.audiences):
            passages |= self._index.fetch(audience, [i for i, _ in shortlist if homes[i] is audience])
        hits = [
            Hit(passages[i], score, near[i].passage, matches.get(i, Match()).words, near[i].best)
            for i, score in shortlist
            # Looked at once more, whatever the collections and the word index said.
            if i in passages and passages[i].audience in query.audiences
        ]
        return self._rerank.apply(query, hits)[: query.k]
