"""A docket that goes on when a node of its cluster dies.

Two things keep docket (0.27) on redis-py (8.1) from that, both by holding on to one node that was chosen at the start: what it
tells its workers by channels, and the question where the keys of `XREADGROUP` stand, which redis-py asks outside of its retries.
When that node died, a worker would wait for it for ever, though its replica has long taken over. Only a cluster is concerned.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, cast

from docket import Docket
from docket._redis import RedisConnection
from redis._parsers import AsyncCommandsParser
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError


class FollowingDocket(Docket):
    """Docket, on a cluster by `_FollowingConnection`."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name=name, url=url)
        if self._redis.is_cluster:
            self._redis = _FollowingConnection(url)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        strikes = self.strike_list._redis  # a connection of its own
        if strikes is not None and strikes.cluster_client is not None:
            await _know_keys(strikes.cluster_client)
        return self


class _FollowingConnection(RedisConnection):
    async def _create_cluster_client(self) -> RedisCluster:
        client = await super()._create_cluster_client()
        await _know_keys(client)
        return client

    @asynccontextmanager
    async def pubsub(self) -> AsyncIterator[Any]:
        """A channel on whichever node is there: a cluster tells all its nodes what one of them is told."""
        cluster = _open(self.cluster_client)
        await cluster.initialize()  # asks again who is there if a command has met a dead node
        async with cast(Any, cluster).pubsub() as channel:
            yield channel

    async def publish(self, channel: str, message: str) -> int:
        """Told to whichever node is there."""
        cluster = _open(self.cluster_client)
        return int(await cluster.execute_command("PUBLISH", channel, message, target_nodes=RedisCluster.RANDOM))


class _StreamsKnown(AsyncCommandsParser):
    """Knows where the streams stand in the commands that read them, and need not ask a node."""

    async def get_keys(self, *args: Any) -> tuple[str, ...] | None:
        if str(args[0]).upper() in {"XREAD", "XREADGROUP"}:
            words = [word.upper() if isinstance(word, str | bytes) else word for word in args]
            named = args[next(place for place, word in enumerate(words) if word in ("STREAMS", b"STREAMS")) + 1 :]
            return tuple(named[: len(named) // 2])
        return cast(tuple[str, ...] | None, await cast(Any, super()).get_keys(*args))


async def _know_keys(client: RedisCluster) -> None:
    parser = cast(Any, _StreamsKnown())
    await parser.initialize(client.get_default_node())
    client.commands_parser = parser


def _open(client: RedisCluster | None) -> RedisCluster:
    if client is None:
        raise RedisConnectionError("the docket is closed")
    return client
