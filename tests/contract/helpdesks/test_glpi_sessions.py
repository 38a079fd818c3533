"""GLPI's sessions, which end when GLPI likes; and what only GLPI has."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest

from agent.adapters.redis_clients import redis_client
from agent.channels.helpdesks.glpi import Glpi
from agent.channels.helpdesks.types import Owner, Wrote
from agent.errors import HelpdeskUnavailable, TicketMissing
from tests.contract.helpdesks.fake_glpi import CUSTOMER, SECRET, FakeGlpi
from tests.contract.helpdesks.inn import SOURCE, Inn, started_inn


@pytest.fixture
async def desk() -> FakeGlpi:
    return FakeGlpi()


@pytest.fixture
async def inn(desk: FakeGlpi, redis_url: str) -> AsyncIterator[Inn]:
    async with redis_client(redis_url) as redis, started_inn(desk, redis) as started:
        yield started


def opened(desk: FakeGlpi) -> int:
    return sum(path.endswith("/initSession") for _, path in desk.requests)


async def test_one_session_serves_many_calls_and_is_ended_at_the_close(inn: Inn, desk: FakeGlpi) -> None:
    await inn.write()
    assert opened(desk) == 1
    assert len(desk.sessions) == 1
    await inn.helpdesk.aclose()
    assert desk.sessions == set()


@pytest.mark.parametrize("before", range(1, 14))
async def test_a_session_that_ends_before_any_call_costs_no_message(inn: Inn, desk: FakeGlpi, before: int) -> None:
    calls = 0

    def is_ours(request: object, of=desk.is_ours) -> bool:
        nonlocal calls
        calls += 1
        if calls == before:
            desk.sessions.clear()
        return of(request)

    desk.is_ours = is_ours
    ticket = await inn.write()
    assert len(ticket.by("us", public=True)) == 1
    assert inn.failures == []
    assert opened(desk) <= 2


async def test_readers_at_the_same_time_open_one_session(inn: Inn, desk: FakeGlpi) -> None:
    ticket_id, _ = desk.customer_writes("Where is my order?")
    await inn.helpdesk.read(str(ticket_id))
    desk.sessions.clear()
    await asyncio.gather(*(inn.helpdesk.read(str(ticket_id)) for _ in range(5)))
    assert opened(desk) == 2


async def test_a_wrong_app_token_may_be_mended_and_is_said(desk: FakeGlpi, inn: Inn) -> None:
    settings = desk.settings(str(inn.helpdesk._api._client.base_url))
    other = Glpi(SOURCE, settings.model_copy(update={"app_token": None}))
    with pytest.raises(HelpdeskUnavailable, match="ERROR_WRONG_APP_TOKEN_PARAMETER"):
        await other.read("81")
    await other.aclose()


async def test_a_missing_right_is_named(inn: Inn, desk: FakeGlpi) -> None:
    desk.rights = 1 | 4096
    [rights] = [one for one in await inn.helpdesk.check() if one.name == "rights"]
    assert not rights.ok
    assert "see private followups" in rights.detail


async def test_a_ticket_in_the_trash_is_missing(inn: Inn, desk: FakeGlpi) -> None:
    ticket_id, _ = desk.customer_writes("Where is my order?")
    of = desk.ticket
    desk.ticket = lambda ticket: {**of(ticket), "is_deleted": 1}
    with pytest.raises(TicketMissing):
        await inn.helpdesk.read(str(ticket_id))


async def test_who_wrote_is_told_by_who_they_are_on_the_ticket(inn: Inn, desk: FakeGlpi) -> None:
    ticket_id, _ = desk.customer_writes("Where is my order?")
    ticket = desk.tickets[ticket_id]
    desk.add(ticket, "machine", "Your ticket was received.")
    desk.add(ticket, "staff", "It is on its way.")
    read = await inn.helpdesk.read(str(ticket_id))
    assert [one.wrote for one in read.messages] == [Wrote.CUSTOMER, Wrote.MACHINE, Wrote.STAFF]
    people = desk.people
    desk.people = lambda one: [{**row, "users_id": 0 if row["users_id"] == CUSTOMER else row["users_id"]} for row in people(one)]
    read = await inn.helpdesk.read(str(ticket_id))
    assert [one.wrote for one in read.messages] == [Wrote.CUSTOMER, Wrote.CUSTOMER, Wrote.STAFF]


async def test_a_group_that_people_work_in_by_default_does_not_silence_us(inn: Inn, desk: FakeGlpi) -> None:
    ticket_id, _ = desk.customer_writes("Where is my order?")
    desk.groups[ticket_id] = [99]
    assert (await inn.helpdesk.read(str(ticket_id))).owner is Owner.US
    desk.groups[ticket_id] = [99, 2]
    assert (await inn.helpdesk.read(str(ticket_id))).owner is Owner.PERSON


async def test_a_solved_ticket_is_opened_at_a_hand_off(inn: Inn, desk: FakeGlpi) -> None:
    ticket_id, _ = desk.customer_writes("Where is my order?")
    desk.tickets[ticket_id].status = "solved"
    await inn.helpdesk.hand_off(await inn.helpdesk.read(str(ticket_id)), None)
    assert desk.tickets[ticket_id].status == "assigned"
    assert desk.groups[ticket_id] == [1]


async def test_the_challenge_is_answered_where_webhooks_go(inn: Inn) -> None:
    token = "ab" * 32
    response = await inn.client.get(f"/webhooks/{SOURCE}", params={"crc_token": token})
    assert response.status_code == 200
    assert response.text == hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
