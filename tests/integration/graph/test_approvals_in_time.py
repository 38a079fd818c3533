"""An action that waits for a person's yes: for so long, once decided, and what a customer hears meanwhile."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from agent import reasons
from agent.adapters.redis_clients import RedisClient, redis_client
from agent.errors import DraftRuled, ToolUnavailable
from agent.types import NOBODY, Author, Customer, Decision, Outcome, RunId
from tests.integration.graph.test_acting import CLAIMS, EVE, Shop
from tests.orders import DOWN, REFUND, Killed, Orders
from tests.servers import RedisServer
from tests.unit.test_turns import ID

pytestmark = pytest.mark.slow

HOURS = dt.timedelta(hours=1)
PENDING = "A colleague at Marlowe Stays has to agree first."
PAID = "€150.00 for the order O-5000 are on their way."


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[RedisClient]:
    redis_server.flush()
    async with redis_client(redis_server.url) as client:
        yield client


@pytest.fixture
def orders() -> Orders:
    orders = Orders()
    orders.order("O-5000", total=15_000)
    return orders


class Waiting(Shop):
    """A shop whose customer waits for a person's yes. Its time-out is four hours."""

    run_id: RunId

    def __init__(self, client: RedisClient, orders: Orders, **approval: Any) -> None:
        rules = {"approval": {**REFUND["approval"], **approval}, "say": {**REFUND["say"], "declined": "refund_declined"}}
        super().__init__(client, orders, rules)
        self.turns = replace(self.turns, clock=lambda: self.now)

    async def begin(self) -> "Waiting":
        await self.hear("refund for O-5000")
        assert (await self.hear("yes")).decision is Decision.DRAFT
        self.run_id = self.ends[-1][0]
        return self

    @property
    def ends(self) -> list[tuple[RunId, Outcome]]:
        return [(entry.run_id, entry.outcome) for entry in self.conversations.outbox.entries.values()]

    @property
    def last(self) -> Outcome:
        return self.ends[-1][1]

    async def approve(self) -> bool:
        return await self.turns.approve(ID, self.run_id, None)

    async def expire(self) -> bool:
        return await self.turns.expire(ID)


async def test_the_person_who_decides_is_told_by_when(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders, timeout="30m").begin()
    until = (shop.now + HOURS / 2).isoformat(timespec="seconds")
    assert shop.last.summary is not None
    assert f"Decide by: {until}" in shop.last.summary
    assert shop.last.approval is not None
    assert shop.last.approval.until == until


async def test_where_nobody_decides_a_person_gets_the_ticket(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders).begin()
    shop.now += 4 * HOURS - dt.timedelta(seconds=1)
    assert not await shop.expire()
    shop.now += dt.timedelta(seconds=1)
    assert await shop.expire()
    assert (shop.last.decision, shop.last.reason) == (Decision.HANDOFF, reasons.APPROVAL_LATE)
    assert shop.last.queue == "supervisors"
    assert shop.last.summary is not None
    assert "cents: 15000" in shop.last.summary
    assert shop.last.answer == shop.turns.context.policies.text("handoff", "en")
    assert (await shop.conversations.read(ID)).handed_off
    assert not await shop.approve()
    assert not await shop.expire()
    assert orders.refunds == []


async def test_where_nobody_decides_it_is_refused_if_the_file_says_so(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders, on_timeout="deny").begin()
    shop.now += 4 * HOURS
    assert await shop.expire()
    assert (shop.last.decision, shop.last.answer) == (Decision.REFUSE, "I can't do that for this order.")
    assert not (await shop.conversations.read(ID)).handed_off
    assert not await shop.approve()
    assert orders.refunds == []


@pytest.mark.parametrize("seed", range(6))
async def test_of_two_who_decide_at_once_one_does(client: RedisClient, orders: Orders, seed: int) -> None:
    shop = await Waiting(client, orders).begin()
    shop.now += 4 * HOURS
    decisions = [shop.approve(), shop.expire(), shop.turns.decline(ID, shop.run_id)]
    order = decisions[seed % 3 :] + decisions[: seed % 3]
    told = await asyncio.gather(*(order if seed < 3 else order[::-1]))
    assert sorted(told) == [False, False, True]
    assert len(shop.ends) == 3, "asked, drafted, and one end"
    assert orders.refunds == ([("O-5000", 15_000)] if shop.last.decision is Decision.ANSWER else [])


async def test_who_comes_second_changes_nothing_though_the_first_is_slow(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders).begin()
    orders.fails["orders.refund"] = [("after", Killed())]
    with pytest.raises(Killed):
        await shop.approve()
    assert orders.refunds == [("O-5000", 15_000)]
    assert not await shop.turns.decline(ID, shop.run_id)
    shop.now += 4 * HOURS
    assert await shop.expire(), "what was approved is carried through"
    assert (shop.last.decision, shop.last.answer) == (Decision.ANSWER, PAID)
    assert orders.refunds == [("O-5000", 15_000)]


async def test_a_system_that_is_away_when_a_person_says_yes_is_asked_later(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders).begin()
    orders.fails["orders.refund"] = [("before", DOWN)]
    with pytest.raises(ToolUnavailable):
        await shop.approve()
    assert await shop.expire()
    assert shop.last.answer == PAID


async def test_who_writes_while_it_is_carried_out_hears_of_it_and_is_answered(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders).begin()
    orders.fails["orders.refund"] = [("after", Killed())]
    with pytest.raises(Killed):
        await shop.approve()
    await shop.write("How much does a dog cost per night?")
    with pytest.raises(DraftRuled):
        await shop.turns.run_turn(ID)
    assert await shop.expire()
    assert shop.last.answer == PAID
    entry = await shop.turns.run_turn(ID)
    assert entry is not None
    assert "€12" in entry.outcome.answer


async def test_a_person_who_has_taken_over_is_not_overruled(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders).begin()
    await shop.write("I look after this.", author=Author.HUMAN_AGENT)
    shop.now += 4 * HOURS
    assert not await shop.expire()
    assert await shop.conversations.overdue(shop.now) == []
    assert len(shop.ends) == 2


async def test_who_asks_for_news_is_told_that_it_waits(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders).begin()
    shop.shelf.is_empty = True
    for text in ("any news?", "hello??"):
        heard = await shop.hear(text)
        assert (heard.decision, heard.reason) == (Decision.ANSWER, reasons.ACTION_STILL_PENDING)
        assert heard.answer == PENDING
    assert await shop.approve()
    assert shop.last.answer == PAID
    assert orders.refunds == [("O-5000", 15_000)]


async def test_a_question_is_answered_beside_it(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders).begin()
    heard = await shop.hear("How much does a dog cost per night?")
    assert heard.decision is Decision.ANSWER
    assert "€12" in heard.answer
    assert heard.answer.endswith(PENDING)
    shop.now += 4 * HOURS
    assert await shop.expire(), "its time has not begun anew"


async def test_no_other_action_is_begun_meanwhile(client: RedisClient, orders: Orders) -> None:
    orders.order("O-6000")
    shop = await Waiting(client, orders).begin()
    await shop.hear("refund for O-6000")
    await shop.hear("yes")
    assert orders.refunds == []
    assert await shop.approve()
    assert orders.refunds == [("O-5000", 15_000)]


async def test_a_plain_no_takes_it_back(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders).begin()
    heard = await shop.hear("stop")
    assert (heard.answer, heard.reason) == ("Nothing was changed.", reasons.ACTION_WITHDRAWN)
    assert not await shop.approve()
    shop.now += 4 * HOURS
    assert not await shop.expire()
    assert orders.refunds == []


@pytest.mark.parametrize("who", [EVE, CLAIMS, NOBODY])
async def test_somebody_else_in_the_conversation_does_not_hear_of_it(client: RedisClient, orders: Orders, who: Customer) -> None:
    shop = await Waiting(client, orders).begin()
    heard = await shop.hear("any news?", who)
    assert (heard.decision, heard.reason) == (Decision.HANDOFF, reasons.ACTION_AND_ANOTHER)
    assert "O-5000" not in heard.answer
    assert "waits no more: refund_order" in (heard.summary or "")
    assert not await shop.approve()
    assert orders.refunds == []


async def test_who_asks_for_a_person_gets_one_and_nothing_waits(client: RedisClient, orders: Orders) -> None:
    shop = await Waiting(client, orders).begin()
    heard = await shop.hear("I want to speak to a person")
    assert heard.decision is Decision.HANDOFF
    assert heard.summary is not None
    assert "waits no more: refund_order" in heard.summary
    assert not await shop.approve()
    assert orders.refunds == []
