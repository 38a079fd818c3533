"""Which rules a message is like, and which of the soft rules that match are told to the model. Pure: no model, no disk.

A message is compared with all examples of all rules in one matrix product. A soft rule is told by two figures: how near the
message is to the nearest of its examples, which decides whether it may match at all, and how well it fits all of them
together, which decides between those that may. For the second, what all texts of the pack have in common is taken off: two
rules of one company share most of their words. Then it is half the cosine to the mean of the examples, for a mean of a few
ways to say one thing points at that thing, where a single example also points at its own wording; and half the likeness to
those that are nearest, for a customer may tell a story that only one of the examples tells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from knowledge.types import Vectors

FIT = "/fit"
"""How well a message fits a rule is found under the rule's id and this ending, which no id can have."""
NAMED = 1.0
"""The fit of a rule whose pattern was found: the pack's author has said so."""
MOST = 5
"""So many guidelines are told to the model at most, beside the standing ones."""
MOST_BYTES = 1_500
"""Of all of them together, which is 500 tokens. The first is told whatever its length."""
BEHIND = 0.17
"""A guideline that fits so much worse than the one that fits best is left out, unless its author has said when it holds."""
_SOFT = 0.05
"""How much nearer an example must be than another to count e times as much.

With six examples each, the right guideline of the benchmark came first for 71% of the messages `fresh_check` with the nearest
beside the mean, and for 65% with the mean alone; among the first three for 87% both ways. Chosen by `fresh_select` and `dev`:
0.05 and 0.1 were alike, 0.2 was worse.
"""
_FEW = 100
"""With so many examples half of what they have in common is taken off, with more of them more: of a few it isn't known."""


class ExampleTable:
    """The examples of all rules as one matrix.

    Args:
        examples: float32 [n, d], L2-normalised, by the rule's key (`PolicyEngine.examples`).
    """

    def __init__(self, examples: Mapping[str, Vectors]) -> None:
        self._keys = tuple(key for key, vectors in examples.items() if len(vectors))
        if self._keys:
            own = [examples[key] for key in self._keys]
            self._counts = np.array([len(one) for one in own], np.float32)
            self._starts = np.cumsum([0, *(len(one) for one in own[:-1])])
            self._vectors = np.concatenate(own).astype(np.float32)
            share = len(self._vectors) / (len(self._vectors) + _FEW)
            self._shared = share * self._vectors.mean(axis=0)
            self._moved = _unit(self._vectors - self._shared)
            self._means = _unit(np.add.reduceat(self._moved, self._starts, axis=0))

    def __len__(self) -> int:
        return len(self._keys)

    def likeness(self, parts: Vectors) -> dict[str, float]:
        """How near a message is to each rule.

        Args:
            parts: float32 [p, d], L2-normalised: the message, then its sentences if it is long.

        Returns:
            By key the highest cosine similarity of a part to an example (-1 to 1), and by key and `FIT` how well the message
            fits the examples together (-1 to 1): the mean of what the whole and what the best part does.
        """
        if not self._keys or not len(parts):
            return {}
        near = np.maximum.reduceat((parts @ self._vectors.T).max(axis=0), self._starts)
        moved = _unit(parts - self._shared)
        fits = (_together(moved @ self._means.T) + self._nearest(_together(moved @ self._moved.T))) / 2
        found = dict(zip(self._keys, near.tolist(), strict=True))
        return found | dict(zip((key + FIT for key in self._keys), fits.tolist(), strict=True))

    def _nearest(self, likeness: Vectors) -> Vectors:
        """Of each rule from that of its examples: a mean in which the nearest count most, and their number doesn't.

        Args:
            likeness: float32 [n].

        Returns:
            float32 [rules], at most the highest of each rule.
        """
        weights = np.add.reduceat(np.exp(likeness / _SOFT), self._starts) / self._counts
        return np.asarray(_SOFT * np.log(weights), np.float32)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A soft rule that matches.

    `sure` if its author has said when: by a pattern, a threshold of its own, or no examples at all. `size` is the bytes of
    its text in the prompt.
    """

    id: str
    priority: int = 0
    fit: float = 0.0
    excludes: frozenset[str] = field(default_factory=frozenset)
    requires: frozenset[str] = field(default_factory=frozenset)
    size: int = 0
    sure: bool = True


def choose(candidates: Sequence[Candidate], standing: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Ids of the rules that apply, the most important first.

    By priority, then by fit, then as they stand in the files. A rule that applies keeps out those that it excludes, unless their
    priority is higher; of two that exclude each other the first stays, and one that is kept out excludes nobody. What a rule
    requires must apply too, and is counted with it.

    Args:
        candidates: what matches.
        standing: ids that apply to every turn, and are always there to be required.
    """
    best = max((one.fit for one in candidates if not one.sure), default=0.0)
    near = [one for one in candidates if one.sure or one.fit >= best - BEHIND]
    ordered = sorted(near, key=lambda one: (-one.priority, -one.fit))
    applying = {one.id: one for one in _at_peace(ordered, standing)}
    chosen: dict[str, Candidate] = {}
    left = MOST_BYTES
    for one in applying.values():
        group = [member for member in _with_required(one, applying) if member.id not in chosen]
        size = sum(member.size for member in group)
        if len(chosen) + len(group) <= MOST and (size <= left or not chosen):
            chosen |= {member.id: member for member in group}
            left -= size
    return tuple(rule_id for rule_id in applying if rule_id in chosen)


def _at_peace(ordered: Sequence[Candidate], standing: frozenset[str]) -> list[Candidate]:
    """Those that no other keeps out, and whose required ones are among them."""
    alive = list(ordered)
    while True:
        kept = _not_kept_out(alive)
        there = standing | {one.id for one in kept}
        lonely = {one.id for one in kept if not one.requires <= there}
        if not lonely:
            return kept
        alive = [one for one in alive if one.id not in lonely]


def _not_kept_out(ordered: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other of them excludes, in their order. Who excludes is settled before who is excluded."""
    left, kept = list(ordered), set[str]()
    while left:
        free = next((one for one in left if not any(_keeps_out(other, one) for other in left)), left[0])
        kept.add(free.id)
        left = [one for one in left if one is not free and not _keeps_out(free, one)]
    return [one for one in ordered if one.id in kept]


def _keeps_out(one: Candidate, other: Candidate) -> bool:
    return other.id in one.excludes and one.priority >= other.priority


def _with_required(one: Candidate, applying: Mapping[str, Candidate]) -> list[Candidate]:
    """It and all that it requires, directly or not."""
    found: dict[str, Candidate] = {}
    open_ids = [one.id]
    while open_ids:
        rule_id = open_ids.pop()
        if rule_id in applying and rule_id not in found:
            found[rule_id] = applying[rule_id]
            open_ids += sorted(applying[rule_id].requires)
    return list(found.values())


def _together(likeness: Vectors) -> Vectors:
    """The mean of what the whole message has and what the best of its parts has: from [p, n] to [n]."""
    return np.asarray((likeness[0] + likeness.max(axis=0)) / 2, np.float32)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return np.asarray(vectors / lengths, np.float32)
