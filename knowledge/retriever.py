"""Finds passages by meaning and by words, and never one that the asker may not see.

Fusion is `DENSE_WEIGHT * max(0, cosine) + (1 - DENSE_WEIGHT) * BM25 / the query's best BM25`.
Measured over passages of `chunk.split` with all-MiniLM-L6-v2, 30 candidates of each kind, a document
ranked by its best passage (nDCG@10 / recall@5 / recall@20; dev halves of public data):

                        stackfaq          covidfaq          tau_banking
    dense alone         .972/1.00/1.00    .795/.928/.982    .262/.164/.369
    BM25 alone          .875/.943/.995    .772/.922/.998    .189/.129/.268
    reciprocal rank     .945/.985/1.00    .823/.966/.998    .262/.207/.341
    this one, 0.70      .955/.988/1.00    .831/.969/.998    .240/.173/.342
    this one, 0.80      .968/.992/1.00    .831/.971/.998    .266/.183/.366
    this one, 0.85      .973/.995/1.00    .834/.969/.995    .276/.203/.378
    this one, 0.90      .975/.998/1.00    .831/.964/.995    .279/.184/.393
    min-max, 0.85       .976/1.00/1.00    .824/.964/.993    .282/.165/.397
    BM25/(BM25+20), .80 .976/.997/1.00    .827/.962/.993    .264/.187/.390

0.85 is better than dense alone on all three, though little on the first, and keeps what a query's
rare words find. Differences of .01 are within noise on the 56 queries of tau_banking.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from knowledge.english import foreignness
from knowledge.index import ChromaIndex, PointKind
from knowledge.lexical import LexicalIndex
from knowledge.types import Audience, Embedder, Hit, Passage, PassageId, Query, Vectors, passage_id

CANDIDATES = 30
DENSE_WEIGHT = 0.85
MULTILINGUAL_DENSE_WEIGHT = 0.95
"""For a query in another language, where the embedder reads it: words in common are names at best, and chance at worst
("die", "in"). On every fourth question of xquad_crosslingual, nDCG@10: 0.85 .856, 0.90 .872, 0.95 .879, 0.97 .879."""
SENTENCE_WEIGHT = 0.4
ASKED_WEIGHT = 0.9
POINTS_PER_CANDIDATE = 3
REACH = 6
"""How many passages before and after one still count as near it: most articles are shorter than that."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """Cosine similarities of the query to a passage, to its nearest sentence and to its nearest way of asking.

    -1 for a point that is not among the nearest ones.
    """

    passage: float
    sentence: float = -1.0
    asked: float = -1.0

    @property
    def best(self) -> float:
        """The highest of them."""
        return max(self.passage, self.sentence, self.asked)

    @property
    def meaning(self) -> float:
        """The passage's own, raised towards that of a nearer point."""
        by_sentence = SENTENCE_WEIGHT * (self.sentence - self.passage)
        by_asked = ASKED_WEIGHT * (self.asked - self.passage)
        return self.passage + max(0.0, by_sentence, by_asked)


class HybridRetriever:
    """Blocking; safe to share between threads."""

    def __init__(
        self,
        index: ChromaIndex,
        lexical: LexicalIndex,
        embedder: Embedder,
        mend_lexical: Callable[[], None],
        foreign_dense_weight: float = DENSE_WEIGHT,
    ) -> None:
        """Builds on opened parts.

        Args:
            index: passages and vectors.
            lexical: words.
            embedder: the one that the index was built with.
            mend_lexical: builds the word index again when it doesn't mirror Chroma.
            foreign_dense_weight: in place of `DENSE_WEIGHT` for a query that is not English.
        """
        self._index = index
        self._lexical = lexical
        self._embedder = embedder
        self._mend_lexical = mend_lexical
        self._foreign_dense_weight = foreign_dense_weight

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
        vector = self._embedder.embed_queries([query.text])[0]
        depth = max(CANDIDATES, 2 * query.k)
        lexical = {i: (audience, score) for i, audience, score in self._lexical.search(query.text, query.audiences, depth)}
        near: dict[PassageId, Nearness] = {}
        homes: dict[PassageId, Audience] = {}
        for audience in sorted(query.audiences):
            found = dict(self._index.search(vector, audience, depth))
            points = self._index.search_points(vector, audience, POINTS_PER_CANDIDATE * depth)
            by_words = {i for i, (home, _) in lexical.items() if home is audience}
            others = by_words.union(*points.values()) - set(found)
            found |= self._cosines(vector, audience, sorted(others))
            sentence, asked = points[PointKind.SENTENCE], points[PointKind.ASKED]
            near |= {i: Nearness(cosine, sentence.get(i, -1.0), asked.get(i, -1.0)) for i, cosine in found.items()}
            homes |= dict.fromkeys(found, audience)
        words = {i: score for i, (_, score) in lexical.items() if i in near}
        dense_weight = DENSE_WEIGHT + (self._foreign_dense_weight - DENSE_WEIGHT) * foreignness(query.text)
        return self._hits(query, fuse(near, words, dense_weight), homes, near, words)

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
        lexical: dict[PassageId, float],
    ) -> list[Hit]:
        # Twice as many as asked for: another process may have deleted some since this one opened its graph.
        shortlist = ranked[: 2 * query.k]
        passages: dict[PassageId, Passage] = {}
        for audience in sorted(query.audiences):
            passages |= self._index.fetch(audience, [i for i, _ in shortlist if homes[i] is audience])
        hits = [
            Hit(passages[i], score, near[i].passage, lexical.get(i, 0.0), near[i].best)
            for i, score in shortlist
            # Looked at once more, whatever the collections and the word index said.
            if i in passages and passages[i].audience in query.audiences
        ]
        return hits[: query.k]


def fuse(
    near: Mapping[PassageId, Nearness], lexical: Mapping[PassageId, float], dense_weight: float = DENSE_WEIGHT
) -> list[tuple[PassageId, float]]:
    """Candidates with a score of 0 to 1, best first; equal scores in the order of their ids.

    Args:
        near: of every candidate.
        lexical: BM25 of those that share a word with the query.
        dense_weight: of the similarity; the words have the rest.
    """
    best = max(lexical.values(), default=0.0)
    scores: dict[PassageId, float] = {}
    for i, nearness in near.items():
        words = lexical.get(i, 0.0) / best if best > 0 else 0.0
        scores[i] = dense_weight * min(1.0, max(0.0, nearness.meaning)) + (1 - dense_weight) * words
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
