"""What has been done in the company's systems, and how much of an action's limits is taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from policies.actions import Limits
from policies.judging import Spent


@dataclass(frozen=True, slots=True)
class Taking:
    """One call that writes, as its limits see it.

    Attributes:
        key: of the call; the same for each try of it.
        action: id.
        customer: the company's own name for whose limits count.
        amount: in cents; 0 if the action counts none.
        day: of the company's calendar, e.g. `2026-11-27`.
        at_ms: now, since 1970.
    """

    key: str
    action: str
    customer: str
    amount: int
    limits: Limits
    day: str
    at_ms: int


class Stage(StrEnum):
    """How far a call is."""

    BEGUN = "begun"
    """Its limits are taken; it may have happened."""
    DONE = "done"
    UNCERTAIN = "uncertain"
    """Nobody knows whether it has happened, and it isn't tried again. What it took stays taken."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that is known. `result` is what the system said, once it is done."""

    stage: Stage
    result: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of taking: `known` is the entry if the call was begun before, `full` the limit that has no room.

    Neither: it is begun now.
    """

    known: Entry | None = None
    full: str | None = None


class Ledger(Protocol):
    """Every method raises `QueueUnavailable` when Redis can't be reached, or too few replicas have what was written."""

    async def spent(self, taking: Taking) -> Spent:
        """What is taken of the limits now, by others than this call."""
        ...

    async def take(self, taking: Taking) -> Taken:
        """Begin a call: check all limits and take of them, in one atomic step."""
        ...

    async def find(self, action: str, key: str) -> Entry | None:
        """What is known of a call."""
        ...

    async def settle(self, taking: Taking, stage: Stage, result: Mapping[str, Any] | None = None) -> None:
        """Write down what came of it; idempotent. What is done stays done."""
        ...

    async def give_back(self, taking: Taking) -> None:
        """The call has not happened: what it took is free again, and it is as if it had never begun. Idempotent."""
        ...
