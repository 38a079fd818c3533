"""How each helpdesk with a client of ours is reached: one model per system. Pure; knows no API."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

STOP_TAG = "ai-handoff"
MAIL_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$"


def _web_address(value: str) -> str:
    if not value.startswith(("http://", "https://")) or value.partition("://")[2].strip("/") == "":
        raise ValueError("write it as https://host or http://host:port")
    return value.rstrip("/")


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("write it as Europe/Paris or UTC") from error
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
Secret = Annotated[SecretStr, Field(min_length=8)]
Number = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,17}$")]
"""An id of the helpdesk's."""


class Table(BaseModel):
    """What is written down of one helpdesk."""

    # Ids of queues are often numbers, and are written as such in TOML and on the command line.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)


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


class DeskSettings(Table):
    """What every helpdesk with an API of its own has.

    Attributes:
        url: of the helpdesk, without a path unless it lives under one.
        token: of a user of the helpdesk that belongs to Innkeeper alone: by its author a message is told to be ours.
        secrets: what its webhooks are signed with, or carry; more than one while rotating.
        stop_tag: a ticket that carries it belongs to a person; set at a hand-off. Remove it to give the ticket back.
        queues: the group, team or queue of the helpdesk for each queue that the policies name.
        default_queue: where a hand-off goes that names none, or one that is not in `queues`; it stays where it is if not given.
        answers_assigned: answer tickets that are assigned to a person who hasn't spoken yet.
        ca_file: certificates to trust in place of the system's, for a company's own authority.
        timeout_s: without a sign of life in one call of the API; the whole call may take six times as long.
    """

    url: WebAddress
    token: SecretStr
    secrets: tuple[Secret, ...] = ()
    stop_tag: str = Field(STOP_TAG, pattern=r"^[A-Za-z0-9_-]{1,50}$")
    queues: Mapping[str, str] = Field(default_factory=dict)
    default_queue: str | None = None
    answers_assigned: bool = False
    ca_file: Path | None = None
    timeout_s: float = Field(10.0, gt=0, le=120)

    @property
    def addresses(self) -> tuple[str, ...]:
        """What this process must be able to reach for it."""
        return (self.url,)

    def queue(self, named: str | None) -> str | None:
        """Where a hand-off goes, in the helpdesk's own words. None: it stays where it is."""
        return self.queues.get(named or "", self.default_queue)


class ZammadSettings(DeskSettings):
    """Zammad. `queues` name groups. `token`: a personal access token with `ticket.agent`."""

    system: Literal["zammad"]
    secrets: tuple[Secret, ...] = Field(min_length=1)


class ChatwootSettings(DeskSettings):
    """Chatwoot, as an agent bot or by the account's webhook. `queues` name teams by id.

    With `bot_token` a conversation is ours as long as it is pending and nobody is assigned, whatever its labels: what is
    resolved comes back as pending, and no person looks there. Without, it is ours while it is open without the stop tag,
    which is a label and must exist in the account.

    Attributes:
        account: its id, the number in the address of the dashboard.
        token: access token of an agent: a bot's own can't read conversations.
        bot_token: the agent bot's, by which replies are the bot's; those of `token` if not given.
        inbox: id of the inbox in which conversations are opened for somebody who has none, best one for e-mail.
        signed: False for a server before 4.13, which signs nothing: one of `secrets` then stands in the webhook's path.
        window_s: how old a webhook's timestamp may be.
    """

    system: Literal["chatwoot"]
    account: int = Field(ge=1)
    bot_token: SecretStr | None = None
    inbox: int | None = Field(None, ge=1)
    secrets: tuple[Secret, ...] = Field(min_length=1)
    signed: bool = True
    queues: Mapping[str, Number] = Field(default_factory=dict)
    default_queue: Number | None = None
    window_s: int = Field(300, ge=10)


class ZendeskSettings(DeskSettings):
    """Zendesk. `token`: an API token, used with `email`, of an agent. `queues` name groups by id.

    Attributes:
        email: of the agent that Innkeeper writes as.
        replied: status that a reply sets; empty leaves it as it is.
        safe_update: refuse to reply to a ticket that has changed since it was read; the reply is then thought over again.
        window_s: how old a webhook's timestamp may be.
    """

    system: Literal["zendesk"]
    email: str = Field(pattern=r"^[^@\s<>:]+@[^@\s<>:]+$")
    secrets: tuple[Secret, ...] = Field(min_length=1)
    queues: Mapping[str, Number] = Field(default_factory=dict)
    default_queue: Number | None = None
    replied: Literal["open", "pending", "hold", "solved"] | None = "pending"
    safe_update: bool = True
    window_s: int = Field(300, ge=10)

    @field_validator("replied", mode="before")
    @classmethod
    def _may_be_empty(cls, value: object) -> object:
        return None if value == "" else value


class FreshdeskSettings(DeskSettings):
    """Freshdesk. `token`: an agent's API key. `queues` name groups by id.

    Attributes:
        header: in which the automation rule sends one of `secrets`; Freshdesk signs nothing.
        stop_tag: Freshdesk's tags have at most 32 characters.
    """

    system: Literal["freshdesk"]
    stop_tag: str = Field(STOP_TAG, pattern=r"^[A-Za-z0-9_-]{1,32}$")
    secrets: tuple[Secret, ...] = Field(min_length=1)
    queues: Mapping[str, Number] = Field(default_factory=dict)
    default_queue: Number | None = None
    header: str = Field("X-Innkeeper-Secret", pattern=r"^[A-Za-z0-9-]+$")


class JiraSettings(DeskSettings):
    """Jira Service Management. `token`: an API token with `email` (Cloud), or a personal access token without (Data Center).

    `queues` name components; the stop tag is a label.

    Attributes:
        project: key of the service project, as in `SUP-12`; events of other projects are passed over.
        request_type: id of the request type for tickets that we open; none are opened if not given.
        signed: False for a Jira that can't sign its webhooks: one of `secrets` stands in the webhook's path then.
    """

    system: Literal["jira"]
    project: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    email: str | None = None
    request_type: str | None = Field(None, pattern=r"^[0-9]+$")
    signed: bool = True
    secrets: tuple[Secret, ...] = Field(min_length=1)


class FreeScoutSettings(DeskSettings):
    """FreeScout with its module "API & Webhooks". `token`: an API key. `queues` name mailboxes by id.

    Attributes:
        secrets: the key that webhooks are signed with. Of an APP_KEY (`base64:…`), which opens all of FreeScout, no more than
            that key is kept.
        user: id of the user that Innkeeper writes as.
        tags: False without the module "Tags": then a hand-off is told by its assignee.
        handoff_user: id of a user that a hand-off is assigned to; needed without tags.
        algorithm: other modules use the same header with other ones.
    """

    system: Literal["freescout"]
    queues: Mapping[str, Number] = Field(default_factory=dict)
    default_queue: Number | None = None
    user: int = Field(ge=1)
    tags: bool = True
    handoff_user: int | None = Field(None, ge=1)
    secrets: tuple[Secret, ...] = Field(min_length=1)
    algorithm: Literal["sha1-base64", "sha256-hex"] = "sha1-base64"

    @field_validator("secrets")
    @classmethod
    def _signing_keys(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        return tuple(freescout_key(one) for one in secrets)

    @model_validator(mode="after")
    def _can_hand_off(self) -> Self:
        if self.handoff_user == self.user:
            raise ValueError("handoff_user must be another one than user")
        if not self.tags and (self.handoff_user is None or self.answers_assigned):
            raise ValueError("without tags a hand-off needs handoff_user, and answers_assigned must stay off")
        return self


def freescout_key(secret: SecretStr) -> SecretStr:
    """What webhooks are signed with: the secret itself, or what FreeScout makes of an APP_KEY."""
    text = secret.get_secret_value()
    if not text.startswith("base64:"):
        return secret
    return SecretStr(hashlib.md5(f"{text}webhook_key".encode(), usedforsecurity=False).hexdigest())


class GlpiSettings(DeskSettings):
    """GLPI 11, by its legacy REST API. `token`: a user's API token. `queues` and `default_queue` name groups by id.

    GLPI has no tags: a ticket belongs to people while one of these groups is assigned to it. So `default_queue` is needed,
    `stop_tag` isn't, and no rule of GLPI may assign these groups to new tickets.

    Attributes:
        app_token: of the API client, if it has one.
        api_path: where the legacy API answers.
        timezone: of the times that the API gives, which tell none themselves: the server's, or that of the user's preferences.
        window_s: how old a webhook's timestamp may be: it is that of the first attempt, and retries come for hours.
    """

    system: Literal["glpi"]
    app_token: SecretStr | None = None
    api_path: str = Field("/apirest.php", pattern=r"^(/[A-Za-z0-9._-]+)+$")
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    queues: Mapping[str, Number] = Field(default_factory=dict)
    default_queue: Number
    secrets: tuple[Secret, ...] = Field(min_length=1)
    window_s: int = Field(86_400, ge=10)


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
