"""Where the graph's checkpoints are kept: plain Redis for processes, memory for a single question.

Only a turn that waits for a person needs one that lasts: any other turn takes seconds and can be done again. A thread is a
conversation, and its keys have the tag of that conversation's shard:

    innkeeper:{tag}:lg:…    as `langgraph_checkpoint_plainredis` writes them
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph_checkpoint_plainredis import AsyncRedisSaver
from redis.asyncio import Redis

from agent.adapters.redis_clients import RedisClient, binary_client, command, confirmed, redis_client
from agent.adapters.redis_shards import shard_key, tag_of
from agent.adapters.redis_store import unavailable
from agent.errors import QueueUnavailable

KEEP_S = 30 * 24 * 3600


@asynccontextmanager
async def open_checkpointer(
    redis_url: str | None, *, state_types: Iterable[type] = (), replicas: int = 0
) -> AsyncIterator["BaseCheckpointSaver[str]"]:
    """A checkpointer on Redis, kept for 30 days after a thread's last write; in memory without a URL.

    Args:
        redis_url: as `redis_client` takes it, or None for a process that answers once and ends.
        state_types: classes of our own that the graph's state holds. Reading any other class is refused.
        replicas: so many have what was written before the graph goes on.
    """
    serde = JsonPlusSerializer(allowed_msgpack_modules=[(kind.__module__, kind.__name__) for kind in state_types])
    if redis_url is None:
        yield InMemorySaver(serde=serde)
        return
    async with binary_client(redis_url) as library, redis_client(redis_url, replicas=replicas) as client:
        yield ShardedSaver(cast(Redis, library), client, serde)


class ShardedSaver(BaseCheckpointSaver[str]):
    """Gives each thread to a saver on the keys of its shard.

    Raises `QueueUnavailable` when Redis can't be reached, or too few replicas have what was written.
    """

    def __init__(self, library: Redis, client: RedisClient, serde: SerializerProtocol) -> None:
        super().__init__(serde=serde)
        self._library = library
        self._client = client

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See `BaseCheckpointSaver`."""
        with unavailable("read a checkpoint"):
            return await self._of(config).aget_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """See `BaseCheckpointSaver`. Of one thread.

        Raises:
            ValueError: for no thread.
        """
        if config is None:
            raise ValueError("checkpoints are listed for one thread: give a config with its thread_id")
        with unavailable("list checkpoints"):
            found = [one async for one in self._of(config).alist(config, filter=filter, before=before, limit=limit)]
        for one in found:
            yield one

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> RunnableConfig:
        """See `BaseCheckpointSaver`."""
        saver = self._of(config)
        with unavailable("write a checkpoint"):
            written = await saver.aput(config, checkpoint, metadata, new_versions)
            await self._confirm(saver._key_checkpoint(*_place(written)))
        return written

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `BaseCheckpointSaver`."""
        saver = self._of(config)
        with unavailable("write a checkpoint"):
            await saver.aput_writes(config, writes, task_id, task_path)
            if writes:
                await self._confirm(saver._key_writes(*_place(config)))

    async def adelete_thread(self, thread_id: str) -> None:
        """See `BaseCheckpointSaver`."""
        with unavailable("delete a thread's checkpoints"):
            await self._saver(thread_id).adelete_thread(thread_id)

    def _of(self, config: RunnableConfig) -> AsyncRedisSaver:
        return self._saver(config["configurable"]["thread_id"])

    def _saver(self, thread_id: str) -> AsyncRedisSaver:
        return AsyncRedisSaver(self._library, ttl=KEEP_S, prefix=shard_key(tag_of(thread_id), "lg"), serde=self.serde)

    async def _confirm(self, key: str) -> None:
        """What was written on another connection is on this primary, and on its replicas."""
        if self._client.replicas:
            (is_there,) = await confirmed(self._client, [command("EXISTS", key)])
            if not is_there:
                raise QueueUnavailable("a fail-over of Redis has lost a checkpoint that was just written; the turn is run again")


def _place(config: RunnableConfig) -> tuple[str, str, str]:
    of = config["configurable"]
    return of["thread_id"], of.get("checkpoint_ns", ""), of["checkpoint_id"]
