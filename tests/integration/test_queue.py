"""Nothing is lost and nothing is said twice, with real worker processes that are killed."""

import asyncio
import datetime as dt
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.hints import RedisTicketHints
from agent.adapters.jobs import MOST_FAILURES
from agent.adapters.queue import DocketQueue
from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_keys import APPROVALS
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_shards import shard_key, tag_of
from agent.adapters.redis_store import RedisConversations
from agent.errors import QueueUnavailable
from agent.types import ConversationId, Decision, PendingApproval, RunId
from tests.samples import message, outcome, ticket
from tests.servers import RedisServer, free_port, valkey

pytestmark = pytest.mark.slow

FAST = {"redelivery_s": 2.0, "sweep_s": 0.5, "grace_s": 5.0}


class World:
    def __init__(self, server: RedisServer, client: Any, queue: DocketQueue, logs: Path) -> None:
        self.server, self.client, self.queue, self.logs = server, client, queue, logs
        self.conversations, self.outbox = RedisConversations(client), RedisOutbox(client)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self, limits: dict[str, float] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        options["limits"] = {**FAST, **(limits or {})}
        command = [sys.executable, "-m", "tests.integration.queue_worker", self.server.url, json.dumps(options)]
        with (self.logs / f"worker{len(self.workers)}.log").open("wb") as log:
            self.workers.append(subprocess.Popen(command, stdout=log, stderr=log))
        return self.workers[-1]

    async def say(self, number: int, message_id: str = "m1", *, turn: bool = True) -> ConversationId:
        where = ticket(number)
        await self.conversations.append(where, message(message_id))
        if turn:
            await self.queue.add_turn(where.conversation_id, message_id)
        return where.conversation_id

    async def notes(self, name: str) -> list[str]:
        return await self.client.lrange(f"test:{name}", 0, -1)

    async def delivered(self, count: int, timeout_s: float = 120) -> list[str]:
        async def enough() -> bool:
            return len(await self.notes("deliveries")) >= count and not await self.outbox.pending()

        await until(enough, timeout_s)
        return await self.notes("deliveries")


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 120) -> None:
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                if await condition():
                    return
            except QueueUnavailable:
                pass
            await asyncio.sleep(0.05)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    with valkey(tmp_path) as server:
        yield server


@pytest.fixture
async def world(own_server: RedisServer, tmp_path: Path) -> AsyncIterator[World]:
    async with redis_client(own_server.url) as client, DocketQueue(own_server.url, debounce_ms=50) as queue:
        world = World(own_server, client, queue, tmp_path)
        yield world
        for worker in world.workers:
            worker.kill()
            worker.wait()


async def test_a_message_becomes_one_delivered_outcome(world: World) -> None:
    world.start_worker()
    cid = await world.say(1)
    assert await world.delivered(1) == [cid]
    assert await world.conversations.unanswered() == []


async def test_a_burst_becomes_one_turn(world: World) -> None:
    for number in range(5):
        await world.say(1, f"m{number}")
    world.start_worker()
    await world.delivered(1)
    await until(lambda: _at_least(world, "empty_turns", 4))
    assert await world.notes("turns") == ["desk:1"]


async def test_helpdesks_are_polled_each_in_its_time_and_the_worker_goes_on(world: World) -> None:
    world.start_worker(polls={"one": 0.2, "two": 0.4})
    cid = await world.say(1)
    await until(lambda: _at_least(world, "polls", 12))
    polls = await world.notes("polls")
    assert polls.count("one") > polls.count("two") > 1
    assert await world.delivered(1) == [cid]
    assert b"worker_crashed" not in (world.logs / "worker0.log").read_bytes()


async def test_a_hint_whose_job_was_lost_is_looked_at(world: World) -> None:
    hints = RedisTicketHints(world.client)
    await hints.add(ConversationId("desk:77"), "delivery-1", "digest")
    world.start_worker()
    await until(lambda: _at_least(world, "asked", 1))
    assert (await world.notes("asked"))[0] == "desk:77"


async def test_turns_of_one_conversation_do_not_overlap(world: World) -> None:
    world.start_worker({"concurrency": 4}, turn_s=0.3)
    world.start_worker({"concurrency": 4}, turn_s=0.3)
    for number in range(6):
        await world.say(1, f"m{number}")
        await asyncio.sleep(0.15)
    await until(lambda: _nothing_unanswered(world))
    assert await world.notes("overlaps") == []


async def test_work_that_was_never_queued_is_found(world: World) -> None:
    await world.say(1, turn=False)
    world.start_worker(forgets_delivery=True)
    assert await world.delivered(1) == ["desk:1"]


async def test_a_worker_killed_in_a_turn_loses_nothing(world: World) -> None:
    first = world.start_worker(turn_s=60)
    await world.say(1)
    await until(lambda: _at_least(world, "turns", 1))
    first.kill()
    await world.client.delete("test:busy:desk:1")
    world.start_worker()
    assert await world.delivered(1) == ["desk:1"]


async def test_a_worker_killed_after_the_send_sends_the_same_id_again(world: World) -> None:
    first = world.start_worker(after_send_s=60)
    await world.say(1)
    await until(lambda: _at_least(world, "deliveries", 1))
    first.kill()
    world.start_worker()
    assert await world.delivered(1) == ["desk:1"]
    assert await world.client.scard("test:received") == 1


async def test_a_long_turn_is_not_given_to_another_while_its_worker_lives(world: World) -> None:
    world.start_worker({"redelivery_s": 1.0}, turn_s=5)
    world.start_worker({"redelivery_s": 1.0}, turn_s=5)
    await world.say(1)
    await world.delivered(1)
    assert await world.notes("turns") == ["desk:1"]


async def test_a_model_that_is_down_makes_turns_wait(world: World) -> None:
    world.start_worker(model_down=2)
    await world.say(1)
    assert await world.delivered(1) == ["desk:1"]


async def test_a_bug_is_tried_again_and_logged_without_its_words(world: World) -> None:
    world.start_worker(bugs=1)
    await world.say(1)
    await world.delivered(1)
    log = (world.logs / "worker0.log").read_text(encoding="utf-8")
    assert '{"event": "turn_failed"' in log
    assert "customer's words" not in log


async def test_a_conversation_that_every_turn_fails_on_is_handed_over(world: World) -> None:
    world.start_worker(bugs=1_000)
    await world.say(1)
    await until(lambda: _at_least(world, "handed_over", 1))
    assert await world.notes("handed_over") == ["desk:1"]
    assert int(await world.client.get("test:runs")) >= MOST_FAILURES


async def test_a_helpdesk_that_is_down_gets_the_reply_later(world: World) -> None:
    world.start_worker(desk_down=2)
    await world.say(1)
    assert await world.delivered(1) == ["desk:1"]
    assert await world.outbox.dead() == []


async def test_a_refused_reply_is_kept_for_a_person(world: World) -> None:
    world.start_worker(desk="refuses")
    await world.say(1)

    async def dead() -> bool:
        return bool(await world.outbox.dead())

    await until(dead)
    assert await world.outbox.pending() == []


async def test_sigterm_finishes_the_running_turn_and_claims_no_other(world: World) -> None:
    worker = world.start_worker({"concurrency": 1}, turn_s=1.5)
    await world.say(1)
    await until(lambda: _at_least(world, "turns", 1))
    await world.say(2)
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 20) == 0
    assert await world.notes("finished") == ["desk:1"]
    world.start_worker()
    assert sorted(await world.delivered(2)) == ["desk:1", "desk:2"]


async def test_a_turn_longer_than_the_grace_time_goes_to_the_next_worker(world: World) -> None:
    worker = world.start_worker({"grace_s": 0.5}, turn_s=60)
    await world.say(1)
    await until(lambda: _at_least(world, "turns", 1))
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 20) == 0
    world.start_worker()
    assert await world.delivered(1) == ["desk:1"]


async def test_the_worker_outlives_redis(world: World) -> None:
    worker = world.start_worker()
    await world.say(1)
    await world.delivered(1)
    world.server.kill()
    with pytest.raises(QueueUnavailable):
        await world.say(2)
    world.server.start()
    await world.say(3)
    assert set(await world.delivered(2)) >= {"desk:1", "desk:3"}
    assert worker.poll() is None


async def test_forty_messages_twice_each_with_kills_of_worker_and_redis(world: World) -> None:
    numbers = [*range(40)] * 2
    random.Random(7).shuffle(numbers)
    world.start_worker({"concurrency": 4}, turn_s=0.2)
    for index, number in enumerate(numbers):
        await world.say(number)
        if index % 16 == 15:
            await asyncio.sleep(0.7)
            world.workers[-1].kill()
            if index == 47:
                world.server.kill()
                world.server.start()
            world.start_worker({"concurrency": 4}, turn_s=0.2)
    replies = await world.delivered(40, 120)
    assert sorted(replies) == sorted(f"desk:{number}" for number in range(40))
    assert await world.conversations.unanswered() == []


async def test_without_redis_a_queue_opens_and_adding_is_unavailable() -> None:
    async with DocketQueue(f"redis://127.0.0.1:{free_port()}/0") as queue:
        with pytest.raises(QueueUnavailable):
            await queue.add_turn(ConversationId("desk:1"), "m1")


async def _at_least(world: World, name: str, count: int) -> bool:
    return len(await world.notes(name)) >= count


async def _nothing_unanswered(world: World) -> bool:
    return not await world.conversations.unanswered()


async def test_what_nobody_decides_in_time_is_ended_once_whichever_worker_dies(world: World) -> None:
    """The deadlines have passed while no worker ran."""
    past = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)).isoformat()
    drafts = [await world.say(number, turn=False) for number in range(6)]
    for number, cid in enumerate(drafts):
        run_id = RunId(f"draft-{number}")
        waits = replace(outcome(Decision.DRAFT), approval=PendingApproval(run_id, "refund", "c-1", past))
        assert await world.conversations.commit(await world.conversations.read(cid), run_id, waits)
    first = world.start_worker(turn_s=0.5)

    async def begun() -> bool:
        return len(await world.notes("expired")) >= 2

    await until(begun)
    first.kill()
    first.wait()
    world.start_worker()
    world.start_worker()

    async def all_begun() -> bool:
        return set(await world.notes("expired")) == set(drafts)

    await until(all_begun)
    # What was ruled before it died is due again after a while: here at once.
    for cid in drafts:
        await world.client.zadd(shard_key(tag_of(cid), APPROVALS), {cid: 1}, xx=True)

    async def all_ended() -> bool:
        return all([(await world.conversations.read(cid)).handed_off for cid in drafts])

    await until(all_ended)
    assert Counter(await world.delivered(2 * len(drafts))) == dict.fromkeys(drafts, 2), "the draft, and one end"
    assert await world.conversations.overdue(dt.datetime.now(dt.UTC) + dt.timedelta(days=1)) == []
