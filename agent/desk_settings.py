"""How each helpdesk with a client of ours that calls us is reached: one model per system. Pure; knows no API."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

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
        trusts_identifiers: True takes a contact's identifier for the company's own name of a verified customer wherever Chatwoot
            has checked its HMAC. Only if that identifier is what your systems call the customer, and your people merge no
            contacts of different ones.
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
    trusts_identifiers: bool = False


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
