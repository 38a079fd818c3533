"""Is all of a reply supported? One probability from its claims together. Pure.

The weakest claim is a poor measure of a whole reply: of five claims one looks doubtful by chance, and what a reply adds to its
passages shows better in all of its words than in those of one sentence. So the figures of the claims are taken together (mean,
least, most), with a few of the whole text, and two small models judge: a logistic one and a forest, whose logits are averaged.
What they have learnt from people's judgements tells replies that speak for themselves from those that keep to their passages,
and hardly sees one changed number; the weakest claim does, so it has a say, too. `python -m tests.bench.train_reply` trains
and measures, and says on what. The probability ranks replies; which sentences may be sent is for the verifier alone to say.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.grounding.features import FEATURES as OF_CLAIM
from agent.grounding.forest import Forest

OF_WHOLE = (
    *("words_known", "pairs_known", "triples_known", "letters_known", "length", "source_length", "share_of_source"),
    *("words_unknown", "words_unknown_and_not_asked", "source_told"),
)
FEATURES = (*(f"{name}_{how}" for how in ("mean", "least", "most") for name in OF_CLAIM), "claims", *OF_WHOLE)
FARTHEST = 4.0
"""Standard deviations: what is farther out than that counts as that far, so that no figure alone decides."""
_LONGEST = 3.0
"""Of a reply in lengths of its source."""
WEAKEST = 0.25
"""What the logit of the weakest claim's probability counts, beside the 1 of the rest. More of it tells changed facts better, and
people's judgements worse: with 0 / 0.25 / 0.5 / 1 AUROC is .956 / .955 / .953 / .948 on BEGIN, .942 / .941 / .939 / .934 on
mtrag_faithful, and .58 / .61 / .63 / .67 on people's replies beside the same with one thing changed (`train_reply`)."""
_CERTAIN = 1e-4
"""No probability is taken as nearer to 0 or 1."""
_LETTERS = 5
_WORD = re.compile(r"\w+")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Told:
    """A whole reply, greetings and all, with the question and what its passages say."""

    reply: str
    question: str
    passages: str


@dataclass(frozen=True, slots=True)
class ClaimFigures:
    """One claim in `agent.grounding.features.FEATURES`, and the probability by itself that it is supported."""

    row: list[float]
    chance: float


def reply_row(told: Told, claims: Sequence[ClaimFigures | None]) -> list[float] | None:
    """The row of `FEATURES` for a reply; None if nothing of it can be compared with the passages.

    Args:
        told: the whole of it.
        claims: its claims; None for one that there is nothing to lay over.
    """
    known = [claim.row for claim in claims if claim is not None]
    if not known:
        return None
    table = np.array(known)
    together = np.concatenate([table.mean(axis=0), table.min(axis=0), table.max(axis=0)])
    return [*together.tolist(), float(len(known)), *_whole(told)]


def _whole(told: Told) -> list[float]:
    """What the text has of the passages, in the very same forms; of each word, whatever it does in its sentence."""
    said, asked = _words(told.reply), set(_words(told.question))
    source = _read(told.passages)
    unknown = [word for word in said if word not in source.words]
    letters = _letters(said)
    return [
        1 - len(unknown) / max(1, len(said)),
        _share(list(pairwise(said)), source.pairs),
        _share(list(zip(said, said[1:], said[2:], strict=False)), source.triples),
        _share(letters, source.letters),
        math.log1p(len(said)),
        math.log1p(source.length),
        min(_LONGEST, len(said) / max(1, source.length)),
        math.log1p(len(unknown)),
        math.log1p(sum(word not in asked for word in unknown)),
        len(source.words.intersection(said)) / max(1, len(source.words)),
    ]


@dataclass(frozen=True, slots=True)
class _Source:
    length: int
    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    triples: frozenset[tuple[str, str, str]]
    letters: frozenset[str]


@lru_cache(maxsize=32)
def _read(passages: str) -> _Source:
    words = _words(passages)
    triples = frozenset(zip(words, words[1:], words[2:], strict=False))
    return _Source(len(words), frozenset(words), frozenset(pairwise(words)), triples, frozenset(_letters(words)))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _letters(words: Sequence[str]) -> list[str]:
    """Each five letters in a row, so that other endings of a word count in part."""
    text = " ".join(words)
    return [text[n : n + _LETTERS] for n in range(len(text) - _LETTERS + 1)]


def _share(found: Sequence[object], known: frozenset[Any]) -> float:
    return sum(one in known for one in found) / max(1, len(found))


@dataclass(frozen=True)
class ReplyModel:
    """What has been trained. `mean` and `scale` make a figure comparable; `weights` and `bias` are of the logistic model."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float
    forest: Forest

    def chances(self, rows: Sequence[Sequence[float]]) -> Floats:
        """What the two models say of each row, without the weakest claim: probabilities, float64 [n]."""
        if not len(rows):
            return np.zeros(0)
        table = np.asarray(rows, np.float64)
        near = np.clip((table - self.mean) / self.scale, -FARTHEST, FARTHEST)
        one = near @ self.weights + self.bias
        other = _logit(self.forest.chances(rows).astype(np.float64))
        chances: Floats = 1 / (1 + np.exp(-(one + other) / 2))
        return chances

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "ReplyModel":
        """What `stored` gave."""
        arrays = {part: np.asarray(stored[f"reply.{part}"], np.float64) for part in ("mean", "scale", "weights")}
        return cls(**arrays, bias=float(stored["reply.bias"]), forest=Forest.read(stored, "reply.forest"))

    def stored(self) -> dict[str, Any]:
        """The arrays for `numpy.savez`; `read` takes them back."""
        linear = {f"reply.{part}": np.asarray(getattr(self, part)) for part in ("mean", "scale", "weights", "bias")}
        return linear | self.forest.stored("reply.forest")

    def chance(self, told: Told, claims: Sequence[ClaimFigures | None]) -> float:
        """The probability that all of one reply is supported; 0 if nothing of it can be compared with the passages."""
        row = reply_row(told, claims)
        if row is None:
            return 0.0
        weakest = min(claim.chance for claim in claims if claim is not None)
        return float(with_weakest(self.chances([row]), np.array([weakest]))[0])


def with_weakest(chances: Floats, weakest: Floats) -> Floats:
    """The probability of replies, given what the two models say of each, and that of its weakest claim; float64 [n]."""
    both: Floats = 1 / (1 + np.exp(-(_logit(chances) + WEAKEST * _logit(weakest))))
    return both


def _logit(chances: Floats) -> Floats:
    near = chances.clip(_CERTAIN, 1 - _CERTAIN)
    found: Floats = np.log(near / (1 - near))
    return found


@cache
def reply_model() -> ReplyModel:
    """What ships, in `reply.npz`."""
    path = resources.files("agent.grounding") / "reply.npz"
    with resources.as_file(path) as file, np.load(file, allow_pickle=False) as stored:
        return ReplyModel.read(stored)
