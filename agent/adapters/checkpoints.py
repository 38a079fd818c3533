"""Where the graph's checkpoints are kept: plain Redis for processes, memory for a single question.

Only a turn that waits for a person needs one that lasts: any other turn takes seconds and can be done again.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph_checkpoint_plainredis import AsyncRedisSaver
from redis.asyncio import Redis

PREFIX = "innkeeper:lg"
KEEP_S = 30 * 24 * 3600


@asynccontextmanager
async def open_checkpointer(
    redis_url: str | None, *, state_types: Iterable[type] = ()
) -> AsyncIterator["BaseCheckpointSaver[str]"]:
    """A checkpointer on Redis, kept for 30 days after a thread's last write; in memory without a URL.

    Args:
        redis_url: `redis://…`, or None for a process that answers once and ends.
        state_types: classes of our own that the graph's state holds. Reading any other class is refused.
    """
    serde = JsonPlusSerializer(allowed_msgpack_modules=[(kind.__module__, kind.__name__) for kind in state_types])
    if redis_url is None:
        yield InMemorySaver(serde=serde)
        return
    client = Redis.from_url(redis_url, protocol=2, socket_timeout=5, socket_connect_timeout=5)
    try:
        yield AsyncRedisSaver(client, ttl=KEEP_S, prefix=PREFIX, serde=serde)
    finally:
        await client.aclose()
