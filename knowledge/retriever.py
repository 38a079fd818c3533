"""Finds passages by meaning and by words, and never one that the asker may not see."""

from collections.abc import Callable, Mapping

import numpy as np

from knowledge import titles
from knowledge.english import foreignness
from knowledge.fusion import WORDS_WEIGHT, Nearness, fuse
from knowledge.index import ChromaIndex
from knowledge.lexical import LexicalIndex, Match
from knowledge.partitions import Partition, home_of, serves
from knowledge.request import Request, understand
from knowledge.rerank_step import RerankStep
from knowledge.types import Audience, Embedder, Hit, Passage, PassageId, Query, Vectors, passage_id

CANDIDATES = 60
NEED_CANDIDATES = 20
"""For each part of a long request, beside those for all of it."""
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
        """Best first, at most `query.k`; [] for an empty query.

        Only the partitions for `query.audiences` and `query.languages` are ever looked at.

        Raises:
            IndexUnavailable: the index can't be read now.
            IndexMismatch: another embedding model built the index.
            EmbeddingUnavailable: the embedding model is missing or broken.
        """
        if not query.text.strip() or not query.audiences or query.k < 1:
            return []
        if self._lexical.generation() != self._index.generation():
            self._mend_lexical()
        request = understand(query.text, query.earlier)
        named = titles.named_in((*query.earlier, query.text) if request.needs else query.earlier)
        vector, needs = self._vectors(request)
        depth = max(CANDIDATES, 2 * query.k)
        partitions = self._index.partitions(query.audiences, query.languages)
        found = self._index.search(vector, partitions, depth)
        asked = self._index.search_asked(vector, partitions, depth)
        by_need = [one for some in self._index.search_each(needs, partitions, NEED_CANDIDATES) for one in some]
        by_words = self._lexical.search(query.text, named, partitions, depth)
        homes = {**dict(by_words), **{one.passage_id: one.partition for one in (*by_need, *asked, *found)}}
        cosines = {one.passage_id: one.cosine for one in found}
        rows = self._index.vectors({i: home for i, home in homes.items() if len(needs) or i not in cosines})
        cosines |= {i: float(row @ vector) for i, row in rows.items() if i not in cosines}
        ways = {one.passage_id: one.cosine for one in asked}
        above = _above_the_mean(rows, needs)
        near = {i: Nearness(cosine, ways.get(i, -1.0), above.get(i, 0.0)) for i, cosine in cosines.items()}
        matches = self._lexical.matches(request.needs or (query.text,), query.text, named, sorted(near))
        words_weight = WORDS_WEIGHT + (self._foreign_words_weight - WORDS_WEIGHT) * foreignness(query.text)
        return self._hits(query, fuse(near, matches, words_weight), homes, near, matches)

    def _vectors(self, request: Request) -> tuple[Vectors, Vectors]:
        """What to search with, float32 [d], and the vectors of the request's parts, float32 [needs, d]."""
        vectors = self._embedder.embed_queries(list(request.texts))
        blend = np.array(request.weights, dtype=np.float32) @ vectors
        rows = [request.texts.index(need) for need in request.needs]
        return blend / max(float(np.linalg.norm(blend)), 1e-9), vectors[rows]

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        """The passages of its document near a passage, itself among them, in reading order; [] for another audience.

        Raises:
            IndexUnavailable: the index can't be read now.
        """
        if passage.audience not in audiences:
            return []
        places = range(max(0, passage.ordinal - REACH), passage.ordinal + REACH + 1)
        ids = [passage_id(passage.doc_id, passage.version, place) for place in places]
        # An index of a former layout, until the next sync, has all languages of an audience together.
        homes = (home_of(passage), Partition(passage.audience))
        found = next(filter(None, (self._index.fetch(dict.fromkeys(ids, home)) for home in homes)), {})
        return sorted(found.values(), key=lambda one: one.ordinal)

    def _hits(
        self,
        query: Query,
        ranked: list[tuple[PassageId, float]],
        homes: Mapping[PassageId, Partition],
        near: dict[PassageId, Nearness],
        matches: Mapping[PassageId, Match],
    ) -> list[Hit]:
        hits: list[Hit] = []
        wanted = max(query.k, self._rerank.depth)
        for start in range(0, len(ranked), wanted):
            part = ranked[start : start + wanted]
            passages = self._index.fetch({i: homes[i] for i, _ in part})
            hits += [
                Hit(passages[i], score, near[i].passage, max(matches.get(i, Match()).words, default=0.0), near[i].best)
                for i, score in part
                # Looked at once more, whatever the partitions and the word index said.
                if i in passages and _may_be_found(passages[i], query)
            ]
            # The next ones only if some lack: another process may have deleted them since this one opened its graph.
            if len(hits) >= wanted:
                break
        return self._rerank.apply(query, hits)[: query.k]


def _may_be_found(passage: Passage, query: Query) -> bool:
    return passage.audience in query.audiences and serves(passage.language, query.languages)


def _above_the_mean(rows: Mapping[PassageId, Vectors], needs: Vectors) -> dict[PassageId, float]:
    """How far each passage stands out for the part of a request that it answers best; {} without parts.

    One part is near to everything and another to little, so that the cosines of two parts can't be compared.

    Args:
        rows: float32 [d] of each candidate.
        needs: of the parts, float32 [needs, d].
    """
    if not rows or not len(needs):
        return {}
    cosines = np.stack([*rows.values()]) @ needs.T
    above = (cosines - cosines.mean(axis=0)).max(axis=1)
    return {i: float(by) for i, by in zip(rows, above, strict=True)}
