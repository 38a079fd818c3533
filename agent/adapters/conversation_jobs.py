"""The jobs of one conversation in docket's queues: kept from running, waited for, removed.

docket runs one turn of a conversation at a time, by a slot under the conversation's id that the running job renews. Who holds
the slot is alone with the conversation. (docket 0.27, `ConcurrencyLimit` in `agent.adapters.jobs`.)

    <docket>:concurrency:conversation_id:<id>            zset    the job that runs, by when it was heard of last
    <docket>:concurrency:conversation_id:<id>:waiters    stream  jobs that wait for it
    <docket>:runs:<job>                                  hash    state, args (a pickle) and more; 15 minutes longer than the job
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from docket import Docket

from agent.adapters.queue import DocketQueue
from agent.adapters.redis_clients import FAILURES, RedisClient
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_shards import literally
from agent.errors import ErasureFailed
from agent.types import ConversationId

LOOK_S = 0.2
_RUNNING = (b"running", "running")

_TAKE = Script("""
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) > 0 then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
""")


class ConversationJobs:
    """Jobs by the conversation that they are for."""

    def __init__(self, client: RedisClient, queue: DocketQueue, redelivery_s: float) -> None:
        """`redelivery_s`: as the workers': after that long without a sign of life a job counts as dead."""
        self._redis = client
        self._queue = queue
        self._redelivery_s = redelivery_s

    @asynccontextmanager
    async def kept_out(self, conversation_id: ConversationId, wait_s: float) -> AsyncIterator[None]:
        """While this is open no turn of the conversation runs.

        Raises:
            ErasureFailed: one runs for longer than `wait_s`.
            QueueUnavailable: Redis can't be reached.
        """
        ours, until = f"erase:{secrets.token_hex(8)}", time.monotonic() + wait_s
        while not await self._take(conversation_id, ours):
            if time.monotonic() > until:
                raise ErasureFailed(
                    f"a turn of {conversation_id} is still running after {wait_s:g} s, so nothing of it was erased. Wait for its "
                    "end, or stop the workers, and give the command again: it goes on where it was"
                )
            await asyncio.sleep(LOOK_S)
        renewing = asyncio.create_task(self._renew(conversation_id, ours))
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
            with unavailable("let turns of a conversation run again"):
                await self._redis.together([command("ZREM", self._slot(conversation_id), ours)])

    async def remove(self, conversation_id: ConversationId, wait_s: float) -> None:
        """Take all of its jobs back, and what is remembered of those that are done; wait for a delivery that is on its way.

        Raises:
            ErasureFailed: a delivery takes longer than `wait_s`.
        """
        waiters = f"{self._slot(conversation_id)}:waiters"
        for docket in (self._queue.turns, self._queue.deliveries):
            for job in await self._jobs(docket, (conversation_id, waiters)):
                await self._ended(docket, job, wait_s)
                with unavailable("take a job back"):
                    await docket.cancel(job)
                    parts = ("runs:", "known:", "progress:", "stream-id:", "results:", "")
                    await self._redis.together([command("DEL", docket.key(f"{part}{job}")) for part in parts])
        with unavailable("take a conversation's jobs back"):
            await self._redis.together([command("DEL", waiters)])

    async def _jobs(self, docket: Docket, named: tuple[str, ...]) -> list[str]:
        """Those whose arguments name one of these, by docket's record of each that waits or has lately ended."""
        prefix, needles = docket.key("runs:"), [_pickled(one) for one in named]
        found: list[str] = []
        with unavailable("find a conversation's jobs"):
            keys = [str(key) async for key in self._redis.scan_iter(match=literally(prefix) + "*", count=1000)]
            async with docket.redis() as redis:
                for key in keys:
                    told = await cast(Any, redis).hmget(key, "args", "kwargs")
                    if any(needle in bytes(one) for one in told if one for needle in needles):
                        found.append(key.removeprefix(prefix))
        return found

    async def _ended(self, docket: Docket, job: str, wait_s: float) -> None:
        if docket is self._queue.turns:
            return  # they are kept out: what is called running there has died
        until = time.monotonic() + wait_s
        while True:
            with unavailable("look whether a delivery is on its way"):
                (state,) = await self._redis.together([command("HGET", docket.key(f"runs:{job}"), "state")])
            if state not in _RUNNING:
                return
            if time.monotonic() > until:
                raise ErasureFailed(f"the delivery {job} is still on its way after {wait_s:g} s; give the command again later")
            await asyncio.sleep(LOOK_S)

    async def _take(self, conversation_id: ConversationId, ours: str) -> bool:
        now = time.time()
        args = [ours, now, now - self._redelivery_s, int(self._redelivery_s * 4) + 1]
        with unavailable("keep turns of a conversation from running"):
            (taken,) = await self._redis.together([_TAKE([self._slot(conversation_id)], args)])
        return bool(taken)

    async def _renew(self, conversation_id: ConversationId, ours: str) -> None:
        while True:
            await asyncio.sleep(self._redelivery_s / 4)
            with suppress(*FAILURES):
                await self._redis.together([command("ZADD", self._slot(conversation_id), "XX", time.time(), ours)])

    def _slot(self, conversation_id: ConversationId) -> str:
        return self._queue.turns.key(f"concurrency:conversation_id:{conversation_id}")


def _pickled(text: str) -> bytes:
    """A text as it stands in a pickle, with its length before it: no other text has it in it. Source: PEP 3154, PEP 307."""
    raw = text.encode("utf-8", "surrogatepass")
    return (b"\x8c" + bytes([len(raw)]) if len(raw) < 256 else b"X" + len(raw).to_bytes(4, "little")) + raw
