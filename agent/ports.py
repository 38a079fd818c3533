"""The seams of the agent: what it needs from the world, said in its own words. No vendor library here."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from agent.types import (
    Completion,
    Conversation,
    ConversationId,
    Decision,
    Message,
    MessageId,
    OutboxEntry,
    OutboxKey,
    Outcome,
    Prompt,
    RunId,
    Task,
)
from knowledge.pair_input import Marked, Reading
from knowledge.types import Audience, Hit, Passage, Query, Vectors


class ChatModel(Protocol):
    """A model that writes text, or several: which one answers may depend on the prompt's task.

    Raises `ModelUnavailable` when the server can't be used now (after its own bounded retries, or
    at once while its circuit breaker is open) and `ModelOutputInvalid` when it answers nonsense.
    """

    async def complete(self, prompt: Prompt) -> Completion:
        """One completion."""
        ...

    def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        """The same, piece by piece."""
        ...

    async def is_ready(self) -> bool:
        """True if the server answers now. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class ModelsSeen:
    """Which models answered when they were asked last. Names are of the settings.

    Attributes:
        models: each model by name.
        tasks: for each task that is asked for, whether one of its models answered.
    """

    models: Mapping[str, bool]
    tasks: Mapping[Task, bool]


class Retriever(Protocol):
    """Finds passages. Blocking: call it in a thread."""

    def search(self, query: Query) -> list[Hit]:
        """Best first; an audience that the query doesn't name is never in the result."""
        ...

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        """The passages of its document near a passage, itself among them, in reading order. [] for another audience."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors. Blocking: call it in a thread."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], L2-normalised."""
        ...


class PairReader(Protocol):
    """Reads claims beside their evidence. Blocking: call it in a thread."""

    def read(self, pairs: Sequence[Marked]) -> list[Reading]:
        """One reading a pair, in order. Raises `EmbeddingUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where a message belongs."""

    conversation_id: ConversationId
    source: str
    ticket_id: str
    subject: str | None = None


class Conversations(Protocol):
    """The record of all conversations, and the outbox that is committed with them.

    A conversation in which nothing is owed is forgotten a while after its last step; it is as if nobody had ever written in it.
    Every method raises `QueueUnavailable` when Redis can't be reached.
    """

    async def append(self, ticket: Ticket, message: Message) -> bool:
        """Add a message. False if that message id is known: nothing changes then (idempotent).

        A message by a human agent marks the conversation as handed off.
        """
        ...

    async def read(self, conversation_id: ConversationId) -> Conversation:
        """Raises `ConversationMissing`."""
        ...

    async def commit(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write the one outcome of a run: conversation and outbox, in one atomic step.

        None, and nothing written, if a message arrived since `conversation` was read or another run
        has answered it. An outcome `NO_REPLY` marks the messages as answered and makes no entry.
        """
        ...

    async def release(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write what a person decided about the draft of `run_id`, in one atomic step, once.

        None, and nothing written, if a message arrived since `conversation` was read or the run was
        released before. Its outbox id differs from the draft's.
        """
        ...

    async def set_owner(self, conversation_id: ConversationId, *, person: bool) -> None:
        """Write down whom the helpdesk shows as the owner.

        A person's conversation is handed off. It is ours again only if the helpdesk has shown it as a person's before:
        a hand-off that is still on its way there must not be taken back.
        """
        ...

    async def give_back(self, conversation_id: ConversationId, note_id: MessageId) -> bool:
        """Make the conversation ours, because a person's internal note says so. False if that note was heeded before."""
        ...

    async def hand_off(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write a hand-off that the customer asked for, whether or not anything is unanswered or was ever said.

        None, and nothing written, if a person owns the conversation already or a message arrived since it was read.
        """
        ...

    async def unanswered(self) -> list[ConversationId]:
        """Conversations that have a customer's message which no outcome has seen."""
        ...


class TicketHints(Protocol):
    """Tickets that must be looked at, because a webhook or a poll said so. Every method raises `QueueUnavailable`."""

    async def add(self, conversation_id: ConversationId, delivery: str, digest: str) -> bool:
        """Keep a hint, in one atomic step with the mark that this delivery was seen; it is forgotten after seven days.

        False, and nothing changes, if the delivery was kept before with the same `digest` of its body.
        """
        ...

    async def waiting(self) -> list[ConversationId]:
        """Tickets that nobody has looked at since their hint; oldest first."""
        ...

    async def stamp(self, conversation_id: ConversationId) -> str | None:
        """Read before looking, for `done`. None if no hint waits."""
        ...

    async def done(self, conversation_id: ConversationId, stamp: str | None) -> None:
        """Looked at. A hint that came after `stamp` stays."""
        ...

    async def cursor(self, source: str) -> str | None:
        """Where the next poll of a helpdesk begins."""
        ...

    async def keep_cursor(self, source: str, cursor: str) -> None:
        """Write it down, once all that the poll has found is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Link:
    """A ticket of a helpdesk that stands for a conversation held elsewhere, e.g. in the chat widget.

    Attributes:
        ticket: as a conversation's id: `source:ticket id`.
        told: so many messages of the conversation are in the ticket's first note.
    """

    conversation_id: ConversationId
    ticket: ConversationId
    told: int


class TicketLinks(Protocol):
    """Which ticket stands for which conversation. Every method raises `QueueUnavailable` when Redis can't be reached."""

    async def keep(self, link: Link) -> None:
        """Write it down; from now on its ticket is due to be looked at."""
        ...

    async def of_conversation(self, conversation_id: ConversationId) -> Link | None:
        """None if no ticket stands for it."""
        ...

    async def of_ticket(self, ticket: ConversationId) -> Link | None:
        """None if it stands for no conversation."""
        ...

    async def due(self) -> list[ConversationId]:
        """Tickets to look at now. Each is due again after a while: sooner the later something was said in it."""
        ...

    async def touch(self, ticket: ConversationId) -> None:
        """Something was said."""
        ...


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

    async def approve(self, conversation_id: ConversationId, run_id: RunId, text: str | None) -> bool:
        """Send the proposal, with the person's wording if `text` is given.

        False if it was decided before. Raises `ConversationMissing` or `QueueUnavailable`.
        """
        ...

    async def decline(self, conversation_id: ConversationId, run_id: RunId) -> bool:
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
