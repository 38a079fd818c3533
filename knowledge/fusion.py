"""How what was found by meaning, by words and by names becomes one order. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from knowledge.lexical import Match
from knowledge.types import PassageId

WORDS_WEIGHT = 0.15
FOREIGN_WORDS_WEIGHT = 0.05
"""For a query in another language, where the embedder reads it: words in common are names at best, and chance at worst
("die", "in")."""
NAMED_WEIGHT = 0.25
ASKED_WEIGHT = 0.9


@dataclass(frozen=True, slots=True)
class Nearness:
    """Cosine similarities of the query to a passage and to its nearest way of asking.

    -1 for a way of asking that is not among the nearest ones.
    """

    passage: float
    asked: float = -1.0

    @property
    def best(self) -> float:
        """The higher of them."""
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
        matches: of those that the word index has.
        words_weight: of the words; the meaning has the rest.
    """
    best = max((match.words for match in matches.values()), default=0.0)
    whole = 1.0 + (NAMED_WEIGHT if any(match.named for match in matches.values()) else 0.0)
    scores: dict[PassageId, float] = {}
    for i, nearness in near.items():
        match = matches.get(i, Match())
        words = match.words / best if best > 0 else 0.0
        meaning = min(1.0, max(0.0, nearness.meaning))
        scores[i] = ((1 - words_weight) * meaning + words_weight * words + NAMED_WEIGHT * match.named) / whole
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
