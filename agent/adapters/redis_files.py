"""What Redis keeps on disk: its append-only file and its snapshots still hold what was deleted, until they are written anew."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from redis.exceptions import ResponseError

from agent.adapters.redis_clients import Cluster, RedisClient, on_node
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_nodes import announced

LOOK_S = 0.2
_REWRITING = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of one server's files. `detail`: what was done, or what is to be done by hand."""

    server: str
    ok: bool
    detail: str


async def rewrite_files(client: RedisClient, wait_s: float) -> list[Rewritten]:
    """Have every server that can be asked write its files anew, and wait until they are.

    Raises:
        QueueUnavailable: a server can't be reached.
    """
    with unavailable("have its files written anew"):
        return [await _of_server(name, ask, wait_s) for name, ask in await _servers(client)] + await _unasked(client)


async def _servers(client: RedisClient) -> list[tuple[str, Ask]]:
    if not isinstance(client, Cluster):
        return [("the server", cast(Any, client).execute_command)]
    await client.initialize()

    def at(node: Any) -> Ask:
        async def ask(*words: Any) -> Any:
            return await on_node(node, words)

        return ask

    return [(f"{node.host}:{node.port}", at(node)) for node in (*client.get_primaries(), *client.get_replicas())]


async def _unasked(client: RedisClient) -> list[Rewritten]:
    """Replicas behind sentinels: they have files of their own, and nothing but the primary is asked."""
    if isinstance(client, Cluster):
        return []
    replicas = [f"{host}:{port}" for host, port in (await announced(client)).replicas]
    if not replicas and (count := (await cast(Any, client).execute_command("INFO", "replication"))["connected_slaves"]):
        replicas = [f"{count} replicas of the server"]
    by_hand = "a replica is not asked from here: run BGREWRITEAOF on it, and BGSAVE if it keeps snapshots"
    return [Rewritten(one, False, by_hand) for one in replicas]


async def _of_server(name: str, ask: Ask, wait_s: float) -> Rewritten:
    done: list[str] = []
    try:
        if (await _state(ask))["aof_enabled"]:
            await _write(ask, "BGREWRITEAOF", _REWRITING, "aof_last_bgrewrite_status", wait_s)
            done.append("append-only file written anew")
        if await _has_snapshots(ask):
            await _write(ask, "BGSAVE", ("rdb_bgsave_in_progress",), "rdb_last_bgsave_status", wait_s)
            done.append("snapshot written anew")
    except (ResponseError, TimeoutError) as error:
        by_hand = "have its append-only file (BGREWRITEAOF) and its snapshots (BGSAVE) written anew by who runs it"
        return Rewritten(name, False, f"{type(error).__name__}: {error}; {by_hand}")
    return Rewritten(name, True, ", ".join(done) or "keeps no files")


async def _has_snapshots(ask: Ask) -> bool:
    """True, too, where the server doesn't tell: one snapshot too many does no harm."""
    if (await _state(ask)).get("rdb_saves"):
        return True
    try:
        found = await ask("CONFIG", "GET", "save")
    except ResponseError:
        return True
    points = found.get("save") if isinstance(found, dict) else [*found, "", ""][1]
    return bool(points)


async def _write(ask: Ask, name: str, busy: tuple[str, ...], status: str, wait_s: float) -> None:
    """Begin after what is being written already, which may have begun before the erasure."""
    until = time.monotonic() + wait_s
    await _idle(ask, until)
    await ask(name)
    state = await _idle(ask, until, busy)
    if state[status] != "ok":
        raise ResponseError(f"{name} has failed: {status} is {state[status]}")


async def _idle(ask: Ask, until: float, busy: tuple[str, ...] = ()) -> dict[str, Any]:
    names = busy or ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
    while True:
        state = await _state(ask)
        if not any(state.get(one) for one in names):
            return state
        if time.monotonic() > until:
            raise TimeoutError("its files are still being written")
        await asyncio.sleep(LOOK_S)


async def _state(ask: Ask) -> dict[str, Any]:
    found: dict[str, Any] = await ask("INFO", "persistence")
    return found
