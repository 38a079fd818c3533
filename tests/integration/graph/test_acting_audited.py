"""What an action leaves in the audit log, with a real one: before a call and after it, once, whatever dies in between."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from agent.adapters.redis_audit import RedisAuditLog
from agent.adapters.redis_clients import RedisClient, redis_client
from agent.errors import QueueUnavailable, ToolRefused
from agent.graph.acting.reading import Desk
from agent.ports import AuditEvent, AuditKind, ToolCall, ToolResult
from tests.integration.graph.test_acting import CLAIMS, Shop
from tests.orders import LOST, Killed, Orders
from tests.servers import RedisServer
from tests.unit.test_turns import ID

pytestmark = pytest.mark.slow


class Watched(Orders):
    """Sees what stands in the log at the moment of a refund."""

    log: RedisAuditLog
    at_the_call: list[str]

    async def call(self, call: ToolCall) -> ToolResult:
        if call.tool == "orders.refund":
            self.at_the_call = await kinds(self.log)
        return await super().call(call)


async def kinds(log: RedisAuditLog) -> list[str]:
    return [entry["kind"] async for entry in log.entries()]


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[RedisClient]:
    redis_server.flush()
    async with redis_client(redis_server.url) as client:
        yield client


@pytest.fixture
def orders(client: RedisClient) -> Watched:
    orders = Watched()
    orders.log, orders.at_the_call = RedisAuditLog(client), []
    orders.order("O-1000")
    orders.order("O-3000", total=15_000)
    return orders


def audited(client: RedisClient, orders: Orders, log: Any = None) -> Shop:
    shop = Shop(client, orders)
    desk = shop.turns.context.desk
    assert isinstance(desk, Desk)
    desk = replace(desk, audit=log or RedisAuditLog(client))
    shop.turns = replace(shop.turns, context=replace(shop.turns.context, desk=desk))
    return shop


REFUSED = ToolRefused("not here")
ASKED_AND_DONE = ["action_asked", "action_confirmed", "action_begun", "action_done"]


async def test_a_refund_stands_in_the_log_before_and_after_its_call(client: RedisClient, orders: Watched) -> None:
    shop = audited(client, orders)
    await shop.hear("I want a refund for O-1000")
    await shop.hear("Yes, please")
    assert orders.at_the_call == ASKED_AND_DONE[:3]
    assert await kinds(orders.log) == ASKED_AND_DONE
    entries = [entry async for entry in orders.log.entries()]
    assert len({entry["subject"] for entry in entries}) == len({entry["conversation"] for entry in entries}) == 1
    assert entries[-1]["rules"] == ["refund_order"]
    assert entries[2]["facts"] == entries[3]["facts"]
    assert {entry["policy"]["version"] for entry in entries} == {shop.turns.context.policies.stamp.version}
    assert await orders.log.about(["c-1"]) == entries


async def test_no_call_is_made_without_its_entry(client: RedisClient, orders: Watched) -> None:
    class Away:
        async def record(self, event: AuditEvent) -> None:
            if event.kind is AuditKind.ABOUT_TO:
                raise QueueUnavailable("Redis is away")

    shop = audited(client, orders, Away())
    await shop.hear("I want a refund for O-1000")
    await shop.write("Yes, please")
    with pytest.raises(QueueUnavailable):
        await shop.turns.run_turn(ID)
    assert orders.refunds == []


async def test_a_no_and_who_is_not_known(client: RedisClient, orders: Watched) -> None:
    shop = audited(client, orders)
    await shop.hear("I want a refund for O-1000")
    await shop.hear("no")
    await audited(client, orders).hear("I want a refund for O-1000", CLAIMS)
    assert await kinds(orders.log) == ["action_asked", "action_declined", "action_denied"]


@pytest.mark.parametrize(
    ("approved", "ends"), [(True, ["approval_given", "action_begun", "action_done"]), (False, ["approval_refused"])]
)
@pytest.mark.parametrize(("by", "told"), [("", ""), ("note 812", " (note 812)")])
async def test_a_persons_word(client: RedisClient, orders: Watched, approved: bool, ends: list[str], by: str, told: str) -> None:
    shop = audited(client, orders)
    await shop.hear("I want a refund for O-3000")
    waits = await shop.hear("yes")
    assert waits.proposal is None or waits.summary
    run_id = (await shop.conversations.read(ID)).messages[-1].message_id.removeprefix("out_")
    await (shop.turns.approve(ID, run_id, None, by) if approved else shop.turns.decline(ID, run_id, by))  # type: ignore[arg-type]
    assert await kinds(orders.log) == ["action_asked", "action_confirmed", "approval_asked", *ends]
    (ruling,) = [entry async for entry in orders.log.entries() if entry["kind"].startswith("approval_") and "who" in entry]
    assert ruling["who"] == f"a person at {ID.partition(':')[0]}{told}"


async def test_a_turn_that_died_after_the_call_writes_its_end_once(client: RedisClient, orders: Watched) -> None:
    orders.fails["orders.refund"] = [("after", Killed())]
    shop = audited(client, orders)
    await shop.hear("I want a refund for O-1000")
    await shop.write("yes")
    with pytest.raises(Killed):
        await shop.turns.run_turn(ID)
    assert await kinds(orders.log) == ASKED_AND_DONE[:3]
    await shop.turns.run_turn(ID)
    assert await kinds(orders.log) == ASKED_AND_DONE
    assert orders.refunds == [("O-1000", 4000)]


async def test_a_turn_that_died_between_the_ledger_and_the_log_mends_it(client: RedisClient, orders: Watched) -> None:
    class Dies(RedisAuditLog):
        is_alive = False

        async def record(self, event: AuditEvent) -> None:
            if event.kind is AuditKind.DONE and not self.is_alive:
                raise Killed
            await super().record(event)

    log = Dies(client)
    shop = audited(client, orders, log)
    await shop.hear("I want a refund for O-1000")
    await shop.write("yes")
    with pytest.raises(Killed):
        await shop.turns.run_turn(ID)
    assert await kinds(log) == ASKED_AND_DONE[:3]
    log.is_alive = True
    await shop.turns.run_turn(ID)
    assert await kinds(log) == ASKED_AND_DONE


@pytest.mark.parametrize(("fails", "ends"), [(("after", LOST), "action_uncertain"), (("before", REFUSED), "action_failed")])
async def test_what_was_refused_there_or_nobody_knows(client: RedisClient, fails: tuple[str, Exception], ends: str) -> None:
    orders = Orders(repeats_safely=False)
    orders.order("O-1000")
    orders.fails["orders.refund"] = [fails]
    shop = audited(client, orders)
    await shop.hear("I want a refund for O-1000")
    await shop.hear("yes")
    assert await kinds(RedisAuditLog(client)) == [
        *ASKED_AND_DONE[:3],
        ends,
        *(["action_denied"] if ends == "action_failed" else []),
    ]
