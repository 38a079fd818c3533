"""Fits the reader of pairs (`tests.bench.grounding.reader`) on examples, and reads with it."""

import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from tests.bench.grounding.pairs import Example
from tests.bench.grounding.reader import Reader, batch_of
from tests.bench.grounding.rows import SOME_WRONG

BATCH = 32
SHARE = {
    ("articles", True): 0.15, ("articles", False): 0.15, ("begin", False): 0.6, ("faithful", True): 0.6,
    ("faithful", False): 0.5, ("turns", True): 0.5, ("turns", False): 0.5,
}  # fmt: skip
"""How much of a set is seen in an epoch: the freer the words the more."""
SHARE_OF_KIND = {("targets", "cut"): 0.5, ("targets", "article"): 0.6, ("begin", "cut"): 0.3, ("articles", "article"): 0.05}
WEIGHT = {"targets": 2.0, "turns": 1.5, "begin": 1.0, "articles": 0.7, "replies_dev": 2.5, "faithful": 0.8, "paraphrases": 2.0}
WORDS, ORDER = 2.0, 0.5
"""How much the loss over words counts, and that a claim must be above what was made of it."""


class Low:
    """What the layers that stay make of an input, computed once."""

    def __init__(self, model: Reader) -> None:
        self._model, self._kept = model, dict[int, np.ndarray]()

    def batch(self, data: Sequence[Example], chosen: Sequence[int]) -> dict[str, torch.Tensor]:
        found = batch_of([data[n].input for n in chosen])
        if all(n in self._kept for n in chosen):
            found["lower"] = torch.zeros(*found["ids"].shape, self._model.flag.shape[1])
            for i, n in enumerate(chosen):
                found["lower"][i, : len(self._kept[n])] = torch.from_numpy(self._kept[n].astype(np.float32))
            return found
        found["lower"] = self._model.lower(found)
        for i, n in enumerate(chosen):
            self._kept[n] = found["lower"][i, : len(data[n].input.ids)].numpy().astype(np.float16)
        return found


def drawn(data: Sequence[Example], seen: Sequence[int], dice: random.Random) -> list[list[int]]:
    """An epoch's batches: a claim and what was made of it together, inputs of like length together."""
    units: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for n in seen:
        row = data[n].row
        share = SHARE_OF_KIND.get((row.corpus, row.kind), SHARE.get((row.corpus, row.supported), 1.0))
        if row.kind != SOME_WRONG and dice.random() < share:
            units[row.corpus, row.item, row.original or row.claim].append(n)
    order = list(units.values())
    dice.shuffle(order)
    batches: list[list[int]] = []
    for at in range(0, len(order), BATCH * 8):
        flat = [n for unit in sorted(order[at : at + BATCH * 8], key=lambda u: len(data[u[0]].input.ids)) for n in unit]
        batches += [flat[i : i + BATCH] for i in range(0, len(flat), BATCH)]
    dice.shuffle(batches)
    return batches


def loss(model: Reader, batch: dict[str, torch.Tensor], rows: Sequence[Example], weight: Sequence[float]) -> torch.Tensor:
    """Of claims, of their words where it is known which are wrong, and of the order of a claim and what was made of it."""
    wrong, claim = model(batch)
    y = torch.tensor([float(one.row.supported) for one in rows])
    of_claims = F.binary_cross_entropy_with_logits(claim, y * 0.96 + 0.02, weight=torch.tensor(weight))
    marks = torch.full(batch["ids"].shape, -1)
    for i, one in enumerate(rows):
        marks[i, : len(one.wrong)] = torch.from_numpy(one.wrong)
    known = marks >= 0
    of_words = claim.sum() * 0
    if known.any():
        of_words = F.binary_cross_entropy_with_logits(wrong[known], marks[known].float(), pos_weight=torch.tensor(2.0))
    units = [(one.row.corpus, one.row.item, one.row.original) for one in rows]
    pairs = [(i, j) for i in np.flatnonzero(y) for j in np.flatnonzero(1 - y) if units[i] == units[j]]
    order = claim.sum() * 0
    if pairs:
        better, worse = (list(side) for side in zip(*pairs, strict=True))
        order = F.softplus(claim[worse] - claim[better]).mean()
    return of_claims + WORDS * of_words + ORDER * order


def weights_of(data: Sequence[Example], seen: Sequence[int]) -> dict[int, float]:
    """Sets by `WEIGHT`, both answers alike, mean 1."""
    found = {n: WEIGHT[data[n].row.corpus] for n in seen}
    true = sum(w for n, w in found.items() if data[n].row.supported)
    ratio = (sum(found.values()) - true) / true
    found = {n: w * (ratio if data[n].row.supported else 1.0) for n, w in found.items()}
    mean = sum(found.values()) / len(found)
    return {n: w / mean for n, w in found.items()}


@dataclass(frozen=True)
class Fitted:
    model: Reader
    low: Low


def fit(data: Sequence[Example], seen: Sequence[int], epochs: int, rate: float, seed: int, begun: Fitted | None = None) -> Fitted:
    """Trains from the encoder as it ships, or goes on with what was begun."""
    torch.manual_seed(seed)
    dice = random.Random(seed)
    model = begun.model if begun else Reader()
    low = begun.low if begun else Low(model)
    plan = [drawn(data, seen, dice) for _ in range(epochs)]
    weight = weights_of(data, sorted({n for epoch in plan for batch in epoch for n in batch}))
    optimiser = torch.optim.AdamW(groups(model, rate), betas=(0.9, 0.98))
    base = [group["lr"] for group in optimiser.param_groups]
    steps = [chosen for batches in plan for chosen in batches]
    model.train()
    for step, chosen in enumerate(tqdm(steps, "training", file=sys.stderr)):
        for group, own in zip(optimiser.param_groups, base, strict=True):
            group["lr"] = own * min(1.0, (step + 1) / (0.06 * len(steps))) * max(0.02, 1 - step / len(steps))
        found = loss(model, low.batch(data, chosen), [data[n] for n in chosen], [weight[n] for n in chosen])
        optimiser.zero_grad()
        found.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimiser.step()
    model.eval()
    return Fitted(model, low)


def groups(model: Reader, rate: float) -> list[dict[str, Any]]:
    low_rank, fresh, old = [], [], []
    for name, value in model.named_parameters():
        if value.requires_grad:
            last = name.split(".")[-1]
            (low_rank if last in ("a", "b") else old if "norm" in name else fresh).append(value)
    return [
        {"params": low_rank, "lr": rate, "weight_decay": 0.01},
        {"params": fresh, "lr": 2 * rate, "weight_decay": 0.0},
        {"params": old, "lr": 0.2 * rate, "weight_decay": 0.0},
    ]


@torch.no_grad()
def read_all(fitted: Fitted, data: Sequence[Example], chosen: Sequence[int]) -> dict[int, float]:
    """For each input the claim's logit."""
    found: dict[int, float] = {}
    order = sorted(chosen, key=lambda n: len(data[n].input.ids))
    for at in tqdm(range(0, len(order), 64), "reading", file=sys.stderr):
        part = order[at : at + 64]
        _, claim = fitted.model(fitted.low.batch(data, part))
        found |= zip(part, claim.tolist(), strict=True)
    return found
