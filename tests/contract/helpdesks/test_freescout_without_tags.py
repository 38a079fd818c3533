"""FreeScout without its module "Tags": the assignee tells whose a conversation is."""

from collections.abc import AsyncIterator

import pytest

from agent.adapters.redis_clients import redis_client
from tests.contract.helpdesks.fake_desk import STAFF
from tests.contract.helpdesks.fake_freescout import FakeFreeScoutWithoutTags
from tests.contract.helpdesks.inn import HANDOFF, Inn, started_inn


@pytest.fixture
async def inn(redis_url: str) -> AsyncIterator[Inn]:
    async with redis_client(redis_url) as redis, started_inn(FakeFreeScoutWithoutTags(), redis) as started:
        yield started


async def test_a_hand_off_is_assigned_and_then_we_are_silent_until_it_is_given_back(inn: Inn) -> None:
    outcome, inn.graph.outcome = inn.graph.outcome, HANDOFF
    ticket = await inn.write()
    assert (ticket.assignee, ticket.group, ticket.status) == (STAFF, "Billing", "active")
    await inn.write("Hello?", ticket.id)
    assert len(ticket.by("us", public=True)) == 1
    inn.desk.gives_back(ticket)
    inn.graph.outcome = outcome
    await inn.write("One more question", ticket.id)
    assert len(ticket.by("us", public=True)) == 2


async def test_a_hand_off_leaves_the_conversation_with_whoever_has_it(inn: Inn) -> None:
    ticket = await inn.write()
    ticket.assignee = 4
    await inn.helpdesk.hand_off(await inn.helpdesk.read(str(ticket.id)), "billing")
    assert ticket.assignee == 4


async def test_the_check_asks_for_no_tags(inn: Inn) -> None:
    findings = {one.name: one.ok for one in await inn.helpdesk.check()}
    assert findings == {"token": True, "user": True, "handoff_user": True, "mailboxes": True}
