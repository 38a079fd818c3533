"""Tickets that must be looked at, on plain Redis.

Keys, all under `innkeeper:`:

    innkeeper:{tag}:hints:waiting                 zset    conversation id, by the time of its newest hint, the stamp, too
    innkeeper:{tag}:hints:seen:<id>:<delivery>    string  digest of the body; forgotten after seven days
    innkeeper:hints:cursor:<source>               string  where the next poll begins

`tag` is that of the conversation's shard. A delivery is seen for a conversation, which its body names.
"""

import time
from typing import cast

from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_keys import oldest_first
from agent.adapters.redis_shards import PREFIX, shard_key, tag_of
from agent.types import ConversationId

SEEN_FOR_S = 7 * 24 * 3600
_WAITING = "hints:waiting"
_SEEN = "hints:seen"
_CURSOR = PREFIX + "hints:cursor:"

# The score only grows, so that a hint that comes while its ticket is being read is told from the one before.
_ADD = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
local before = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[3]) or '0')
redis.call('ZADD', KEYS[2], string.format('%.0f', math.max(tonumber(ARGV[4]), before + 1)), ARGV[3])
return 1
""")

_DONE = Script("""
if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 1
""")


class RedisTicketHints:
    """`agent.ports.TicketHints` on Redis."""

    def __init__(self, client: RedisClient) -> None:
        self._redis = client

    async def add(self, conversation_id: ConversationId, delivery: str, digest: str) -> bool:
        """Keep a hint; see the port."""
        now_us = time.time_ns() // 1000
        tag = tag_of(conversation_id)
        keys = [shard_key(tag, f"{_SEEN}:{conversation_id}:{delivery}"), shard_key(tag, _WAITING)]
        with unavailable("keep a hint"):
            (kept,) = await confirmed(self._redis, [_ADD(keys, [digest, SEEN_FOR_S, conversation_id, now_us])])
        return bool(kept)

    async def waiting(self) -> list[ConversationId]:
        """Tickets that nobody has looked at since their hint; oldest first."""
        with unavailable("list the hints"):
            return [ConversationId(one) for one in await oldest_first(self._redis, _WAITING)]

    async def stamp(self, conversation_id: ConversationId) -> str | None:
        """Read before looking, for `done`."""
        with unavailable("read a hint"):
            (score,) = await self._redis.together([command("ZSCORE", _waiting(conversation_id), conversation_id)])
        return None if score is None else f"{float(score):.0f}"

    async def done(self, conversation_id: ConversationId, stamp: str | None) -> None:
        """Looked at. A hint that came after `stamp` stays."""
        if stamp is None:
            return
        with unavailable("remove a hint"):
            await self._redis.together([_DONE([_waiting(conversation_id)], [conversation_id, stamp])])

    async def cursor(self, source: str) -> str | None:
        """Where the next poll of a helpdesk begins."""
        with unavailable("read where a poll begins"):
            return cast(str | None, (await self._redis.together([command("GET", _CURSOR + source)]))[0])

    async def keep_cursor(self, source: str, cursor: str) -> None:
        """Write it down."""
        with unavailable("write down where a poll begins"):
            await self._redis.together([command("SET", _CURSOR + source, cursor)])


def _waiting(conversation_id: ConversationId) -> str:
    return shard_key(tag_of(conversation_id), _WAITING)
