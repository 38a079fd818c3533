"""Tickets that stand for conversations held elsewhere, on plain Redis.

Keys, all under `innkeeper:`:

    innkeeper:links:conversation:{id}   string  JSON of the link
    innkeeper:links:ticket:{ticket}     string  the conversation's id
    innkeeper:links:due                 zset    ticket, by when it is to be looked at again (seconds since 1970)
    innkeeper:links:said                hash    ticket -> when something was last said in it
"""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import cast

from redis.asyncio import Redis

from agent.adapters.redis_store import PREFIX, unavailable
from agent.ports import Link
from agent.types import ConversationId

SOONEST_S, LATEST_S = 15.0, 600.0
WAIT_SHARE = 0.1
"""The next look comes after this share of the time since something was said, within the two limits above."""
FORGOTTEN_AFTER_S = 14 * 24 * 3600
_CONVERSATION = PREFIX + "links:conversation:"
_TICKET = PREFIX + "links:ticket:"
_DUE = PREFIX + "links:due"
_SAID = PREFIX + "links:said"


class RedisTicketLinks:
    """`agent.ports.TicketLinks` on Redis."""

    def __init__(self, client: Redis, clock: Callable[[], float] = time.time) -> None:
        self._redis = client
        self._clock = clock

    async def keep(self, link: Link) -> None:
        """Write it down; its ticket is due in `SOONEST_S`."""
        now = self._clock()
        with unavailable("link a ticket"):
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(_CONVERSATION + link.conversation_id, json.dumps(asdict(link)))
                pipeline.set(_TICKET + link.ticket, link.conversation_id)
                pipeline.hset(_SAID, link.ticket, str(now))
                pipeline.zadd(_DUE, {link.ticket: now + SOONEST_S})
                await pipeline.execute()

    async def of_conversation(self, conversation_id: ConversationId) -> Link | None:
        """None if no ticket stands for it."""
        with unavailable("read a link"):
            found = cast(str | None, await self._redis.get(_CONVERSATION + conversation_id))
        if found is None:
            return None
        value = json.loads(found)
        return Link(ConversationId(value["conversation_id"]), ConversationId(value["ticket"]), value["told"])

    async def of_ticket(self, ticket: ConversationId) -> Link | None:
        """None if it stands for no conversation."""
        with unavailable("read a link"):
            found = cast(str | None, await self._redis.get(_TICKET + ticket))
        return await self.of_conversation(ConversationId(found)) if found else None

    async def due(self) -> list[ConversationId]:
        """Tickets to look at now, each due again later; those in which nothing was said for two weeks are let go."""
        now = self._clock()
        with unavailable("list the linked tickets"):
            found = cast(list[str], await self._redis.zrangebyscore(_DUE, "-inf", now))
            for ticket in found:
                said = await cast(Awaitable[str | None], self._redis.hget(_SAID, ticket))
                quiet_s = now - float(said or 0)
                if quiet_s > FORGOTTEN_AFTER_S:
                    await self._redis.zrem(_DUE, ticket)
                    await self._redis.hdel(_SAID, ticket)
                else:
                    await self._redis.zadd(_DUE, {ticket: now + min(LATEST_S, max(SOONEST_S, quiet_s * WAIT_SHARE))})
        return [ConversationId(one) for one in found]

    async def touch(self, ticket: ConversationId) -> None:
        """Something was said: it is due soon, and often."""
        now = self._clock()
        with unavailable("write down that something was said"):
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(_SAID, ticket, str(now))
                pipeline.zadd(_DUE, {ticket: now + SOONEST_S})
                await pipeline.execute()
