"""What shadow mode has recorded, for the command line."""

from collections.abc import AsyncIterator

from agent.adapters.redis_clients import redis_client
from agent.adapters.shadow import RedisShadowRecords
from agent.ports import ShadowRecord
from agent.settings import Settings
from agent.wiring import shelf


async def shadow_records(settings: Settings) -> AsyncIterator[ShadowRecord]:
    """Oldest first.

    Raises:
        ServiceFailed: no Redis is configured, and no `innkeeper up` runs.
        QueueUnavailable: Redis can't be reached.
    """
    url = shelf.redis_url(settings)
    shelf.guard_egress(settings, url)
    async with redis_client(url) as client:
        async for record in RedisShadowRecords(client).all():
            yield record
