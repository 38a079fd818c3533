"""The generic webhook: any helpdesk that signs by Standard Webhooks and speaks our envelope.

From a verified envelope to a stored message and a waiting turn. Never waits for a model, never knows the graph.
"""

from datetime import UTC
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.channels.deps import ApiDeps
from agent.channels.intake import MAX_TEXT, clean_text, html_to_text, parse_json
from agent.channels.problems import describe
from agent.channels.widget.by_webhook import FromWebhook
from agent.channels.widget.people import WidgetPeople
from agent.errors import PayloadInvalid
from agent.ports import Ticket
from agent.telemetry import begin_message, received
from agent.types import NOBODY, Author, ConversationId, Customer, Identity, Message, MessageId, RunId

MAX_SUBJECT = 500
Model = TypeVar("Model", bound=BaseModel)


class Status(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("must be printable, without spaces at the ends")
    return value


Id = Annotated[str, Field(min_length=1, max_length=200, coerce_numbers_to_str=True), AfterValidator(_printable)]

"""Some helpdesks number their tickets."""


class _Lenient(BaseModel):
    """Extra fields are other people's business."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Envelope(_Lenient):
    """The outer form of every event; `data` is read by type."""

    type: Annotated[str, Field(min_length=1, max_length=200)]
    timestamp: AwareDatetime | None = None
    data: dict[str, object] = Field(default_factory=dict)


class Sender(_Lenient):
    """Who wrote, as the helpdesk knows.

    Attributes:
        customer_id: the company's own name for a customer.
        email: their address.
        verified: true only if the company's own systems vouch for who this is, as after a sign-in; a mail's sender is not.
    """

    kind: Literal["customer", "agent", "bot", "system"]
    customer_id: Id | None = None
    email: Annotated[str, Field(min_length=3, max_length=320), AfterValidator(_printable)] | None = None
    verified: bool = False

    @property
    def customer(self) -> Customer:
        """As the agent room knows them; nobody for who is no customer."""
        if self.kind != "customer" or (self.customer_id is None and self.email is None):
            return NOBODY
        identity = Identity.VERIFIED if self.verified and self.customer_id is not None else Identity.CLAIMED
        return Customer(identity, self.customer_id, self.email)


class MessageCreated(_Lenient):
    """`ticket.message.created`: `text` after reading is clean, not empty and not over the limit."""

    ticket_id: Id
    message_id: Id
    author: Sender
    visibility: Literal["public", "internal"] = "public"
    text: str | None = None
    html: str | None = None
    subject: str | None = None
    generated_by: str | None = None

    @property
    def is_automatic(self) -> bool:
        """True for what a program wrote, be it ours or another's: answering it could go on for ever."""
        return self.author.kind in ("bot", "system") or self.generated_by == "ai"

    def body(self) -> str:
        """The text, or the HTML as text.

        Raises:
            PayloadInvalid: nothing to read, or too much.
        """
        return _bounded(clean_text(self.text or "") or clean_text(html_to_text(self.html or "")), "data.text")


class Approved(_Lenient):
    """`agent.reply.approved`: a person lets a proposed reply go, in their own words if `text` is given."""

    ticket_id: Id
    run_id: Id
    text: str | None = None
    decided_by: Id | None = None

    @model_validator(mode="after")
    def _has_words(self) -> "Approved":
        if self.text is not None and not clean_text(self.text):
            raise ValueError("text is empty; leave it out to send the proposal as it is")
        return self


class Declined(_Lenient):
    """`agent.reply.declined`: a person drops a proposed reply."""

    ticket_id: Id
    run_id: Id
    decided_by: Id | None = None


class Closed(_Lenient):
    """`conversation.closed`."""

    ticket_id: Id


def read_envelope(body: bytes) -> Envelope:
    """The envelope of a verified body. Raises `JsonInvalid` or `PayloadInvalid`."""
    return _read(Envelope, parse_json(body), prefix="")


class GenericIntake:
    """From a verified envelope to a stored message and a waiting turn."""

    def __init__(self, deps: ApiDeps) -> None:
        self._conversations = deps.conversations
        self._queue = deps.queue
        self._approvals = deps.approvals
        self._chats: FromWebhook | None = None
        if deps.widget is not None:
            shown = deps.widget.conversations
            self._chats = FromWebhook(deps.settings.sites, WidgetPeople(deps.conversations, shown), shown)

    async def take(self, source: str, envelope: Envelope) -> Status:
        """Store what must be stored; safe to repeat.

        Raises:
            PayloadInvalid: the data is not what the type needs.
            QueueUnavailable: nothing is lost if the sender repeats.
        """
        match envelope.type:
            case "ticket.message.created":
                return await self._message(source, envelope)
            case "agent.reply.approved":
                approved = _read(Approved, envelope.data)
                text = None if approved.text is None else _bounded(clean_text(approved.text), "data.text")
                ticket, run_id = _conversation_id(source, approved.ticket_id), RunId(approved.run_id)
                done = await self._approvals.approve(ticket, run_id, text, approved.decided_by or "")
                return Status.ACCEPTED if done else Status.DUPLICATE
            case "agent.reply.declined":
                declined = _read(Declined, envelope.data)
                ticket, run_id = _conversation_id(source, declined.ticket_id), RunId(declined.run_id)
                done = await self._approvals.decline(ticket, run_id, declined.decided_by or "")
                return Status.ACCEPTED if done else Status.DUPLICATE
            case "conversation.closed":
                closed = _read(Closed, envelope.data)
                if self._chats is not None and await self._chats.holds(source, closed.ticket_id):
                    await self._chats.close(source, closed.ticket_id)
                return Status.ACCEPTED
            case _:
                return Status.IGNORED

    async def _message(self, source: str, envelope: Envelope) -> Status:
        event = _read(MessageCreated, envelope.data)
        if event.is_automatic:
            return Status.IGNORED
        if envelope.timestamp is None:
            raise PayloadInvalid("timestamp: a message needs the time it was written, in ISO 8601 with a time zone")
        message = Message(
            message_id=MessageId(event.message_id),
            author=Author.CUSTOMER if event.author.kind == "customer" else Author.HUMAN_AGENT,
            text=event.body(),
            sent_at=envelope.timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            visible=event.visibility == "public",
            customer=event.author.customer,
        )
        if self._chats is not None and await self._chats.holds(source, event.ticket_id):
            is_shown = await self._chats.take(source, event.ticket_id, message)
            return Status.IGNORED if is_shown is None else Status.ACCEPTED if is_shown else Status.DUPLICATE
        conversation_id = _conversation_id(source, event.ticket_id)
        trace_id = begin_message(conversation_id, message.message_id)
        subject = clean_text(event.subject or "")[:MAX_SUBJECT] or None
        is_new = await self._conversations.append(Ticket(conversation_id, source, event.ticket_id, subject), message)
        if message.author is Author.CUSTOMER and message.visible:
            # Also on a repeat: the first delivery may have died between the two steps.
            if is_new:
                received(trace_id, conversation_id=conversation_id)
            await self._queue.add_turn(conversation_id, message.message_id)
        return Status.ACCEPTED if is_new else Status.DUPLICATE


def _conversation_id(source: str, ticket_id: str) -> ConversationId:
    return ConversationId(f"{source}:{ticket_id}")


def _bounded(text: str, place: str) -> str:
    if not text:
        raise PayloadInvalid(f"{place}: the message has no text")
    if len(text) > MAX_TEXT:
        raise PayloadInvalid(f"{place}: {len(text)} characters, at most {MAX_TEXT} are taken")
    return text


def _read(model: type[Model], value: object, prefix: str = "data.") -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise PayloadInvalid(f"{prefix}{describe(error)}") from error
