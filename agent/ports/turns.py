"""What a turn works with beside its conversation: jobs, what is sent, and what people decide."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from agent.ports.conversations import Ticket
from agent.types import ConversationId, Decision, Message, OutboxEntry, OutboxKey, Outcome, RunId


class Outbox(Protocol):
    """Committed outcomes that the helpdesk has not confirmed yet."""

    async def pending(self) -> list[OutboxKey]:
        """Oldest first."""
        ...

    async def get(self, key: OutboxKey) -> OutboxEntry | None:
        """None once it is delivered or given up. What it gives is as durable as the settings ask for, and may be sent."""
        ...

    async def settle(self, key: OutboxKey, *, delivered: bool, detail: str = "") -> None:
        """Confirmed, or given up for good (kept aside for a person, never dropped)."""
        ...


@dataclass(frozen=True, slots=True)
class ShadowRecord:
    """What a run decided in shadow mode, and on what. `at` is in UTC."""

    run_id: RunId
    conversation_id: ConversationId
    at: dt.datetime
    messages: tuple[Message, ...]
    outcome: Outcome


class ShadowRecords(Protocol):
    """What would have been sent in shadow mode. Every method raises `QueueUnavailable` when Redis can't be reached."""

    async def record(self, record: ShadowRecord) -> None:
        """Keep it; a run that is recorded already stays as it is (idempotent)."""
        ...

    def all(self) -> AsyncIterator[ShadowRecord]:
        """Oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """A turn of the past: what the customer could see, and what became of it.

    Attributes:
        run_id: of the turn.
        at: when it was answered, ISO 8601 in UTC.
        messages: oldest first; the customer has the last word.
        answer: what the customer read, or would have read.
        outcome: all of it, if it is on record.
        decision: as far as it is on record without the outcome.
    """

    run_id: RunId
    at: str
    messages: tuple[Message, ...]
    answer: str
    outcome: Outcome | None = None
    decision: Decision | None = None


class TurnQueue(Protocol):
    """Background work. Adding what is already waiting changes nothing."""

    async def add_turn(self, conversation_id: ConversationId, message_id: str) -> None:
        """Ask for a turn of this conversation, soon."""
        ...

    async def add_delivery(self, key: OutboxKey) -> None:
        """Ask for an outbox entry to be delivered."""
        ...


class ReplySender(Protocol):
    """Gives an outcome to the helpdesk it came from."""

    async def send(self, entry: OutboxEntry) -> None:
        """Raises `HelpdeskUnavailable` (try again) or `HelpdeskRefused` (never)."""
        ...


class Approvals(Protocol):
    """What a person decides about a proposed reply. Idempotent: helpdesks repeat their webhooks."""

    async def approve(self, conversation_id: ConversationId, run_id: RunId, text: str | None, by: str = "") -> bool:
        """Send the proposal, with the person's wording if `text` is given. `by` tells the audit log where it stands who they are.

        False if it was decided before. Raises `ConversationMissing` or `QueueUnavailable`.
        """
        ...

    async def decline(self, conversation_id: ConversationId, run_id: RunId, by: str = "") -> bool:
        """Drop the proposal; the conversation stays with the person. Returns and raises as `approve`."""
        ...


class PersonRequests(Protocol):
    """What a customer asks for by a button, not in words."""

    async def request_person(self, ticket: Ticket, request_id: str, language: str | None) -> bool:
        """Hand the conversation off, once. False if a person owns it already.

        Args:
            ticket: the conversation, which need not have begun.
            request_id: of this request; the same for a repeat.
            language: the customer's, if nothing that they wrote tells it.

        Raises:
            QueueUnavailable: ask again.
        """
        ...


class Stage(StrEnum):
    """What a turn does at the moment."""

    RECEIVED = "received"
    SEARCHING = "searching"
    WRITING = "writing"
    CHECKING = "checking"
    IDLE = "idle"
    """Nothing: the turn has ended without a message."""


class Progress(Protocol):
    """Tells a customer who waits what is being done."""

    async def tell(self, conversation_id: ConversationId, stage: Stage) -> None:
        """Never raises, and takes little time."""
        ...


class Answerer(Protocol):
    """One turn without a channel, on public knowledge alone."""

    async def __call__(self, messages: tuple[Message, ...], language: str | None) -> Outcome:
        """`messages` end in the question. Raises `ModelUnavailable` or `QueueUnavailable`."""
        ...
