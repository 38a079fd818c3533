"""The record of conversations, and which tickets of helpdesks belong to them."""

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from agent.types import Conversation, ConversationId, DraftRuling, Message, MessageId, OutboxEntry, Outcome, RunId


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

        It ends what waits for a person's decision, unless it is no draft and has that very `approval`: then it is said beside
        it. A draft with an `approval` is overdue when its time is over.

        None, and nothing written, if a message arrived since `conversation` was read or another run
        has answered it. An outcome `NO_REPLY` marks the messages as answered and makes no entry.
        """
        ...

    async def release(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write what came of what was decided about the draft of `run_id`, in one atomic step, once.

        None, and nothing written, if the run was released before, or if no ruling stands and a message arrived since
        `conversation` was read. Its outbox id differs from the draft's. What a customer has written since the ruling
        stays unanswered.
        """
        ...

    async def rule(self, conversation: Conversation, ruling: DraftRuling) -> DraftRuling | None:
        """Write down what is decided about a draft, in one atomic step. What it gives stands: the first that was decided.

        None, and nothing written, if a message arrived since `conversation` was read, or the draft was released before.
        Until it is released it comes up in `overdue` again and again.
        """
        ...

    async def note_tool_failure(self, conversation: Conversation) -> int:
        """Count a call of the company's systems that has failed for what is unanswered, and give `Conversation.tool_failures`.

        A hand-off of ours ends the count. 0, and nothing is counted, if the conversation is gone.
        """
        ...

    async def overdue(self, now: dt.datetime) -> list[ConversationId]:
        """Conversations in which nobody has decided in time, or a decision was not carried through; oldest first."""
        ...

    async def forget_approval(self, conversation: Conversation) -> None:
        """Nothing waits for a person here any more. Nothing changes if it was read before a message or a ruling came."""
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
        """Something was said, or is waited for: it is due soon, and often. Of any ticket, linked or not."""
        ...

    async def let_go(self, ticket: ConversationId) -> None:
        """It is not due any more, unless it stands for a conversation."""
        ...
