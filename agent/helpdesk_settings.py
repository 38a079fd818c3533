"""The helpdesks of the settings: each of any kind, told apart by `system`, and as they are written down. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, SecretStr, Tag, field_validator

from agent.desk_settings import (
    MAIL_ADDRESS,
    STOP_TAG,
    ChatwootSettings,
    DeskSettings,
    FreeScoutSettings,
    FreshdeskSettings,
    GlpiSettings,
    JiraSettings,
    Table,
    ZammadSettings,
    ZendeskSettings,
)
from agent.polled_settings import DjangoHelpdeskSettings, EmailSettings, Polled, PollStart, RequestTrackerSettings

__all__ = [
    "MAIL_ADDRESS",
    "STOP_TAG",
    "AnyHelpdesk",
    "ChatwootSettings",
    "DeskSettings",
    "DjangoHelpdeskSettings",
    "EmailSettings",
    "FreeScoutSettings",
    "FreshdeskSettings",
    "GlpiSettings",
    "HelpdeskSettings",
    "JiraSettings",
    "PollStart",
    "Polled",
    "RequestTrackerSettings",
    "ZammadSettings",
    "ZendeskSettings",
    "check_names",
    "plain",
    "settings_class",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class HelpdeskSettings(Table):
    """One helpdesk that speaks Standard Webhooks and our envelope.

    Attributes:
        secrets: `whsec_…` secrets that a delivery may be signed with; more than one while rotating.
        reply_url: where outcomes are sent.
        reply_secret: signs what is sent; the first of `secrets` if not given.
    """

    system: Literal["generic"] = "generic"
    secrets: tuple[SecretStr, ...] = Field(min_length=1)
    reply_url: str
    reply_secret: SecretStr | None = None

    @field_validator("secrets")
    @classmethod
    def _well_formed(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            if not secret.get_secret_value().startswith("whsec_"):
                raise ValueError("a secret starts with whsec_ (make one with `innkeeper secret`)")
        return secrets

    @property
    def addresses(self) -> tuple[str, ...]:
        """What this process must be able to reach for it."""
        return (self.reply_url,)


def _system(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("system", "generic"))
    return str(getattr(value, "system", ""))


AnyHelpdesk = Annotated[
    Annotated[HelpdeskSettings, Tag("generic")]
    | Annotated[ZammadSettings, Tag("zammad")]
    | Annotated[ChatwootSettings, Tag("chatwoot")]
    | Annotated[ZendeskSettings, Tag("zendesk")]
    | Annotated[FreshdeskSettings, Tag("freshdesk")]
    | Annotated[JiraSettings, Tag("jira")]
    | Annotated[FreeScoutSettings, Tag("freescout")]
    | Annotated[GlpiSettings, Tag("glpi")]
    | Annotated[DjangoHelpdeskSettings, Tag("django-helpdesk")]
    | Annotated[RequestTrackerSettings, Tag("request-tracker")]
    | Annotated[EmailSettings, Tag("email")],
    Discriminator(_system),
]
"""Any of them; without `system` it is the generic one."""


_CLASSES: Mapping[str, type[BaseModel]] = {
    str(kind.model_fields["system"].annotation.__args__[0]): kind  # type: ignore[union-attr]
    for kind in (
        HelpdeskSettings,
        ZammadSettings,
        ChatwootSettings,
        ZendeskSettings,
        FreshdeskSettings,
        JiraSettings,
        FreeScoutSettings,
        GlpiSettings,
        DjangoHelpdeskSettings,
        RequestTrackerSettings,
        EmailSettings,
    )
}


def settings_class(system: str) -> type[BaseModel]:
    """The model of a system's settings. Raises `KeyError` for one that isn't known."""
    return _CLASSES[system]


def plain(settings: BaseModel) -> dict[str, Any]:
    """What was given, secrets included, as values that JSON and TOML can hold. Keep it as you keep the secrets."""

    def reveal(value: Any) -> Any:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, Mapping):
            return {name: reveal(one) for name, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [reveal(one) for one in value]
        if isinstance(value, datetime):
            return value.isoformat()
        return str(value) if isinstance(value, Path) else value

    given: dict[str, Any] = reveal(settings.model_dump(exclude_unset=True, exclude_none=True))
    fields = type(settings).model_fields
    # TOML has no null: what was emptied on purpose is written as an empty text.
    emptied = {name: "" for name in settings.model_fields_set - {*given} if fields[name].default is not None}
    return given | emptied


def check_names(helpdesks: Mapping[str, AnyHelpdesk]) -> None:
    """Raise `ValueError` for a name that can't stand in an address or before a ticket's id.

    One that speaks our own envelope may have any: it builds its addresses itself.
    """
    for name, one in helpdesks.items():
        if not isinstance(one, HelpdeskSettings) and not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a helpdesk: letters, digits, . - and _, at most 64")
