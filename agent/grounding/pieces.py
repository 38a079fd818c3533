"""A claim's word pieces beside those of its region, as an encoder reads each in its sentence. Pure.

Other words for the same are near each other, and the same word among other words is farther from itself.
Source: Zhang et al., "BERTScore", 2020.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.types import TokenStates

OF_PIECES = (
    *("near_mean", "near_least", "near_tenth", "near_half", "near_three_least", "source_near_mean", "source_near_most"),
    *("same_near_mean", "same_near_least", "same_share", "other_near_mean", "other_near_least"),
    *("far_in_all", "far", "far_share", "near_of_worst_claim"),
)
_FAR = 0.55
"""A cosine below this is far: about the mean of pieces that the region lacks."""
_NONE_SAME, _NONE_OTHER = 0.3, 0.8
"""What counts as nearness where no piece is the same, or none is another."""
_WORD = re.compile(r"\w")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Nearness:
    """Cosines, float32. `said[n]`: of the claim's piece n with the nearest of the region.

    `same[n]`: with the nearest that is the same piece of a word, nan where there is none. `told[n]`: of the region's piece n with
    the nearest of the claim.
    """

    said: Floats
    same: Floats
    told: Floats


def nearness(claim: tuple[str, TokenStates], region: Sequence[tuple[str, TokenStates]]) -> Nearness | None:
    """A claim over the sentences of its region, each text with its pieces; None if either has none but marks."""
    here, there = [_of_words(*claim)], [_of_words(*sentence) for sentence in region]
    said, told = (np.concatenate([states for states, _ in side]) for side in (here, there))
    if not len(said) or not len(told):
        return None
    ids, others = (np.concatenate([ids for _, ids in side]) for side in (here, there))
    cosines = said @ told.T
    equal = ids[:, None] == others[None, :]
    same = np.where(equal.any(axis=1), np.where(equal, cosines, -1.0).max(axis=1), np.nan).astype(np.float32)
    return Nearness(cosines.max(axis=1), same, cosines.max(axis=0))


def _of_words(text: str, read: TokenStates) -> tuple[Floats, npt.NDArray[np.int64]]:
    kept = [n for n, (start, end) in enumerate(read.spans) if _WORD.search(text[start:end])]
    return read.states[kept], np.array([read.ids[n] for n in kept], np.int64)


def piece_figures(claims: Sequence[Nearness]) -> list[float]:
    """The figures `OF_PIECES` of the claims of a reply, at least one."""
    said, told = (np.concatenate([getattr(claim, side) for claim in claims]) for side in ("said", "told"))
    standing = np.concatenate([claim.same for claim in claims])
    other = said[np.isnan(standing)]
    same = standing[~np.isnan(standing)]
    far = said < _FAR
    found = [
        *(said.mean(), said.min(), np.quantile(said, 0.1), np.quantile(said, 0.5), np.sort(said)[:3].mean()),
        *(told.mean(), np.quantile(told, 0.75)),
        *((same.mean(), same.min()) if len(same) else (_NONE_SAME, _NONE_SAME)),
        len(same) / len(said),
        *((other.mean(), other.min()) if len(other) else (_NONE_OTHER, _NONE_OTHER)),
        *(math.log1p(max(0.0, float((1 - said).sum()))), math.log1p(int(far.sum())), far.mean()),
        min(claim.said.mean() for claim in claims),
    ]
    return [float(one) for one in found]
