"""How what was found by meaning, by words and by names becomes one order. Pure.

The weights are one set for every kind of corpus and question; none depends on a data set. Measured by exact search over
passages of `chunk.split` with all-MiniLM-L6-v2 in eight bits (nDCG@10; dev halves of public data; a document is ranked
by its best passage):

                                      stackfaq  covidfaq  tau_banking  mtrag_un  dstc11_travel
    cosine of the last turn alone     .973      .798      .262         .802      .137
    + words                           .973      .826      .264         .835      .137
    + turns before, names before      .973      .826      .264         .915      .577
    + title in the vector             .982      .849      .316         .908      .653
    + words of the title              .982      .854      .316         .908      .653
    + parts of a long request         .982      .854      .400         .908      .653

Titles were embedded by themselves then; `knowledge.embed.TITLE_WEIGHT` has both figures, and why it is done otherwise now.

What gained nothing: reciprocal rank fusion (worse on FAQs), vectors of sentences, feedback from the first hits,
evidence added up over a document's passages, similar documents lifting each other, a penalty for likeness.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from knowledge.lexical import Match
from knowledge.types import PassageId

WORDS_WEIGHT = 0.15
FOREIGN_WORDS_WEIGHT = 0.05
"""For a query in another language, where the embedder reads it: words in common are names at best, and chance at worst
("die", "in")."""
TITLE_WORDS_WEIGHT = 0.02
"""More of it still gains on covidfaq (.859 with .05), whose questions read like titles, and loses on chatty ones."""
NAMED_WEIGHT = 0.25
NEED_WEIGHT = 1.0
ASKED_WEIGHT = 0.9


@dataclass(frozen=True, slots=True)
class Nearness:
    """Cosine similarities of the query to a passage.

    Attributes:
        passage: to the passage itself.
        asked: to the nearest way of asking for it; -1 if none is near.
        need: to it of the part of a long request that it answers best, above that part's mean over all candidates; 0 for
            a request of one part.
    """

    passage: float
    asked: float = -1.0
    need: float = 0.0

    @property
    def best(self) -> float:
        """The higher of those to the passage and to a way of asking for it."""
        return max(self.passage, self.asked)

    @property
    def meaning(self) -> float:
        """The passage's own, raised towards that of a nearer way of asking."""
        return self.passage + max(0.0, ASKED_WEIGHT * (self.asked - self.passage))


def fuse(
    near: Mapping[PassageId, Nearness], matches: Mapping[PassageId, Match], words_weight: float = WORDS_WEIGHT
) -> list[tuple[PassageId, float]]:
    """Candidates with a score of 0 to 1, best first; equal scores in the order of their ids.

    Args:
        near: of every candidate.
        matches: of those that share a word with the query, or whose title was named.
        words_weight: of the words; the meaning has the rest.
    """
    texts = max((len(match.words) for match in matches.values()), default=0)
    best = [max((match.words[n] for match in matches.values()), default=0.0) for n in range(texts)]
    best_title = max((match.title for match in matches.values()), default=0.0)
    title_weight = TITLE_WORDS_WEIGHT * words_weight / WORDS_WEIGHT
    whole = 1.0 + (title_weight if best_title else 0.0)
    whole += NAMED_WEIGHT if any(match.named for match in matches.values()) else 0.0
    whole += NEED_WEIGHT if any(nearness.need for nearness in near.values()) else 0.0
    scores: dict[PassageId, float] = {}
    for i, nearness in near.items():
        match = matches.get(i, Match())
        words = max((share(of, most) for of, most in zip(match.words, best, strict=False)), default=0.0)
        score = (1 - words_weight) * min(1.0, max(0.0, nearness.meaning)) + words_weight * words
        score += title_weight * share(match.title, best_title)
        score += NAMED_WEIGHT * match.named + NEED_WEIGHT * min(1.0, max(0.0, nearness.need))
        scores[i] = score / whole
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def share(score: float, best: float) -> float:
    """A BM25 score beside the best one, which has no scale of its own: 0 to 1."""
    return score / best if best > 0 else 0.0
