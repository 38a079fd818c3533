"""What to search with, for a request and what was said before it. Pure, no model call.

The last turn alone loses its subject, and the whole conversation drowns the question; a long scenario says ten
things, of which an embedding model reads the first. So a request becomes several texts whose vectors are added up,
which costs one search: `cos(q, p)` is linear in `q`.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.chunk import words

_ENDS = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")
"""Where a sentence ends, nearly: a part that is cut at an abbreviation does no harm, and real splitting takes 20 ms."""
RECENT_TURNS = 2
"""So many turns before the request are searched with it."""
RECENT_WORDS = 40
"""Of each of them: the rest of a long answer takes time to embed, and finds nothing more."""
RECENT_WEIGHT = 0.5
PART_WORDS = 50
"""A request longer than twice this is also searched with in parts of about this length."""
MAX_PARTS = 8
"""Each costs a search; the parts of a letter of many pages are longer."""
PARTS_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """What to search with.

    Attributes:
        texts: their vectors, each times its weight, add up to the vector to search with.
        weights: of each text; they add up to 1.
        needs: the parts of a long request, which are among the texts; empty for one that is searched with as it is.
    """

    texts: tuple[str, ...]
    weights: tuple[float, ...]
    needs: tuple[str, ...] = ()


def understand(text: str, earlier: Sequence[str] = ()) -> Request:
    """The texts to search with.

    Args:
        text: the request itself.
        earlier: what was said before it by either side, oldest first.
    """
    needs = split_needs(text)
    weights = {text: 1 - PARTS_WEIGHT if needs else 1.0}
    for need in needs:
        weights[need] = weights.get(need, 0.0) + PARTS_WEIGHT / len(needs)
    recent = [" ".join(turn.split()[:RECENT_WORDS]) for turn in earlier[-RECENT_TURNS:] if turn.strip()]
    if recent:
        weights = {part: (1 - RECENT_WEIGHT) * weight for part, weight in weights.items()}
        weights["\n".join([*recent, text])] = RECENT_WEIGHT
    return Request(tuple(weights), tuple(weights.values()), tuple(dict.fromkeys(needs)))


def split_needs(text: str) -> list[str]:
    """A long text in parts of whole sentences; [] for one that is short enough to be searched with as it is."""
    length = words(text)
    if length <= 2 * PART_WORDS:
        return []
    goal = max(PART_WORDS, math.ceil(length / MAX_PARTS))
    parts: list[str] = []
    current: list[str] = []
    for sentence in filter(str.strip, _ENDS.split(text)):
        current.append(sentence.strip())
        if sum(words(one) for one in current) >= goal:
            parts.append(" ".join(current))
            current = []
    return [*parts, " ".join(current)] if current else parts
