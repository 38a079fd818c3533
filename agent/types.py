"""The words of the agent room: message, conversation, citation, outcome. Frozen, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

from knowledge.types import DocumentId, PassageId

ConversationId = NewType("ConversationId", str)
"""`source:ticket id`; also LangGraph's thread id."""
MessageId = NewType("MessageId", str)
RunId = NewType("RunId", str)
OutboxId = NewType("OutboxId", str)


class Author(StrEnum):
    """Who wrote a message. It comes from the channel, never from the text."""

    CUSTOMER = "customer"
    ASSISTANT = "assistant"
    HUMAN_AGENT = "human_agent"
    SYSTEM = "system"


class Identity(StrEnum):
    """How surely the channel knows who somebody is.

    `ANONYMOUS`: nothing is known. `CLAIMED`: an address or name that nobody has checked, as the sender of a mail.
    `VERIFIED`: the company's own systems vouch for it.
    """

    ANONYMOUS = "anonymous"
    CLAIMED = "claimed"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Customer:
    """Who wrote, as the channel knows; never from a text.

    Attributes:
        customer_id: the company's own name for them, if the channel gives it.
        email: their address, if the channel gives it.
    """

    identity: Identity = Identity.ANONYMOUS
    customer_id: str | None = None
    email: str | None = None


NOBODY = Customer()
"""Nothing is known."""


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation. `sent_at` is ISO 8601 in UTC."""

    message_id: MessageId
    author: Author
    text: str
    sent_at: str
    visible: bool = True
    """False for an internal note: the customer can't see it, and the agent must not repeat it."""
    customer: Customer = NOBODY
    """Who wrote it, if a customer did."""
    rules: tuple[str, ...] = ()
    """Ids of the policy rules that applied to it, if we wrote it."""
    unanswered: bool = False
    """True for a reply of ours that was no answer (`Outcome.leaves_open`)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action that waits for the customer's word. It is kept with the conversation as long as nothing else is said there.

    Attributes:
        proposal_id: also what tells its call from others, if the action itself doesn't say.
        action: id of the rule file.
        arguments: what the customer has named so far, or the facts left no choice in.
        customer_id: whose it is.
        asked: the argument that was asked for; None if the action was named with all that it does, and waits for a yes.
        call: what the tool is to be called with, as it was named.
        amount: in cents.
        told: what stood in the places of the question, by place; None for what was asked before this was written down.
        expires_at: ISO 8601 in UTC.
    """

    proposal_id: str
    action: str
    arguments: Mapping[str, Any]
    customer_id: str | None
    expires_at: str
    asked: str | None = None
    call: Mapping[str, Any] = field(default_factory=dict)
    amount: int = 0
    told: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """An action that waits for a person's yes.

    Attributes:
        run_id: of the turn that has proposed it.
        action: id of the rule file.
        customer_id: whose it is.
        until: ISO 8601 in UTC; then happens what the action's file says. None if it waits for as long as it takes.
    """

    run_id: RunId
    action: str
    customer_id: str | None
    until: str | None = None


class Ruled(StrEnum):
    """What was decided about a draft."""

    APPROVED = "approved"
    DECLINED = "declined"
    TIMED_OUT = "timed_out"
    """Nobody has said anything in time."""


@dataclass(frozen=True, slots=True)
class DraftRuling:
    """The one decision about the draft of `run_id`.

    Attributes:
        text: a person's own wording, if they gave one.
        by: where it stands who they are, e.g. the id of their note; "" if nothing tells.
    """

    run_id: RunId
    ruled: Ruled
    text: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """All messages so far, oldest first.

    `length` counts every message ever appended and is what a commit is compared with; `answered`
    is how many of them the latest outcome had seen; `handed_off` is True while a person owns it.
    `begun` tells it from an earlier one of the same id, which is forgotten by now. `proposal` is the action that
    the latest outcome has asked about, `approval` the one that waits for a person. `ruling` stands while what was decided
    about a draft is carried out. `tool_failures` counts the calls of the company's systems that have failed since the
    conversation was last handed off, if one of them failed for what is unanswered now; else it is 0.
    """

    conversation_id: ConversationId
    source: str
    ticket_id: str
    messages: tuple[Message, ...]
    length: int = 0
    answered: int = 0
    handed_off: bool = False
    subject: str | None = None
    begun: str = ""
    proposal: Proposal | None = None
    approval: PendingApproval | None = None
    ruling: DraftRuling | None = None
    tool_failures: int = 0


class Decision(StrEnum):
    """What a turn ends in."""

    ANSWER = "answer"
    DRAFT = "draft"
    CLARIFY = "clarify"
    HANDOFF = "handoff"
    REFUSE = "refuse"
    NO_REPLY = "no_reply"


@dataclass(frozen=True, slots=True)
class Citation:
    """A pointer from the reply to the passage it rests on. `n` is the [n] in the text."""

    n: int
    doc_id: DocumentId
    passage_id: PassageId
    title: str
    url: str | None
    quote: str


@dataclass(frozen=True, slots=True)
class PolicyTrace:
    """Which policy decided, and which of its rules applied."""

    version: str
    sha256: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What the turn cost at the model server."""

    llm_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.llm_calls + other.llm_calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one result of a turn. `answer` is what the customer reads (empty for no reply)."""

    decision: Decision
    answer: str
    reason: str
    language: str
    policy: PolicyTrace
    citations: tuple[Citation, ...] = ()
    confidence: float = 0.0
    usage: Usage = field(default_factory=Usage)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    queue: str | None = None
    """Where a hand-off goes, if the policy names a place."""
    summary: str | None = None
    """For the person who takes over: what was asked, what was found, what is open."""
    sure: bool = True
    """False for an answer that is only the closest that was found, or leaves a part of the question open."""
    proposal: Proposal | None = None
    """What the customer is asked about, if it is an action."""
    notice: str | None = None
    """What the customer reads at once, beside a reply that waits for a person."""
    approval: PendingApproval | None = None
    """What waits for a person's yes, if it is an action."""

    @property
    def leaves_open(self) -> bool:
        """True if the customer has asked in vain: we ask back, or refuse. What is asked about an action brings it further."""
        return self.decision in (Decision.CLARIFY, Decision.REFUSE) and self.proposal is None


@dataclass(frozen=True, slots=True)
class OutboxKey:
    """Where an outbox entry is: whose it is, and which."""

    conversation_id: ConversationId
    outbox_id: OutboxId


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A committed outcome on its way to the helpdesk. `outbox_id` is its idempotency key there."""

    outbox_id: OutboxId
    conversation_id: ConversationId
    source: str
    ticket_id: str
    run_id: RunId
    in_reply_to: MessageId
    outcome: Outcome
    created_at: str

    @property
    def key(self) -> OutboxKey:
        """Where it is in the outbox."""
        return OutboxKey(self.conversation_id, self.outbox_id)


_OUT, _RELEASED = "out_", "_released"


def outbox_id(run_id: RunId, *, released: bool = False) -> OutboxId:
    """The id of a run's entry and of its words in the conversation. A run has one, and one more once a person has ruled."""
    return OutboxId(f"{_OUT}{run_id}{_RELEASED if released else ''}")


def is_released(entry: OutboxId) -> bool:
    """True if a person has ruled on what this entry says."""
    return entry.endswith(_RELEASED)


def run_of(entry: str) -> RunId | None:
    """The run whose own entry has this id; None for an id that is none of these, or of what was released."""
    is_own = entry.startswith(_OUT) and not entry.endswith(_RELEASED)
    return RunId(entry.removeprefix(_OUT)) if is_own else None
