"""What waits, as metrics show it, against a real Redis; and a Redis that is away."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from agent.adapters.queue import DocketQueue
from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.channels.health import Gauges, Readiness
from agent.errors import QueueUnavailable
from agent.types import RunId
from agent.wiring.backlog import Backlog
from tests.samples import message, outcome, ticket
from tests.servers import RedisServer, free_port, valkey

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    with valkey(tmp_path) as server:
        yield server


def value(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(f"innkeeper_{name}", labels)
    assert found is not None, name
    return found


async def test_it_counts_what_waits(server: RedisServer) -> None:
    async with redis_client(server.url) as redis, DocketQueue(server.url, debounce_ms=60_000) as queue:
        conversations, outbox = RedisConversations(redis), RedisOutbox(redis)
        backlog = Backlog(conversations, outbox, queue)
        await backlog()
        told = ("outbox_pending", "outbox_dead", "conversations_unanswered", "oldest_unanswered_seconds")
        assert [value(name) for name in told] == [0, 0, 0, 0]
        assert (value("queue_jobs", queue="turns"), value("queue_jobs", queue="deliveries")) == (0, 0)

        sent_at = (datetime.now(UTC) - timedelta(seconds=900)).isoformat()
        for number in (1, 2, 3):
            await conversations.append(ticket(number), replace(message("m1"), sent_at=sent_at))
            await queue.add_turn(ticket(number).conversation_id, "m1")
        await queue.add_turn(ticket(1).conversation_id, "m1")  # is there already
        for number in (1, 2):
            conversation = await conversations.read(ticket(number).conversation_id)
            entry = await conversations.commit(conversation, RunId(f"r{number}"), outcome())
            assert entry is not None
            await queue.add_delivery(entry.key)
        await outbox.settle(entry.key, delivered=False, detail="410 Gone")
        await backlog()
        assert [value(name) for name in told[:3]] == [1, 1, 1]
        assert value("oldest_unanswered_seconds") >= 900
        assert (value("queue_jobs", queue="turns"), value("queue_jobs", queue="deliveries")) == (3, 2)


async def test_without_redis_metrics_are_shown_all_the_same() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    async with redis_client(url, timeout_s=0.5) as redis, DocketQueue(url) as queue:
        backlog = Backlog(RedisConversations(redis), RedisOutbox(redis), queue)
        with pytest.raises(QueueUnavailable):
            await backlog()
        with pytest.raises(QueueUnavailable, match="counted"):
            await queue.sizes()
        await Gauges(Readiness({}), backlog).refresh()
