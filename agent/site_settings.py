"""The sites that carry the chat widget, as an operator writes them down. Read by `agent.settings` alone."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

WIDGET_SOURCE = "widget"
"""The source of every conversation that was held in a widget, whatever the site."""
SHORTEST_JWT_SECRET = 32
"""Bytes. An HS256 key must be at least as long as its hash. Source: RFC 7518, section 3.2."""
SHORTEST_IDENTITY_SECRET = 16

_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def _origin(value: str) -> str:
    """An origin as a browser sends it. Source: RFC 6454, section 6.2."""
    try:
        parts = urlsplit(value.strip().rstrip("/"))
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{value!r} can't be read: {error}") from error
    if (
        parts.scheme not in _DEFAULT_PORTS
        or not host
        or "*" in host
        or parts.path
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise ValueError(f"{value!r} is not an origin: write scheme://host or scheme://host:port, with no path and no wildcard")
    if not host.isascii():
        raise ValueError(f"{value!r}: a browser sends that host in ASCII; write it so, as xn--…")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")


def _web_address(value: str) -> str:
    if urlsplit(value).scheme not in ("http", "https"):
        raise ValueError("must begin with https:// or http://")
    return value


Origin = Annotated[str, AfterValidator(_origin)]


class SiteLimits(BaseModel):
    """How much one site takes.

    Attributes:
        session_messages: messages a minute in one session; as many conversations may be begun.
        address_sessions: new sessions a minute from one address (IPv6: one /64).
        site_messages: messages a minute on the whole site; as many conversations may be begun.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    session_messages: int = Field(20, ge=1)
    address_sessions: int = Field(30, ge=1)
    site_messages: int = Field(1200, ge=1)


class SiteSettings(BaseModel):
    """One site with the widget.

    Attributes:
        name: shown at the top of the widget.
        origins: exactly where the widget may run, e.g. https://shop.example.com.
        jwt_secret: checks a customer's HS256 token.
        jwt_public_key: checks a customer's EdDSA token; PEM.
        identity_secret: checks `identifier_hash`.
        greeting: the first line of an empty conversation.
        privacy_url: the site's privacy notice.
        suggestions: questions to begin with.
        handoff: the helpdesk that a person's ticket is opened in.
        hours: when people are there, in words.
        limits: how much the site takes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=100)
    origins: tuple[Origin, ...] = Field(min_length=1)
    jwt_secret: SecretStr | None = None
    jwt_public_key: SecretStr | None = None
    identity_secret: SecretStr | None = None
    greeting: str | None = Field(None, max_length=500)
    privacy_url: Annotated[str, AfterValidator(_web_address)] | None = None
    suggestions: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field((), max_length=6)
    handoff: str | None = None
    hours: str | None = Field(None, max_length=300)
    limits: SiteLimits = SiteLimits()

    @field_validator("jwt_secret")
    @classmethod
    def _long_jwt_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        return _at_least(secret, SHORTEST_JWT_SECRET)

    @field_validator("identity_secret")
    @classmethod
    def _long_identity_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        return _at_least(secret, SHORTEST_IDENTITY_SECRET)


def check_site_names(sites: dict[str, SiteSettings]) -> dict[str, SiteSettings]:
    """The same sites. Raises `ValueError` for a name that can't stand in a `data-site`."""
    for name in sites:
        if not _SITE.fullmatch(name):
            raise ValueError(f"{name!r} can't name a site: letters, digits, - and _, at most 64")
    return sites


def _at_least(secret: SecretStr | None, shortest: int) -> SecretStr | None:
    if secret is not None and len(secret.get_secret_value().encode()) < shortest:
        raise ValueError(f"a secret has at least {shortest} bytes (make one with `openssl rand -hex 32`)")
    return secret
