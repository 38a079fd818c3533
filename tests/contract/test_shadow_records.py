"""What every `ShadowRecords` must do."""

import datetime as dt
from dataclasses import replace

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.shadow import RedisShadowRecords
from agent.errors import QueueUnavailable
from agent.ports import ShadowRecord
from agent.types import Decision, RunId
from tests.contract.conftest import Stores
from tests.samples import TICKET, full_outcome, message, outcome
from tests.servers import RedisServer, free_port


def record(number: int, decision: Decision = Decision.ANSWER) -> ShadowRecord:
    at = dt.datetime(2026, 11, 24, 10, number, tzinfo=dt.UTC)
    said = (message("1", text="What does a dog cost? \ud83d \u20ac"),)
    return ShadowRecord(RunId(f"r{number}"), TICKET.conversation_id, at, said, outcome(decision))


async def test_what_is_recorded_comes_back_oldest_first(stores: Stores) -> None:
    for number in (2, 1, 3):
        await stores.shadow.record(record(number))
    assert [one async for one in stores.shadow.all()] == [record(1), record(2), record(3)]


async def test_a_run_is_recorded_once(stores: Stores) -> None:
    await stores.shadow.record(record(1))
    await stores.shadow.record(record(1, Decision.HANDOFF))
    assert [one.outcome.decision async for one in stores.shadow.all()] == [Decision.ANSWER]


async def test_everything_of_an_outcome_is_kept(stores: Stores) -> None:
    whole = ShadowRecord(RunId("r"), TICKET.conversation_id, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), (), full_outcome())
    await stores.shadow.record(whole)
    assert [one async for one in stores.shadow.all()] == [whole]


@pytest.mark.slow
async def test_the_oldest_go_when_there_are_too_many(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with redis_client(redis_server.url) as client:
        shadow = RedisShadowRecords(client, most=2)
        for number in (1, 2, 3):
            await shadow.record(record(number))
        assert [one.run_id async for one in shadow.all()] == ["r2", "r3"]


@pytest.mark.slow
async def test_the_old_go_when_another_comes_and_all_after_a_while(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with redis_client(redis_server.url) as client:
        shadow = RedisShadowRecords(client, keep_s=3600)
        first = record(1)
        await shadow.record(first)
        await shadow.record(replace(record(2), at=first.at + dt.timedelta(seconds=3599)))
        assert [one.run_id async for one in shadow.all()] == ["r1", "r2"]
        await shadow.record(replace(record(3), at=first.at + dt.timedelta(seconds=3601)))
        assert [one.run_id async for one in shadow.all()] == ["r2", "r3"]
        keys = [key async for key in client.scan_iter()]
        assert len(keys) == 2
        assert all([0 < await client.ttl(key) <= 3600 for key in keys])


async def test_no_redis_is_told() -> None:
    async with redis_client(f"redis://127.0.0.1:{free_port()}/0", timeout_s=0.5) as client:
        with pytest.raises(QueueUnavailable, match="write a shadow record"):
            await RedisShadowRecords(client).record(record(1))
