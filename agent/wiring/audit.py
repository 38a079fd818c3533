"""The audit log for the command line."""

from collections.abc import AsyncIterator
from typing import Any

from agent.adapters.redis_audit import RedisAuditLog, Verified
from agent.adapters.redis_clients import redis_client
from agent.privacy.chain import Mark
from agent.settings import Settings
from agent.wiring import shelf


async def verify(settings: Settings, expected: Mark | None) -> Verified:
    """Go through all of it.

    Raises:
        ServiceFailed: no Redis is configured, and no `innkeeper up` runs.
        QueueUnavailable: Redis can't be reached.
    """
    url = shelf.redis_url(settings)
    shelf.guard_egress(settings, url)
    async with redis_client(url) as client:
        return await RedisAuditLog(client).verify(expected)


async def entries(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """Oldest first. Raises as `verify`, and `ValueError` if one can't be read."""
    url = shelf.redis_url(settings)
    shelf.guard_egress(settings, url)
    async with redis_client(url) as client:
        async for entry in RedisAuditLog(client).entries():
            yield entry
