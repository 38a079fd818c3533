"""How often the widget's routes may be called: by session, by address, on a site. Pure but for asking the store."""

import hashlib
import ipaddress
from collections.abc import Sequence

from agent.errors import TooManyRequests
from agent.site_settings import SiteSettings
from agent.widget_ports import Limit, WidgetSessions

CALLS = 240
"""Calls a minute of one session that a person's browser never comes near: reloads, tabs, feedback."""


def session_limits(site: str, settings: SiteSettings, address: str) -> Sequence[Limit]:
    """For a new session."""
    return [Limit(f"address:{site}:{_hashed(_network(address))}", settings.limits.address_sessions)]


def message_limits(site: str, settings: SiteSettings, owner: str) -> Sequence[Limit]:
    """For a message or a request for a person."""
    limits = settings.limits
    return [Limit(f"messages:{owner}", limits.session_messages), Limit(f"site:{site}", limits.site_messages)]


def begin_limits(site: str, settings: SiteSettings, owner: str) -> Sequence[Limit]:
    """For a new conversation, which is kept for a month even if nobody ever writes in it."""
    limits = settings.limits
    return [Limit(f"begun:{owner}", limits.session_messages), Limit(f"begun-site:{site}", limits.site_messages)]


def call_limits(owner: str) -> Sequence[Limit]:
    """For everything else."""
    return [Limit(f"calls:{owner}", CALLS)]


async def take(sessions: WidgetSessions, limits: Sequence[Limit]) -> None:
    """Count one call.

    Raises:
        TooManyRequests: over a limit.
    """
    wait_s = await sessions.take(limits)
    if wait_s:
        raise TooManyRequests(f"too many requests; try again in {wait_s} s", wait_s)


def _network(address: str) -> str:
    """One IPv6 customer has a whole /64 of addresses. Source: RFC 6177."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def _hashed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:32]
