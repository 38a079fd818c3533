"""Tickets that stand for conversations held elsewhere, and others that are looked at in between, on plain Redis.

Keys, all under `innkeeper:`, with the tag of the conversation's shard or of the ticket's:

    innkeeper:{tag}:links:conversation:<id>   string  JSON of the link
    innkeeper:{tag}:links:ticket:<ticket>     string  the same
    innkeeper:{tag}:links:due                 zset    ticket, by when it is to be looked at again (seconds since 1970)
    innkeeper:{tag}:links:said                hash    ticket -> when something was last said in it

A link lasts as long as a conversation from the last thing that was said, 30 days at least: for so long the widget shows what
a person answers. The ticket's side is written first, so after a crash in between nobody takes its ticket for one that a
customer has opened. A ticket in which a proposal waits is due in the same way, without a link: of a person's note no webhook
need tell.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import cast

from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_shards import TAGS, shard_key, tag_of
from agent.ports import Link
from agent.types import ConversationId

SOONEST_S, LATEST_S = 15.0, 600.0
WAIT_SHARE = 0.1
"""The next look comes after this share of the time since something was said, within the two limits above."""
FORGOTTEN_AFTER_S = 14 * 24 * 3600
LEAST_S = 30 * 24 * 3600
_DUE = "links:due"
_SAID = "links:said"

_KEEP = Script("""
redis.call('SET', KEYS[1], ARGV[1])
if tonumber(ARGV[5]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[5]) end
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
return 1
""")

_TOUCH = Script("""
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
if tonumber(ARGV[4]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return redis.call('GET', KEYS[1])
""")

_LET_GO = Script("""
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
return redis.call('ZREM', KEYS[2], ARGV[1])
""")

# What is due is put off in the step that finds it, so that one of several workers looks.
_FIND_DUE = Script("""
local now, soonest, latest, share, forgotten = unpack(ARGV)
now = tonumber(now)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
for _, ticket in ipairs(found) do
    local quiet = now - tonumber(redis.call('HGET', KEYS[2], ticket) or '0')
    if quiet > tonumber(forgotten) then
        redis.call('ZREM', KEYS[1], ticket)
        redis.call('HDEL', KEYS[2], ticket)
    else
        local wait = math.min(tonumber(latest), math.max(tonumber(soonest), quiet * tonumber(share)))
        redis.call('ZADD', KEYS[1], string.format('%.3f', now + wait), ticket)
    end
end
return found
""")


class RedisTicketLinks:
    """`agent.ports.TicketLinks` on Redis."""

    def __init__(self, client: RedisClient, keep_s: int = 0, clock: Callable[[], float] = time.time) -> None:
        """`keep_s`: how long conversations are kept; 0 for ever."""
        self._redis = client
        self._keep_s = max(keep_s, LEAST_S) if keep_s else 0
        self._clock = clock

    async def keep(self, link: Link) -> None:
        """Write it down; its ticket is due in `SOONEST_S`."""
        now = self._clock()
        text = json.dumps(asdict(link))
        due, said = _indexes(tag_of(link.ticket))
        with unavailable("link a ticket"):
            args = [text, link.ticket, now, now + SOONEST_S, self._keep_s]
            await confirmed(self._redis, [_KEEP([_by_ticket(link.ticket), due, said], args)])
            lasts = ("EX", self._keep_s) if self._keep_s else ()
            await confirmed(self._redis, [command("SET", _by_conversation(link.conversation_id), text, *lasts)])

    async def of_conversation(self, conversation_id: ConversationId) -> Link | None:
        """None if no ticket stands for it."""
        return await self._read(_by_conversation(conversation_id))

    async def of_ticket(self, ticket: ConversationId) -> Link | None:
        """None if it stands for no conversation."""
        return await self._read(_by_ticket(ticket))

    async def due(self) -> list[ConversationId]:
        """Tickets to look at now, each due again later; those in which nothing was said for two weeks are let go."""
        args = [self._clock(), SOONEST_S, LATEST_S, WAIT_SHARE, FORGOTTEN_AFTER_S]
        with unavailable("list the linked tickets"):
            found = await self._redis.together([_FIND_DUE(_indexes(tag), args) for tag in TAGS])
        return [ConversationId(one) for shard in found for one in shard]

    async def touch(self, ticket: ConversationId) -> None:
        """Something was said: it is due soon, and often."""
        now = self._clock()
        with unavailable("write down that something was said"):
            keys = [_by_ticket(ticket), *_indexes(tag_of(ticket))]
            (found,) = await self._redis.together([_TOUCH(keys, [ticket, now, now + SOONEST_S, self._keep_s])])
            if found and self._keep_s:
                other = _by_conversation(_load(found).conversation_id)
                await self._redis.together([command("EXPIRE", other, self._keep_s)])

    async def let_go(self, ticket: ConversationId) -> None:
        """It is not due any more, unless it stands for a conversation."""
        with unavailable("let go of a ticket"):
            await self._redis.together([_LET_GO([_by_ticket(ticket), *_indexes(tag_of(ticket))], [ticket])])

    async def _read(self, key: str) -> Link | None:
        with unavailable("read a link"):
            (found,) = cast(list[str | None], await self._redis.together([command("GET", key)]))
        return None if found is None else _load(found)


def _load(text: str) -> Link:
    value = json.loads(text)
    return Link(ConversationId(value["conversation_id"]), ConversationId(value["ticket"]), value["told"])


def _by_conversation(conversation_id: ConversationId) -> str:
    return shard_key(tag_of(conversation_id), f"links:conversation:{conversation_id}")


def _by_ticket(ticket: ConversationId) -> str:
    return shard_key(tag_of(ticket), f"links:ticket:{ticket}")


def _indexes(tag: str) -> list[str]:
    return [shard_key(tag, _DUE), shard_key(tag, _SAID)]
