"""Two texts side by side, as a reader of pairs takes them: word pieces, each with the mark of its word. Pure.

The reader (`knowledge.pair_reader`) and what trains it read this alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST_CLAIM = 64
MOST = 128
"""Word pieces, of the claim and in all; what is longer is cut."""
_FIRST, _BETWEEN = 101, 102
"""[CLS] and [SEP]. Source: BERT's vocabulary, uncased."""

Places = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mark:
    """A word's place in its text, in characters, and what is plain to see of it. 0 is for what is no word."""

    start: int
    end: int
    flag: int


@dataclass(frozen=True, slots=True)
class Marked:
    """`same` pairs words of one stem, `beside` those that stand in each other's place; both are places among the marks."""

    claim: str
    evidence: str
    claim_marks: tuple[Mark, ...]
    evidence_marks: tuple[Mark, ...]
    same: tuple[tuple[int, int], ...]
    beside: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one pair: the logit that the claim is supported, and of each of its words the probability that it is wrong."""

    logit: float
    wrong: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class PairInput:
    """All int64 [t], t pieces. `words` is the place of a claim's piece among the claim's marks, -1 for any other piece.

    `same` and `beside` are pairs of pieces, int64 [k, 2].
    """

    ids: Places
    segments: Places
    flags: Places
    words: Places
    same: Places
    beside: Places

    def likeness(self) -> Matrix:
        """Which pieces belong together, either way: float32 [2, t, t] of 0 and 1."""
        found = np.zeros((2, len(self.ids), len(self.ids)), np.float32)
        for n, pairs in enumerate((self.same, self.beside)):
            found[n, pairs[:, 0], pairs[:, 1]] = 1
            found[n, pairs[:, 1], pairs[:, 0]] = 1
        return found


def pair_input(tokenizer: "Tokenizer", pair: Marked) -> PairInput:
    """The word pieces of a pair; the tokenizer neither cuts nor pads nor adds any."""
    claim, evidence = (tokenizer.encode(text, add_special_tokens=False) for text in (pair.claim, pair.evidence))
    mine = _words(claim.offsets, pair.claim_marks)[:MOST_CLAIM]
    theirs = _words(evidence.offsets, pair.evidence_marks)[: MOST - 3 - len(mine)]
    ids = [_FIRST, *claim.ids[: len(mine)], _BETWEEN, *evidence.ids[: len(theirs)], _BETWEEN]
    flags = [0, *_flags(mine, pair.claim_marks), 0, *_flags(theirs, pair.evidence_marks), 0]
    here, there = _pieces(mine, 1), _pieces(theirs, len(mine) + 2)
    return PairInput(
        ids=np.array(ids, np.int64),
        segments=np.array([0] * (len(mine) + 2) + [1] * (len(theirs) + 1), np.int64),
        flags=np.array(flags, np.int64),
        words=np.array([-1, *mine, *[-1] * (len(theirs) + 2)], np.int64),
        same=_paired(pair.same, here, there),
        beside=_paired(pair.beside, here, there),
    )


def _words(offsets: Sequence[tuple[int, int]], marks: Sequence[Mark]) -> list[int]:
    """For each piece the place of the mark that it is in, or -1."""
    found, at = [], 0
    for start, end in offsets:
        while at < len(marks) and marks[at].end <= start:
            at += 1
        found.append(at if at < len(marks) and marks[at].start < end else -1)
    return found


def _flags(words: Sequence[int], marks: Sequence[Mark]) -> list[int]:
    return [marks[at].flag if at >= 0 else 0 for at in words]


def _pieces(words: Sequence[int], first: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for n, at in enumerate(words):
        if at >= 0:
            found.setdefault(at, []).append(first + n)
    return found


def _paired(pairs: Sequence[tuple[int, int]], here: dict[int, list[int]], there: dict[int, list[int]]) -> Places:
    found = [(a, b) for one, other in pairs for a in here.get(one, ()) for b in there.get(other, ())]
    return np.array(found, np.int64).reshape(-1, 2)
