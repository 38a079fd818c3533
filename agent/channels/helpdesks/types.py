"""The words of a helpdesk channel: delivery, hint, ticket as the helpdesk has it. And the seams that each system fills."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from agent.types import NOBODY, Customer


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook as it came.

    Attributes:
        body: the raw bytes, which signatures are over.
        headers: by lower-case name.
        key: what stands behind the source in the path, for systems that sign nothing.
        now: seconds since 1970.
    """

    body: bytes
    headers: Mapping[str, str]
    key: str | None
    now: float


@dataclass(frozen=True, slots=True)
class Hint:
    """A genuine delivery says: look at this ticket.

    Attributes:
        delivery: the same for each repeat of the delivery, and for no other.
        ticket_id: as the API wants it.
    """

    delivery: str
    ticket_id: str


class Wrote(StrEnum):
    """Who wrote a message of a ticket, as the helpdesk knows."""

    CUSTOMER = "customer"
    STAFF = "staff"
    US = "us"
    MACHINE = "machine"
    """Another program, or the helpdesk itself."""


class Owner(StrEnum):
    """Whose ticket it is, as far as the helpdesk says."""

    US = "us"
    """Nothing says that it is a person's: no stop tag, nobody assigned, or a status of ours."""
    PERSON = "person"
    UNSAID = "unsaid"
    """The system has no way to tell."""


@dataclass(frozen=True, slots=True)
class DeskMessage:
    """One message of a ticket. `text` is plain; `sent_at` is ISO 8601 in UTC.

    Attributes:
        public: False for an internal note.
        automatic: an out-of-office reply or the like: never answered.
        customer: who this is, as far as the helpdesk tells.
        may_be_forged: it came by mail, or may have: the name of one of the staff on it proves nothing.
    """

    message_id: str
    wrote: Wrote
    text: str
    sent_at: str
    public: bool = True
    automatic: bool = False
    customer: Customer = NOBODY
    may_be_forged: bool = False


@dataclass(frozen=True, slots=True)
class DeskTicket:
    """A ticket as the helpdesk has it now, messages oldest first.

    Attributes:
        known: what its system needs to write to it, e.g. the customer's address; nobody else reads it.
    """

    ticket_id: str
    subject: str | None
    messages: tuple[DeskMessage, ...]
    owner: Owner = Owner.US
    known: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Words:
    """The same words as plain text and as HTML without scripts, images or styles.

    Attributes:
        text: as it is read where nothing is rendered.
        meant_for: the policy's queue that a hand-over note is for; only e-mail needs to know before the hand-off itself.
        markdown: without tables, for helpdesks that render it; None if it would be no other than the text.
    """

    text: str
    html: str
    meant_for: str | None = None
    markdown: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer who is not in the helpdesk yet. Nothing of it is verified unless the channel says so."""

    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What `innkeeper connect` found out about one thing. `detail` says what to do if it isn't `ok`."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class News:
    """What a poll found. `cursor` is where the next one begins."""

    hints: tuple[Hint, ...]
    cursor: str


class Receiver(Protocol):
    """Tells what a webhook is about. Pure."""

    def receive(self, delivery: Delivery) -> Hint | None:
        """None for a genuine delivery about nothing that we answer.

        Raises:
            SignatureInvalid: it is not genuine, or stale.
            PayloadInvalid, JsonInvalid: it is genuine, and not what the system sends.
        """
        ...


class Helpdesk(Protocol):
    """One helpdesk, by its API. Every method raises `HelpdeskUnavailable` (try again) or `HelpdeskRefused` (never).

    None of them looks whether it was done before, but `hand_off`, which may be repeated.
    """

    async def read(self, ticket_id: str) -> DeskTicket:
        """The ticket with all of its messages. Raises `TicketMissing` if there is none."""
        ...

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """Tell the customer. `mark` is in the words, too; some systems keep it apart as well."""
        ...

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """Tell the people who work there, and nobody else."""
        ...

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """Give the ticket to people: stop tag, status, and the group if one is named. Safe to repeat."""
        ...

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new ticket of that customer's. Returns its id.

        The words are for the people who work there. Where a ticket can't begin with an internal note, they are left out: the
        caller reads the ticket and adds them.
        """
        ...

    async def check(self) -> list[Finding]:
        """Real calls: is it there, is the token good, has it the rights that are needed. Raises no `AgentError`."""
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...


@runtime_checkable
class Challenged(Protocol):
    """A receiver whose system asks first whether the address is ours."""

    def challenge(self, token: str) -> str:
        """The body to answer with."""
        ...


@runtime_checkable
class PolledHelpdesk(Helpdesk, Protocol):
    """One that sends no webhooks, or none that can be relied on."""

    @property
    def poll_s(self) -> float:
        """Seconds between two polls."""
        ...

    async def poll(self, cursor: str | None) -> News:
        """Tickets with news since `cursor`; None the first time: what is new from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What a person must do in the helpdesk, for `innkeeper connect` to print.

    Attributes:
        steps: in order, one line each; `{webhook}` is the address of our webhook, `{secret}` its secret.
    """

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A genuine delivery about nothing, by which `innkeeper connect` sees that our webhook is reached.

    Attributes:
        key: last part of the path, for systems that sign nothing.
    """

    headers: Mapping[str, str]
    body: bytes
    key: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """One kind of helpdesk.

    Attributes:
        name: as in the settings.
        helpdesk: from a source's name and its settings.
        receiver: from the settings; None if it is polled.
        setup: from the settings.
        sample: from the settings and the time in seconds since 1970; None if it is polled.
        own_secret: what its webhooks are signed with, in words, if it is known beforehand and none of ours can be entered there.
        notes_decide: False where an internal note may have come by mail: then none approves a proposal.
    """

    name: str
    helpdesk: Callable[[str, Any], Helpdesk]
    receiver: Callable[[Any], Receiver] | None
    setup: Callable[[Any], Setup]
    sample: Callable[[Any, float], Sample] | None = None
    own_secret: str | None = None
    notes_decide: bool = True
