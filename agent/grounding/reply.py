"""Is all of a reply supported? One probability from its claims together. Pure.

The weakest claim is a poor measure of a whole reply: of five claims one looks doubtful by chance, and what a reply adds to its
passages shows better in all of its words than in those of one sentence. So the figures of the claims are taken together (mean,
least, most), with those of the whole text (`agent.grounding.told`) and, where the encoder tells what it makes of each piece of a
word, those of all pieces (`agent.grounding.pieces`). Two small models judge: a logistic one and a forest, whose logits are
averaged. What they have learnt from people's judgements tells replies that speak for themselves from those that keep to their
passages, and hardly sees one changed number; the weakest claim does, so it has a say, too. `python -m tests.bench.train_reply`
trains and measures, and says on what. The probability ranks replies; which sentences may be sent, the verifier alone says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.grounding.features import FEATURES as OF_WORDS
from agent.grounding.forest import Forest
from agent.grounding.pieces import OF_PIECES, Nearness, piece_figures
from agent.grounding.told import OF_TOLD, Told, told_figures

_NEAR_AT = 9
OF_CLAIM = (*OF_WORDS[:_NEAR_AT], "likeness", "to_question", *OF_WORDS[_NEAR_AT:])
FEATURES = (*(f"{name}_{how}" for how in ("mean", "least", "most") for name in OF_CLAIM), "claims", *OF_TOLD)
FEATURES_READ = (*FEATURES, *OF_PIECES)
"""Of a reply whose pieces were read, too."""
FARTHEST = 4.0
"""Standard deviations: what is farther out than that counts as that far, so that no figure alone decides."""
WEAKEST = 0.25
"""What the logit of the weakest claim's probability counts, beside the 1 of the rest. More of it tells changed facts better, and
people's judgements worse: with 0 / 0.15 / 0.25 / 0.5 AUROC is .960 / .960 / .959 / .957 on BEGIN, .955 / .956 / .955 / .956 on
mtrag_faithful, and .61 / .62 / .64 / .66 on replies beside the same with one thing changed (`train_reply`). With less than 0.2 a
sentence whose condition is left out may count as likelier than a quote."""
_CERTAIN = 1e-4
"""No probability is taken as nearer to 0 or 1."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClaimFigures:
    """One claim in `agent.grounding.features.FEATURES`, and the probability by itself that it is supported.

    `near`: its cosine similarity to the nearest sentence of its region, and to the question; 0 where there is none.
    `pieces`: its pieces beside those of its region; None if nothing has read them.
    """

    row: list[float]
    chance: float
    near: tuple[float, float] = (0.0, 0.0)
    pieces: Nearness | None = None


def reply_row(told: Told, claims: Sequence[ClaimFigures | None]) -> list[float] | None:
    """The row of `FEATURES_READ` for a reply, or of `FEATURES` if the pieces of a claim were not read.

    None if nothing of it can be compared with the passages.

    Args:
        told: the whole of it.
        claims: its claims; None for one that there is nothing to lay over.
    """
    known = [claim for claim in claims if claim is not None]
    if not known:
        return None
    table = np.array([[*claim.row[:_NEAR_AT], *claim.near, *claim.row[_NEAR_AT:]] for claim in known])
    together = np.concatenate([table.mean(axis=0), table.min(axis=0), table.max(axis=0)])
    row = [*together.tolist(), float(len(known)), *told_figures(told)]
    pieces = [claim.pieces for claim in known if claim.pieces is not None]
    return [*row, *piece_figures(pieces)] if len(pieces) == len(known) else row


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
    def read(cls, stored: Mapping[str, Any], name: str) -> "ReplyModel":
        """What is stored under a name, as `stored` gave it."""
        arrays = {part: np.asarray(stored[f"{name}.{part}"], np.float64) for part in ("mean", "scale", "weights")}
        return cls(**arrays, bias=float(stored[f"{name}.bias"]), forest=Forest.read(stored, f"{name}.forest"))

    def stored(self, name: str) -> dict[str, Any]:
        """The arrays for `numpy.savez`; `read` takes them back."""
        linear = {f"{name}.{part}": np.asarray(getattr(self, part)) for part in ("mean", "scale", "weights", "bias")}
        return linear | self.forest.stored(f"{name}.forest")


@dataclass(frozen=True)
class ReplyModels:
    """`plain` was trained on `FEATURES`, `read` on `FEATURES_READ`.

    `token_model` names the encoder whose pieces it knows (`knowledge.types.TokenReader`); another one's mean nothing to it.
    """

    plain: ReplyModel
    read: ReplyModel
    token_model: str

    def chance(self, told: Told, claims: Sequence[ClaimFigures | None]) -> float:
        """The probability that all of one reply is supported; 0 if nothing of it can be compared with the passages."""
        row = reply_row(told, claims)
        if row is None:
            return 0.0
        model = self.read if len(row) == len(FEATURES_READ) else self.plain
        weakest = min(claim.chance for claim in claims if claim is not None)
        return float(with_weakest(model.chances([row]), np.array([weakest]))[0])


def with_weakest(chances: Floats, weakest: Floats, share: float = WEAKEST) -> Floats:
    """The probability of replies, given what the two models say of each, and that of its weakest claim; float64 [n]."""
    both: Floats = 1 / (1 + np.exp(-(_logit(chances) + share * _logit(weakest))))
    return both


def _logit(chances: Floats) -> Floats:
    near = chances.clip(_CERTAIN, 1 - _CERTAIN)
    found: Floats = np.log(near / (1 - near))
    return found


@cache
def reply_models() -> ReplyModels:
    """What ships, in `reply.npz`."""
    path = resources.files("agent.grounding") / "reply.npz"
    with resources.as_file(path) as file, np.load(file, allow_pickle=False) as stored:
        plain, read = (ReplyModel.read(stored, name) for name in ("plain", "read"))
        return ReplyModels(plain, read, str(stored["token_model"]))
