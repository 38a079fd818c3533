"""Tickets that must be looked at, on plain Redis.

Keys, all under `innkeeper:`:

    innkeeper:hints:waiting           zset    conversation id, by the time of its newest hint, which is the stamp, too
    innkeeper:hints:seen:{delivery}   string  digest of the body; forgotten after seven days
    innkeeper:hints:cursor:{source}   string  where the next poll begins
"""

import time
from typing import cast

from redis.asyncio import Redis

from agent.adapters.redis_store import PREFIX, unavailable
from agent.types import ConversationId

SEEN_FOR_S = 7 * 24 * 3600
_WAITING = PREFIX + "hints:waiting"
_SEEN = PREFIX + "hints:seen:"
_CURSOR = PREFIX + "hints:cursor:"

# The score only grows, so that a hint that comes while its ticket is being read is told from the one before.
_ADD = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
local before = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[3]) or '0')
redis.call('ZADD', KEYS[2], string.format('%.0f', math.max(tonumber(ARGV[4]), before + 1)), ARGV[3])
return 1
"""

_DONE = """
if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 1
"""


class RedisTicketHints:
    """`agent.ports.TicketHints` on Redis."""

    def __init__(self, client: Redis) -> None:
        self._redis = client
        self._add = client.register_script(_ADD)
        self._done = client.register_script(_DONE)

    async def add(self, conversation_id: ConversationId, delivery: str, digest: str) -> bool:
        """Keep a hint; see the port."""
        now_us = time.time_ns() // 1000
        with unavailable("keep a hint"):
            return bool(await self._add(keys=[_SEEN + delivery, _WAITING], args=[digest, SEEN_FOR_S, conversation_id, now_us]))

    async def waiting(self) -> list[ConversationId]:
        """Tickets that nobody has looked at since their hint; oldest first."""
        with unavailable("list the hints"):
            found = cast(list[str], await self._redis.zrange(_WAITING, 0, -1))
        return [ConversationId(one) for one in found]

    async def stamp(self, conversation_id: ConversationId) -> str | None:
        """Read before looking, for `done`."""
        with unavailable("read a hint"):
            score = await self._redis.zscore(_WAITING, conversation_id)
        return None if score is None else f"{score:.0f}"

    async def done(self, conversation_id: ConversationId, stamp: str | None) -> None:
        """Looked at. A hint that came after `stamp` stays."""
        if stamp is None:
            return
        with unavailable("remove a hint"):
            await self._done(keys=[_WAITING], args=[conversation_id, stamp])

    async def cursor(self, source: str) -> str | None:
        """Where the next poll of a helpdesk begins."""
        with unavailable("read where a poll begins"):
            return cast(str | None, await self._redis.get(_CURSOR + source))

    async def keep_cursor(self, source: str, cursor: str) -> None:
        """Write it down."""
        with unavailable("write down where a poll begins"):
            await self._redis.set(_CURSOR + source, cursor)
