"""What has been done in the company's systems, and how much of an action's limits is taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from policies.action_parts import Limits
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
        proposal_id: of the question that the customer said yes to. It finds the call again when the facts have changed by it.
        plan: what is to be called, and with what; JSON.
    """

    key: str
    action: str
    customer: str
    amount: int
    limits: Limits
    day: str
    at_ms: int
    proposal_id: str = ""
    plan: Mapping[str, Any] = field(default_factory=dict)


class Stage(StrEnum):
    """How far a call is."""

    BEGUN = "begun"
    """Its limits are taken; it may have happened."""
    DONE = "done"
    UNCERTAIN = "uncertain"
    """Nobody knows whether it has happened, and it isn't tried again. What it took stays taken."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that is known, and its plan."""

    stage: Stage
    plan: Mapping[str, Any]


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

    async def find(self, action: str, proposal_id: str) -> Entry | None:
        """The call that was begun for a proposal."""
        ...

    async def settle(self, taking: Taking, stage: Stage) -> None:
        """Write down what came of it; idempotent. What is done stays done."""
        ...

    async def give_back(self, taking: Taking) -> None:
        """The call has not happened: what it took is free again, and it is as if it had never begun. Idempotent."""
        ...
