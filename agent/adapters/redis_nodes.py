"""What stands behind a client of Redis: which servers, in which parts, and how many replicas they have."""

from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from agent.adapters.redis_clients import FAILURES, Cluster, RedisClient
from agent.adapters.redis_commands import Command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_shards import TAGS, shard_key

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Nodes:
    """The servers that sentinels or a cluster have named; none for a single server.

    Attributes:
        mode: `one server`, `sentinels` or `cluster`.
    """

    mode: str
    primaries: tuple[Place, ...] = ()
    replicas: tuple[Place, ...] = ()

    def __str__(self) -> str:
        if not self.primaries:
            return self.mode
        told = f"{self.mode}, primary {_told(self.primaries)}"
        return f"{told}, replica {_told(self.replicas)}" if self.replicas else f"{told}, no replica"


async def announced(client: RedisClient) -> Nodes:
    """The servers that clients are sent to. Connects to none of them but those in the URL.

    Raises:
        QueueUnavailable: nobody tells.
    """
    with unavailable("find its servers"):
        if isinstance(client, Cluster):
            try:
                await client.initialize()
            except FAILURES:
                if not client.get_nodes():  # else it is one of those that can't be reached, and all are known
                    raise
            return Nodes("cluster", _places(client.get_primaries()), _places(client.get_replicas()))
        pool = client.connection_pool
        if not isinstance(pool, SentinelConnectionPool):
            return Nodes("one server")
        manager = cast(Sentinel, pool.sentinel_manager)
        primary = cast(Place, await cast(Any, manager).discover_master(pool.service_name))
        replicas = cast(list[Place], await cast(Any, manager).discover_slaves(pool.service_name))
        return Nodes("sentinels", (primary,), tuple(sorted(replicas)))


async def version(client: RedisClient) -> str:
    """Name and version of the server. Raises `QueueUnavailable`."""
    with unavailable("ask for its version"):
        (info,) = await client.together([Command(shard_key(TAGS[0], "ready"), ("INFO", "server"))])
    return f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info.get('redis_version')}"


async def fewest_replicas(client: RedisClient) -> int:
    """How many replicas follow the primary that has the fewest. Raises `QueueUnavailable`."""
    tags = TAGS if isinstance(client, Cluster) else TAGS[:1]
    with unavailable("count its replicas"):
        found = await client.together([Command(shard_key(tag, "ready"), ("INFO", "replication")) for tag in tags])
    return min(int(info["connected_slaves"]) for info in found)


def _places(nodes: list[Any]) -> tuple[Place, ...]:
    return tuple(sorted((str(node.host), int(node.port)) for node in nodes))


def _told(places: tuple[Place, ...]) -> str:
    return ", ".join(f"{host}:{port}" for host, port in places)
