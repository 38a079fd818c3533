"""What no helpdesk took, for the command line."""

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import DeadEntry, RedisOutbox
from agent.settings import Settings
from agent.wiring import shelf


async def undelivered(settings: Settings) -> list[DeadEntry]:
    """Oldest first.

    Raises:
        ServiceFailed: no Redis is configured, and no `innkeeper up` runs.
        QueueUnavailable: Redis can't be reached.
    """
    url = shelf.redis_url(settings)
    shelf.guard_egress(settings, url)
    async with redis_client(url) as client:
        return await RedisOutbox(client).dead()
