"""Clients of Redis for the stores: of one server, of the primary that Sentinel names, and of a cluster.

All three do the same: a batch of commands in one round trip (to each node), and a step that is confirmed only once
enough replicas have it. After a fail-over they find the new primary by themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, PipelineCommand, RedisCluster
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agent.adapters.redis_commands import Command, command
from agent.adapters.redis_shards import TAGS, shard_key, tag_in
from agent.redis_urls import each_host, is_cluster, is_sentinel

MOST_CONNECTIONS = 64
"""So many batches of one client are on their way at once; the others wait for them."""
REPLICAS_WITHIN_MS = 1000
TRIES = 4
SENTINEL_PORT, SERVER_PORT = 26379, 6379
_LOST = (RedisConnectionError, RedisTimeoutError, OSError)
_IN_BETWEEN = (ClusterDownError, TryAgainError, RedisClusterException)
FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError)
"""All that a client raises when Redis can't be reached or refuses; the cluster's own error is no `RedisError`."""


class TooFewReplicas(RedisError):
    """What was written is not on as many replicas as it has to be before it counts."""


class OneServer(Redis):
    """One server that takes writes: the one of the URL, or the primary that Sentinel names."""

    replicas = 0
    limit_s = 10.0
    room: asyncio.Semaphore

    async def together(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands in order on one connection, in one round trip. Not atomic: others may come in between.

        Raises:
            RedisError: of the first that failed; the others may have run.
        """
        async with asyncio.timeout(self.limit_s), self.room:
            return await _known(self._send, commands)

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        async with self.pipeline(transaction=False) as pipeline:
            for one in commands:
                cast(Any, pipeline).execute_command(*one.words, **one.options)
            # The library's own message of an error quotes the command, and so the customer.
            found = await pipeline.execute(raise_on_error=False)
        if any(isinstance(one, ReadOnlyError) for one in found):
            await self.connection_pool.disconnect(inuse_connections=False)  # it was made a replica: look again who is primary
        return found


class Cluster(RedisCluster):
    """A cluster, each command sent to the node that has its key."""

    replicas = 0
    limit_s = 10.0
    room: asyncio.Semaphore

    async def together(self, commands: Sequence[Command]) -> list[Any]:
        """See `OneServer`. Those of one node go together in order; nodes are asked at the same time.

        All of it is run again if the cluster has changed meanwhile, so commands have to bear a repeat.
        """
        async with asyncio.timeout(self.limit_s), self.room:
            for tried in range(TRIES):
                try:
                    return await self._once(commands)
                except MovedError as error:
                    await self.nodes_manager.move_slot(error)
                except (*_LOST, *_IN_BETWEEN):
                    if tried == TRIES - 1:
                        raise
                    self._initialize = True  # as the library does it: who has which slots is asked again
                    await asyncio.sleep(0.1 * 2**tried)
            return await self._once(commands)

    async def _once(self, commands: Sequence[Command]) -> list[Any]:
        await self.initialize()
        places: dict[ClusterNode, list[int]] = {}
        for place, one in enumerate(commands):
            places.setdefault(self.nodes_manager.get_node_from_slot(self.keyslot(one.key)), []).append(place)
        answers = await asyncio.gather(*(self._at(node, [commands[place] for place in found]) for node, found in places.items()))
        by_place = {
            place: answer
            for found, answered in zip(places.values(), answers, strict=True)
            for place, answer in zip(found, answered, strict=True)
        }
        return [by_place[place] for place in range(len(commands))]

    async def _at(self, node: ClusterNode, commands: Sequence[Command]) -> list[Any]:
        async def send(commands: Sequence[Command]) -> list[Any]:
            return await _on_node(node, commands)

        try:
            return await _known(send, commands)
        except AskError as error:
            if len({self.keyslot(one.key) for one in commands}) > 1:  # only some are on their way to another node
                return [answer for one in commands for answer in await self._at(node, [one])]
            target = self.get_node(host=error.host, port=error.port)
            if target is None:
                raise RedisClusterException(f"the node {error.host}:{error.port} is not known yet") from error
            asking = [step for one in commands for step in (Command(one.key, ("ASKING",)), one.in_full())]
            return (await _known(lambda given: _on_node(target, given), asking))[1::2]
        except _LOST:
            node.update_active_connections_for_reconnect()
            await node.disconnect_free_connections()
            self.nodes_manager.move_node_to_end_of_cached_nodes(node.name)
            raise


RedisClient: TypeAlias = OneServer | Cluster


async def confirmed(client: RedisClient, commands: Sequence[Command]) -> list[Any]:
    """The same as `together` for commands of one shard, but what they have written or read is on the replicas, too.

    A write that only the primary has is lost when the primary is. So nobody is told of it before `replicas` of them
    have it, and what is read for acting on it is confirmed in the same way. Of what was there already, too: hence the
    write in between, since a server only waits for what the connection itself has written.

    Raises:
        TooFewReplicas: they don't have it in time. It may come to them later, or be lost.
    """
    if client.replicas == 0:
        return await client.together(commands)
    fence = command("SET", shard_key(tag_in(commands[0].key), "fence"), "1")
    wait = Command(fence.key, ("WAIT", client.replicas, REPLICAS_WITHIN_MS))
    *found, _, have = await client.together([*commands, fence, wait])
    if int(have) < client.replicas:
        raise TooFewReplicas(f"{have} of {client.replicas} replicas (INNKEEPER_REDIS_REPLICAS) have confirmed it.")
    return found


@asynccontextmanager
async def redis_client(url: str, *, timeout_s: float = 5.0, replicas: int = 0) -> AsyncIterator[RedisClient]:
    """A client for the stores: text replies, every call bounded, one quick retry for a stale connection.

    Args:
        url: `redis[s]://`, `redis[s]+sentinel://host,host/service` or `redis[s]+cluster://host,host`.
        timeout_s: for one answer of a server.
        replicas: so many must have what is `confirmed`.
    """
    async with _open(url, timeout_s, replicas, {"decode_responses": True, "health_check_interval": 30}) as client:
        yield client


@asynccontextmanager
async def binary_client(url: str, *, timeout_s: float = 5.0, replicas: int = 0) -> AsyncIterator[RedisClient]:
    """The same, with bytes as replies."""
    async with _open(url, timeout_s, replicas, {"health_check_interval": 30}) as client:
        yield client


@asynccontextmanager
async def _open(url: str, timeout_s: float, replicas: int, options: dict[str, Any]) -> AsyncIterator[RedisClient]:
    options |= {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    sentinel: Sentinel | None = None
    client: RedisClient
    if is_cluster(url):
        client = _cluster(url, options)
    elif is_sentinel(url):
        sentinel, pool = _sentinel(url, options)
        client = cast(OneServer, OneServer.from_pool(pool))
    else:
        options |= {"max_connections": 2 * MOST_CONNECTIONS, "retry": _one_retry()}
        client = cast(OneServer, OneServer.from_pool(ConnectionPool.from_url(url, **options)))
    client.room = asyncio.Semaphore(MOST_CONNECTIONS)
    client.replicas, client.limit_s = replicas, 2 * timeout_s + REPLICAS_WITHIN_MS / 1000
    try:
        yield client
    finally:
        await client.aclose()
        for one in sentinel.sentinels if sentinel else ():
            await one.aclose()


async def is_ready(client: RedisClient) -> bool:
    """True if Redis answers now and takes writes, each node of a cluster. Never raises."""
    tags = TAGS if isinstance(client, Cluster) else TAGS[:1]
    try:
        await client.together([command("SET", shard_key(tag, "ready"), "1", "EX", 60) for tag in tags])
    except FAILURES:
        return False
    return True


def _cluster(url: str, options: Mapping[str, Any]) -> Cluster:
    hosts = [urlsplit(one) for one in each_host(url)]
    scheme = hosts[0].scheme.removesuffix("+cluster")
    given = cast(dict[str, Any], parse_url(hosts[0]._replace(scheme=scheme).geturl()))
    given = {name: value for name, value in given.items() if name not in {"host", "port", "db", "connection_class"}}
    nodes = [ClusterNode(str(one.hostname), one.port or SERVER_PORT) for one in hosts]
    return Cluster(startup_nodes=nodes, ssl=scheme == "rediss", max_connections=2 * MOST_CONNECTIONS, **(dict(options) | given))


def _sentinel(url: str, options: Mapping[str, Any]) -> tuple[Sentinel, ConnectionPool]:
    hosts = [urlsplit(one) for one in each_host(url)]
    first = hosts[0]
    service, _, database = first.path.strip("/").partition("/")
    query = dict(parse_qsl(first.query))
    asked = {"username": query.pop("sentinel_username", None), "password": query.pop("sentinel_password", None)}
    given = cast(dict[str, Any], parse_url(f"redis:///?{urlencode(query)}"))
    of_server = {"username": unquote(first.username or "") or None, "password": unquote(first.password or "") or None}
    secure = {"ssl": True} if first.scheme.startswith("rediss") else {}
    timeouts = {name: value for name, value in options.items() if name.startswith("socket")}
    of_tls = {name: value for name, value in given.items() if name.startswith("ssl_")} if secure else {}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        [(str(one.hostname), one.port or SENTINEL_PORT) for one in hosts], sentinel_kwargs=asked | secure | timeouts | of_tls
    )
    pool: ConnectionPool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
        service,
        sentinel,
        db=int(database or 0),
        max_connections=2 * MOST_CONNECTIONS,
        retry=_one_retry(),
        **(dict(options) | of_server | secure | given),
    )
    return sentinel, pool


def _one_retry() -> Retry:
    return Retry(ExponentialBackoff(cap=0.1, base=0.02), 1)


async def _known(send: Any, commands: Sequence[Command]) -> list[Any]:
    """Send commands; again with their scripts in full if the server doesn't know one. Raises the first error."""
    found = cast(list[Any], await send(commands))
    if any(isinstance(one, NoScriptError) for one in found):
        found = await send([one.in_full() for one in commands])
    for one in found:
        if isinstance(one, Exception):
            raise one
    return found


async def _on_node(node: ClusterNode, commands: Sequence[Command]) -> list[Any]:
    steps = [PipelineCommand(place, *one.words, **one.options) for place, one in enumerate(commands)]
    await node.execute_pipeline(steps)
    return [step.result for step in steps]


async def on_node(node: ClusterNode, words: Sequence[Any]) -> Any:
    """One command to one node of a cluster, whatever keys it has. Raises what the node says."""
    (found,) = await _on_node(node, [Command("", tuple(words))])
    if isinstance(found, Exception):
        raise found
    return found
