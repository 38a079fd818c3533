"""How each helpdesk is reached that is asked what is new: its calls don't come, or may be lost. One model per system. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, SecretStr, model_validator

from agent.desk_settings import MAIL_ADDRESS, STOP_TAG, DeskSettings, Number, Secret, Table


class PollStart(Table):
    """Where the first poll begins.

    Attributes:
        at: when that was found out.
        cursor: the place, in the helpdesk's own terms.
    """

    at: AwareDatetime
    cursor: str


class Polled(Table):
    """What every helpdesk has that is asked what is new.

    Attributes:
        first_poll: written by `innkeeper connect`, so that what comes in before the first poll is answered. Not given, or a
            week old: the first poll finds nothing, and what comes in after it is answered.
    """

    first_poll: PollStart | None = None


class DjangoHelpdeskSettings(DeskSettings, Polled):
    """django-helpdesk. `token`: the password of `user`, who must be staff. `queues` name queues by id.

    It signs nothing: one of `secrets` stands in the webhook's path. It has no tags: `stop_tag` is the name of a custom field
    (boolean, staff only); where there is none, a hand-off puts the ticket on hold.

    Attributes:
        user_id: of `user`, the number in the address of its page in Django's admin; the API doesn't tell it.
        poll_s: how often new messages are asked for: its webhooks are sent once, and lost if that fails.
    """

    system: Literal["django-helpdesk"]
    queues: Mapping[str, Number] = Field(default_factory=dict)
    default_queue: Number | None = None
    user: str = Field(min_length=1)
    user_id: int = Field(ge=1)
    secrets: tuple[Secret, ...] = Field(min_length=1)
    poll_s: float = Field(60.0, ge=1)


class RequestTrackerSettings(DeskSettings, Polled):
    """Request Tracker 5 by its REST2 API, polled. `token`: an authentication token. `queues` name queues.

    RT has no tags. A ticket is a person's while it lies in a queue that isn't `watched`, belongs to somebody, or has the stop
    tag in `stop_field`. A hand-off must end in one of these, so at least one of `default_queue`, `handoff_owner` and
    `stop_field` is needed.

    Attributes:
        watched: queues whose tickets are answered.
        handoff_owner: user who owns a ticket after a hand-off.
        stop_field: custom field of tickets that holds the stop tag.
        on_behalf: users that open tickets in a customer's name, such as a web form's: what they open with is the customer's.
        poll_s: how often it is asked what is new.
    """

    system: Literal["request-tracker"]
    watched: tuple[str, ...] = Field(min_length=1)
    handoff_owner: str | None = None
    stop_field: str | None = None
    on_behalf: tuple[str, ...] = ()
    poll_s: float = Field(15.0, ge=1)

    @model_validator(mode="after")
    def _can_stop(self) -> Self:
        if self.handoff_owner or self.stop_field:
            return self
        if self.default_queue is None:
            raise ValueError("say what makes a ticket a person's: default_queue, handoff_owner or stop_field")
        if watched := sorted({*self.queues.values(), self.default_queue} & {*self.watched}):
            raise ValueError(f"a ticket handed off to {', '.join(watched)} would be answered again: that queue is watched")
        return self


class EmailSettings(Polled):
    r"""A mailbox: read over IMAP, answered over SMTP.

    Attributes:
        address: of the mailbox; what it sends comes from here.
        name: shown beside the address.
        imap: `imaps://host[:port]`, or `imap://host[:port]` for one that encrypts by STARTTLS. Ports 993 and 143 if not given.
        smtp: `smtps://host[:port]`, or `smtp://host[:port]` for one that encrypts by STARTTLS. Ports 465 and 587 if not given.
        allow_plain: also log in to another machine that offers no encryption.
        user: at both servers; the address if not given.
        password: at both servers.
        inbox: folder that mail comes in by.
        sent: folder that a copy of every reply is kept in; a person's replies are looked for there, too.
        handoff_to: where a hand-off is sent: address of the people who take over, by policy queue; `""` for every other. What
            comes from these addresses is never taken for a customer's. Without any, hand-offs come into the mailbox itself.
        stop_keyword: IMAP keyword (tag, label) of a conversation that is a person's; set at a hand-off. Remove it to give the
            conversation back. On a server that keeps no keywords of one's own: `\Flagged`.
        authserv: name of the own mail server, as in its Authentication-Results header. Not given: no sender is verified.
        poll_s: how often the mailbox is read.
    """

    system: Literal["email"]
    address: str = Field(pattern=MAIL_ADDRESS)
    name: str = ""
    imap: str = Field(pattern=r"^imaps?://[^/\s]+$")
    smtp: str = Field(pattern=r"^smtps?://[^/\s]+$")
    allow_plain: bool = False
    user: str | None = None
    password: SecretStr
    inbox: str = "INBOX"
    sent: str = "Sent"
    handoff_to: Mapping[str, Annotated[str, Field(pattern=MAIL_ADDRESS)]] = Field(default_factory=dict)
    stop_keyword: str = Field(STOP_TAG, pattern=r"^[\\$]?[A-Za-z0-9_-]{1,50}$")
    authserv: str | None = None
    poll_s: float = Field(15.0, ge=1)
    ca_file: Path | None = None
    timeout_s: float = Field(20.0, gt=0, le=120)

    @property
    def addresses(self) -> tuple[str, ...]:
        """What this process must be able to reach for it."""
        return (self.imap, self.smtp)
