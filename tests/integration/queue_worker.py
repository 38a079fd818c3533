"""A worker process for the tests of the queue: real stores and queue, handlers that sleep and take notes in Redis.

Usage: python -m tests.integration.queue_worker REDIS_URL OPTIONS_JSON
"""

import asyncio
import json
import sys
from functools import partial
from pathlib import Path

from agent.adapters.hints import RedisTicketHints
from agent.adapters.jobs import Handlers, Owed, WorkerOptions
from agent.adapters.queue import DocketQueue, run_worker
from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.errors import HelpdeskRefused, HelpdeskUnavailable, ModelUnavailable
from agent.telemetry import configure_logging
from agent.types import ConversationId, Decision, DraftRuling, OutboxEntry, Ruled, RunId
from agent.wiring.refresh import SourceRefresher
from knowledge.base import KnowledgeBase, KnowledgeSettings
from tests.samples import outcome


class Desk:
    """Drops a repeated outbox id, as a helpdesk does; fails as told."""

    def __init__(self, client, options) -> None:
        self._redis = client
        self._options = options

    async def send(self, entry: OutboxEntry) -> None:
        attempt = await self._redis.incr(f"test:sends:{entry.outbox_id}")
        if self._options.get("desk") == "refuses":
            raise HelpdeskRefused("410 Gone")
        if attempt <= self._options.get("desk_down", 0):
            raise HelpdeskUnavailable("503")
        if await self._redis.sadd("test:received", entry.outbox_id):
            await self._redis.rpush("test:deliveries", entry.conversation_id)
        await asyncio.sleep(self._options.get("after_send_s", 0))


async def expire(client, queue: DocketQueue, options: dict, conversation_id: ConversationId) -> None:
    await client.rpush("test:expired", conversation_id)
    conversations = RedisConversations(client)
    read = await conversations.read(conversation_id)
    ruling = await conversations.rule(read, DraftRuling(read.approval.run_id, Ruled.TIMED_OUT))
    await asyncio.sleep(options.get("turn_s", 0))
    entry = await conversations.release(read, ruling.run_id, outcome(Decision.HANDOFF))
    if entry:
        await queue.add_delivery(entry.key)


async def main(url: str, options: dict) -> None:
    limits = WorkerOptions(**options.get("limits", {}))
    async with (
        redis_client(url) as client,
        DocketQueue(url, debounce_ms=options.get("debounce_ms", 50)) as queue,
    ):
        conversations, outbox = RedisConversations(client), RedisOutbox(client)

        async def turn(conversation_id: ConversationId) -> None:
            await client.rpush("test:asked", conversation_id)
            read = await conversations.read(conversation_id)
            run = await client.incr("test:runs")
            if run <= options.get("model_down", 0):
                raise ModelUnavailable("no model")
            if run <= options.get("bugs", 0):
                raise ValueError("a customer's words")
            if not any(m.author == "customer" for m in read.messages[read.answered :]):
                await client.rpush("test:empty_turns", conversation_id)
                return
            if await client.incr(f"test:busy:{conversation_id}") > 1:
                await client.rpush("test:overlaps", conversation_id)
            await client.rpush("test:turns", conversation_id)
            try:
                await asyncio.sleep(options.get("turn_s", 0))
            finally:
                await client.decr(f"test:busy:{conversation_id}")
            entry = await conversations.commit(read, RunId(str(run)), outcome())
            if entry and not options.get("forgets_delivery"):
                await queue.add_delivery(entry.key)
            await client.rpush("test:finished", conversation_id)

        async def hand_over(conversation_id: ConversationId) -> None:
            await client.rpush("test:handed_over", conversation_id)

        refresher = None
        if "listing" in options:
            base = KnowledgeBase(KnowledgeSettings(Path(options["data"]), threads=1))
            refresher = SourceRefresher(base, Path(options["listing"]), lambda *urls: None)
        polls = {
            name: (every_s, lambda name=name: client.rpush("test:polls", name))
            for name, every_s in options.get("polls", {}).items()
        }
        stop = refresher.stop if refresher else None
        handlers = Handlers(
            turn, Desk(client, options), refresher, stop, hand_over, polls, partial(expire, client, queue, options)
        )
        await run_worker(queue, handlers, Owed(conversations, outbox, RedisTicketHints(client)), limits)


if __name__ == "__main__":
    configure_logging()
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
