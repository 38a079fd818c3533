"""Boosted trees, as arrays: what `tests.bench.train_grounding` has fitted, without the library that fitted it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Forest:
    """The nodes of all trees, one after the other. A leaf's `left` and `right` are itself.

    A row goes left where `row[feature] <= threshold`; the values of the leaves it ends in, one a tree, and the baseline add
    up to the logit of its probability (Friedman, "Greedy Function Approximation", 2001).
    """

    feature: Places
    threshold: Floats
    left: Places
    right: Places
    value: Floats
    roots: Places
    baseline: float
    depth: int

    def chances(self, rows: Sequence[Sequence[float]]) -> Floats:
        """The probability of each row, float32 [n]."""
        if not len(rows):
            return np.zeros(0, np.float32)
        x = np.asarray(rows, np.float32)
        at = np.broadcast_to(self.roots, (len(x), len(self.roots))).copy()
        which = np.arange(len(x))[:, None]
        for _ in range(self.depth):
            at = np.where(x[which, self.feature[at]] <= self.threshold[at], self.left[at], self.right[at])
        logit = self.baseline + self.value[at].sum(axis=1, dtype=np.float64)
        chances: Floats = (1 / (1 + np.exp(-logit))).astype(np.float32)
        return chances

    @classmethod
    def read(cls, stored: Mapping[str, Any], name: str) -> "Forest":
        """The forest that is stored under a name: arrays `name.feature`, `name.threshold` and so on."""
        arrays = {part: stored[f"{name}.{part}"] for part in ("feature", "threshold", "left", "right", "value", "roots")}
        return cls(**arrays, baseline=float(stored[f"{name}.baseline"]), depth=int(stored[f"{name}.depth"]))

    def stored(self, name: str) -> dict[str, Any]:
        """The arrays for `numpy.savez`; `read` takes them back."""
        parts = ("feature", "threshold", "left", "right", "value", "roots", "baseline", "depth")
        return {f"{name}.{part}": np.asarray(getattr(self, part)) for part in parts}
