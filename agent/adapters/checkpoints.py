"""Where the graph's checkpoints are kept: plain Redis for processes, memory for a single question.

Only a turn that waits for a person needs one that lasts: any other turn takes seconds and can be done again, so nothing is
written of it. A thread is a conversation, and its newest checkpoint is one key beside that conversation's others:

    innkeeper:{tag}:conversation:<id>:waiting   hash  id, parent, data, and w:<id>:<task>:<number> for each write

It is deleted in the step that answers or releases the draft. Until the draft is committed it has a time to live, so that a
crash in between leaves nothing behind. (A saver that keeps each value of every turn's state in a key of its own was measured
here: 25 keys and 24 kB a ticket.)
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import ERROR

from agent.adapters.redis_clients import RedisClient, binary_client, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_keys import waiting_key

UNCOMMITTED_S = 24 * 3600
"""A turn is committed seconds after its checkpoint is written; a Redis that comes and goes may take hours."""

# Writes come before or after the checkpoint that they belong to. What has no limit of time waits for a person already, and
# stays so; no limit becomes shorter.
_PUT = Script("""
local is_new = redis.call('TTL', KEYS[1]) == -2
local ours = 'w:' .. ARGV[1] .. ':'
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(field, 1, 2) == 'w:' and string.sub(field, 1, #ours) ~= ours then redis.call('HDEL', KEYS[1], field) end
end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'parent', ARGV[2], 'data', ARGV[3])
if is_new then redis.call('EXPIRE', KEYS[1], ARGV[4]) else redis.call('EXPIRE', KEYS[1], ARGV[4], 'GT') end
return 1
""")
_PUT_WRITES = Script("""
local is_new = redis.call('TTL', KEYS[1]) == -2
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if is_new then redis.call('EXPIRE', KEYS[1], ARGV[1]) else redis.call('EXPIRE', KEYS[1], ARGV[1], 'GT') end
return 1
""")


@asynccontextmanager
async def open_checkpointer(
    redis_url: str | None,
    *,
    state_types: Iterable[type] = (),
    replicas: int = 0,
    waits: Callable[[Mapping[str, Any]], bool] = lambda state: True,
) -> AsyncIterator["BaseCheckpointSaver[Any]"]:
    """A checkpointer on Redis, or in memory without a URL.

    Args:
        redis_url: as `redis_client` takes it, or None for a process that answers once and ends.
        state_types: classes of our own that the graph's state holds. Reading any other class is refused.
        replicas: so many have what was written before the graph goes on.
        waits: of a state, whether the graph is to go on from it later; only then anything is written.
    """
    serde = JsonPlusSerializer(allowed_msgpack_modules=[(kind.__module__, kind.__name__) for kind in state_types])
    if redis_url is None:
        yield InMemorySaver(serde=serde)
        return
    async with binary_client(redis_url, replicas=replicas) as client:
        yield NewestSaver(client, serde, waits)


class NewestSaver(BaseCheckpointSaver[Any]):
    """Keeps the newest checkpoint of a thread, if the graph waits in it. Of a graph without subgraphs.

    Raises `QueueUnavailable` when Redis can't be reached, or too few replicas have what was written.
    """

    def __init__(self, client: RedisClient, serde: SerializerProtocol, waits: Callable[[Mapping[str, Any]], bool]) -> None:
        super().__init__(serde=serde)
        self._client = client
        self._waits = waits

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See `BaseCheckpointSaver`. None for an earlier one."""
        with unavailable("read a checkpoint"):
            (flat,) = await self._client.together([command("HGETALL", _key(config))])
        found: dict[bytes, bytes] = dict(flat) if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        if b"data" not in found:
            return None
        checkpoint_id, parent = found[b"id"].decode(), found[b"parent"].decode()
        if get_checkpoint_id(config) not in (None, checkpoint_id):
            return None
        checkpoint, metadata = self._load(found[b"data"])
        writes = [self._load(found[field]) for field in sorted(found) if field.startswith(f"w:{checkpoint_id}:".encode())]
        return CheckpointTuple(
            _at(config, checkpoint_id),
            cast(Checkpoint, checkpoint),
            cast(CheckpointMetadata, metadata),
            _at(config, parent) if parent else None,
            [cast(PendingWrite, tuple(write)) for write in writes],
        )

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """See `BaseCheckpointSaver`. Of one thread, which has one at most.

        Raises:
            ValueError: for no thread.
        """
        if config is None:
            raise ValueError("checkpoints are listed for one thread: give a config with its thread_id")
        found = await self.aget_tuple(config)
        if found is None or (limit is not None and limit <= 0):
            return
        is_earlier = before is None or str(found.checkpoint["id"]) < str(get_checkpoint_id(before))
        if is_earlier and all(found.metadata.get(name) == value for name, value in (filter or {}).items()):
            yield found

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> RunnableConfig:
        """See `BaseCheckpointSaver`. In place of the one before; nothing is written if the graph does not wait."""
        if self._waits(checkpoint["channel_values"]):
            data = self._dump((checkpoint, get_checkpoint_metadata(config, metadata)))
            args = [checkpoint["id"], get_checkpoint_id(config) or "", data, UNCOMMITTED_S]
            with unavailable("write a checkpoint"):
                await confirmed(self._client, [_PUT([_key(config)], args)])
        return _at(config, checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `BaseCheckpointSaver`. An error is not kept: what failed is done again from its start."""
        pairs: list[Any] = []
        for number, (channel, value) in enumerate(writes):
            if channel != ERROR:
                place = WRITES_IDX_MAP.get(channel, number)
                pairs += [f"w:{get_checkpoint_id(config)}:{task_id}:{place}", self._dump((task_id, channel, value))]
        if pairs:
            with unavailable("write a checkpoint"):
                await confirmed(self._client, [_PUT_WRITES([_key(config)], [UNCOMMITTED_S, *pairs])])

    async def adelete_thread(self, thread_id: str) -> None:
        """See `BaseCheckpointSaver`."""
        with unavailable("delete a thread's checkpoints"):
            await confirmed(self._client, [command("DEL", waiting_key(thread_id))])

    def _dump(self, value: Any) -> bytes:
        kind, data = self.serde.dumps_typed(value)
        return kind.encode() + b"\n" + data

    def _load(self, stored: bytes) -> Any:
        kind, _, data = stored.partition(b"\n")
        return self.serde.loads_typed((kind.decode(), data))


def _key(config: RunnableConfig) -> str:
    return waiting_key(config["configurable"]["thread_id"])


def _at(config: RunnableConfig, checkpoint_id: str) -> RunnableConfig:
    of = config["configurable"]
    place = {"thread_id": of["thread_id"], "checkpoint_ns": of.get("checkpoint_ns", ""), "checkpoint_id": checkpoint_id}
    return RunnableConfig(configurable=place)
