"""Sessions: a browser gets an opaque token, of which only a hash is kept; every call is checked against it."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request

from agent.channels.widget import limits
from agent.channels.widget.deps import WidgetDeps
from agent.channels.widget.identity import Claim, IdentityCheck
from agent.channels.widget.origins import check_origin
from agent.errors import ConversationMissing, IdentityInvalid, SessionInvalid, SiteUnknown
from agent.site_settings import SiteSettings
from agent.widget_ports import Session, WidgetConversation

IDLE_S = 24 * 3600
"""A session lasts so long from its last use. The store lengthens it, up to 30 days."""
TOKEN_BYTES = 32

_CONVERSATION = re.compile(r"[A-Za-z0-9_-]{22,64}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,100}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and for which site."""

    session: Session
    settings: SiteSettings


class Doorkeeper:
    """Begins sessions and recognises them.

    Raises:
        SettingsInvalid: a site's public key can't be used.
    """

    def __init__(self, sites: Mapping[str, SiteSettings], deps: WidgetDeps) -> None:
        self._sites = sites
        self._deps = deps
        self._checks = {name: IdentityCheck(name, settings) for name, settings in sites.items()}

    async def begin(self, request: Request, site: str, claim: Claim, name: str | None, locale: str | None) -> tuple[str, Session]:
        """A new session and its token.

        Raises:
            SiteUnknown, OriginRefused, TooManyRequests, IdentityInvalid: nothing is begun.
        """
        settings = self._sites.get(site)
        if settings is None:
            raise SiteUnknown("no site of that name is configured; add it to INNKEEPER_SITES")
        check_origin(settings, request.headers.get("origin"))
        address = request.client.host if request.client else ""
        await limits.take(self._deps.sessions, limits.session_limits(site, settings, address))
        identity = self._checks[site].verify(claim)
        if identity and identity.once and not await self._deps.sessions.claim_once(f"jti:{identity.once}", identity.once_s):
            raise IdentityInvalid("the token is refused: its jti was used before; the site must make a new one each time")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        customer = identity.customer if identity else None
        now = self._deps.clock()
        owner = _owner(site, "customer", customer) if customer is not None else _owner(site, "session", hash_of(token))
        session = Session(site, owner, customer, name, locale, now, now + IDLE_S)
        await self._deps.sessions.open(hash_of(token), session)
        return token, session

    def settings_of(self, session: Session) -> SiteSettings:
        """Of the session's site."""
        return self._sites[session.site]

    async def recognise(self, request: Request) -> Caller:
        """Who calls.

        Raises:
            SessionInvalid: no session, or one that is over.
            OriginRefused: the session is of another site than the page.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token):
            raise SessionInvalid("send the session as `Authorization: Bearer …`")
        session = await self._deps.sessions.find(hash_of(token), self._deps.clock())
        settings = self._sites.get(session.site) if session else None
        if session is None or settings is None:
            raise SessionInvalid("the session is unknown or over; begin a new one")
        check_origin(settings, request.headers.get("origin"))
        return Caller(session, settings)

    async def conversation(self, caller: Caller, conversation_id: str) -> WidgetConversation:
        """That conversation of the caller's.

        Raises:
            ConversationMissing: there is none, or it is somebody else's: which of them is not told.
        """
        known = _CONVERSATION.fullmatch(conversation_id)
        found = await self._deps.conversations.find(conversation_id) if known else None
        if found is None or found.owner != caller.session.owner or found.site != caller.session.site:
            raise ConversationMissing("there is no such conversation")
        return found


def hash_of(token: str) -> str:
    """What is kept of a token. It has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _owner(site: str, kind: str, name: str) -> str:
    return hashlib.sha256(f"{site}\0{kind}\0{name}".encode()).hexdigest()
