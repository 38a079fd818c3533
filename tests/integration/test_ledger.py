"""The ledger on a real Redis: limits hold whatever comes at the same time, and a call is begun once."""

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_ledger import RedisLedger
from agent.ports import Entry, LedgerStage, Taking
from policies.action_parts import Limits
from policies.judging import Spent
from tests.redis_groups import Group
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

NOW = int(dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC).timestamp() * 1000)
HOUR, DAY = 3_600_000, 86_400_000
LIMITS = Limits.model_validate(
    {"per_customer": {"amount": 200, "window": "30d"}, "per_day": 300, "rate": {"count": 3, "window": "1h"}}
)
FIRST = Taking("k-1", "refund", "c-1", 5000, LIMITS, "2026-11-27", NOW, "p-1", {"call": {"id": "O-1"}})


@pytest.fixture(params=["redis_server", "redis_cluster"])
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[RedisLedger]:
    server: RedisServer | Group = request.getfixturevalue(request.param)
    server.flush()
    async with redis_client(server.url) as client:
        yield RedisLedger(client)


def another(n: int, **change: object) -> Taking:
    return replace(FIRST, key=f"k-{n}", **change)  # type: ignore[arg-type]


async def test_a_call_is_begun_once_and_its_end_is_remembered(ledger: RedisLedger) -> None:
    assert (await ledger.take(FIRST)).known is None
    again = await ledger.take(FIRST)
    assert again.known is not None
    assert again.known.stage is LedgerStage.BEGUN
    assert again.known.plan == FIRST.plan
    await ledger.settle(FIRST, LedgerStage.DONE)
    await ledger.settle(FIRST, LedgerStage.UNCERTAIN)
    assert await ledger.find("refund", "p-1") == Entry(LedgerStage.DONE, FIRST.plan)
    assert await ledger.find("refund", "p-2") is None
    assert await ledger.find("goodwill", "p-1") is None


async def test_two_proposals_of_the_same_call_share_it(ledger: RedisLedger) -> None:
    await ledger.take(FIRST)
    second = await ledger.take(replace(FIRST, proposal_id="p-2", plan={"call": {"id": "O-2"}}))
    assert second.known == Entry(LedgerStage.BEGUN, FIRST.plan)


async def test_each_limit_to_the_cent(ledger: RedisLedger) -> None:
    await ledger.take(another(1, amount=19_999))
    assert (await ledger.take(another(2, amount=2))).full == "per_customer"
    assert (await ledger.take(another(3, amount=1))).full is None
    assert (await ledger.take(another(4, customer="c-2", amount=10_001))).full == "per_day"
    assert (await ledger.take(another(5, customer="c-2", amount=10_000))).full is None
    tomorrow = {"day": "2026-11-28", "at_ms": NOW + DAY}
    assert (await ledger.take(another(6, customer="c-2", amount=10_000, **tomorrow))).full is None


async def test_so_often_in_a_window_that_ends_now(ledger: RedisLedger) -> None:
    for n in range(3):
        assert (await ledger.take(another(n, amount=1, at_ms=NOW + n))).full is None
    assert (await ledger.take(another(3, amount=1, at_ms=NOW + HOUR - 1))).full == "rate"
    assert (await ledger.take(another(3, amount=1, at_ms=NOW + HOUR))).full is None


async def test_a_customers_window_moves_on(ledger: RedisLedger) -> None:
    await ledger.take(another(1, amount=20_000))
    later = {"at_ms": NOW + 30 * DAY - 1, "day": "2026-12-27"}
    assert (await ledger.take(another(2, amount=1, **later))).full == "per_customer"
    assert (await ledger.take(another(2, amount=1, **{**later, "at_ms": NOW + 30 * DAY}))).full is None


async def test_what_did_not_happen_is_given_back_once(ledger: RedisLedger) -> None:
    await ledger.take(another(1, amount=20_000))
    await ledger.give_back(another(1, amount=20_000))
    await ledger.give_back(another(1, amount=20_000))
    assert await ledger.spent(another(9)) == Spent()
    assert await ledger.find("refund", "p-1") is None
    assert (await ledger.take(another(1, amount=20_000))).known is None


async def test_what_is_done_or_uncertain_is_not_given_back(ledger: RedisLedger) -> None:
    for n, stage in enumerate((LedgerStage.DONE, LedgerStage.UNCERTAIN)):
        call = another(n, amount=100)
        await ledger.take(call)
        await ledger.settle(call, stage)
        await ledger.give_back(call)
    assert await ledger.spent(another(9)) == Spent(customer=200, day=200, count=2)


async def test_a_call_does_not_count_against_itself(ledger: RedisLedger) -> None:
    await ledger.take(FIRST)
    assert await ledger.spent(FIRST) == Spent()
    assert await ledger.spent(another(2)) == Spent(customer=5000, day=5000, count=1)


async def test_actions_and_customers_have_limits_of_their_own(ledger: RedisLedger) -> None:
    await ledger.take(another(1, amount=20_000))
    assert (await ledger.take(another(1, amount=20_000, action="goodwill"))).full is None
    assert (await ledger.take(another(2, amount=10_000, customer="c-2"))).full is None


async def test_many_at_once_never_take_more_than_there_is(ledger: RedisLedger) -> None:
    limits = Limits.model_validate({"per_day": "1000.00"})
    rng = random.Random(7)
    calls = [another(n, customer=f"c-{n % 5}", limits=limits, amount=rng.randrange(1, 9000)) for n in range(150)]

    async def one(call: Taking) -> int:
        if (await ledger.take(call)).full:
            return 0
        if rng.random() < 0.3:
            await ledger.give_back(call)
            return 0
        await ledger.settle(call, LedgerStage.DONE)
        return call.amount

    took = sum(await asyncio.gather(*(one(call) for call in calls)))
    assert took <= 100_000
    assert (await ledger.spent(another(999, limits=limits))).day == took
    left = 100_000 - took
    assert (await ledger.take(another(1000, limits=limits, amount=left + 1))).full == "per_day"
    assert left == 0 or (await ledger.take(another(1001, limits=limits, amount=left))).full is None


async def test_a_call_of_when_limits_looked_back_further_is_told_and_forgotten(ledger: RedisLedger) -> None:
    long = Limits.model_validate({"per_customer": {"amount": 200, "window": "90d"}})
    await ledger.take(replace(FIRST, limits=long))
    await ledger.take(another(2, at_ms=NOW + 40 * DAY, day="2027-01-06", proposal_id="p-2"))
    assert sorted(one["at"] for one in await ledger.of_customer("c-1")) == [str(NOW), str(NOW + 40 * DAY)]
    (left,) = {int(await ledger._redis.ttl(key)) async for key in ledger._redis.scan_iter("innkeeper:{action:refund}:of:*")}
    assert left > 89 * 86_400, "as long as the call that is remembered longest"
    await ledger.erase("c-1")
    assert await ledger.find("refund", "p-1") is None
    assert (await ledger.take(FIRST)).full == "erased"
