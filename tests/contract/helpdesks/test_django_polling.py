"""django-helpdesk is polled for what its webhooks lose; and what only it has."""

from collections.abc import AsyncIterator

import pytest

from agent.adapters.redis_clients import redis_client
from agent.channels.helpdesks.django_helpdesk import DjangoHelpdesk
from agent.channels.helpdesks.polling import poll_once
from agent.channels.helpdesks.types import Owner, PolledHelpdesk, Words, Wrote
from tests.contract.helpdesks.fake_desk import STAFF
from tests.contract.helpdesks.fake_django_helpdesk import FakeDjangoHelpdesk
from tests.contract.helpdesks.inn import HANDOFF, SOURCE, Inn, started_inn


@pytest.fixture
async def desk() -> FakeDjangoHelpdesk:
    return FakeDjangoHelpdesk()


@pytest.fixture
async def inn(desk: FakeDjangoHelpdesk, redis_url: str) -> AsyncIterator[Inn]:
    async with redis_client(redis_url) as redis, started_inn(desk, redis) as started:
        yield started


async def poll(inn: Inn) -> int:
    assert isinstance(inn.helpdesk, PolledHelpdesk)
    return await poll_once(SOURCE, inn.helpdesk, inn.hints, inn.queue)


async def test_what_a_webhook_has_lost_is_found_once(inn: Inn, desk: FakeDjangoHelpdesk) -> None:
    desk.customer_writes("An old question")
    assert await poll(inn) == 0
    ticket_id, _ = desk.customer_writes("Where is my order?")
    assert await poll(inn) == 1
    assert await poll(inn) == 0
    await inn.work()
    assert len(desk.tickets[ticket_id].by("us", public=True)) == 1
    assert await poll(inn) == 0


async def test_the_first_follow_up_of_all_is_found(inn: Inn, desk: FakeDjangoHelpdesk) -> None:
    assert await poll(inn) == 0
    desk.customer_writes("Where is my order?")
    assert await poll(inn) == 1


async def test_more_than_a_page_is_found_and_nothing_older(inn: Inn, desk: FakeDjangoHelpdesk) -> None:
    ticket_id, _ = desk.customer_writes("Where is my order?")
    await poll(inn)
    for number in range(10):
        desk.customer_writes(f"Line {number}", ticket_id)
        desk.staff_writes(ticket_id, "A note", public=False)
    news = await inn.helpdesk.poll(await inn.hints.cursor(SOURCE))
    assert len(news.hints) == 10
    assert {hint.ticket_id for hint in news.hints} == {str(ticket_id)}
    assert [hint.delivery for hint in news.hints] == sorted(hint.delivery for hint in news.hints)


async def test_one_that_is_committed_late_is_found(inn: Inn, desk: FakeDjangoHelpdesk) -> None:
    ticket_id, first = desk.customer_writes("Where is my order?")
    await poll(inn)
    _, late = desk.customer_writes("And now?", ticket_id)
    desk.tickets[ticket_id].entries.remove(late)
    desk.customer_writes("Hello?", ticket_id)
    assert await poll(inn) == 1
    desk.tickets[ticket_id].entries.insert(1, late)
    assert first.id < late.id
    assert await poll(inn) == 1


async def test_without_the_custom_field_a_hand_off_puts_the_ticket_on_hold(inn: Inn, desk: FakeDjangoHelpdesk) -> None:
    desk.has_field = False
    inn.graph.outcome = HANDOFF
    ticket = await inn.write()
    assert desk.on_hold == {ticket.id}
    assert any(one.ok and "on hold" in one.detail for one in await inn.helpdesk.check())
    await inn.write("Hello?", ticket.id)
    assert len(inn.graph.asked) == 1


async def test_a_closed_ticket_is_open_again_after_a_hand_off(inn: Inn, desk: FakeDjangoHelpdesk) -> None:
    ticket_id, _ = desk.customer_writes("Where is my order?")
    desk.tickets[ticket_id].status = "closed"
    await inn.helpdesk.hand_off(await inn.helpdesk.read(str(ticket_id)), None)
    assert desk.tickets[ticket_id].status == "reopened"


async def test_what_the_desk_writes_by_itself_and_mere_changes_are_no_ones_words(inn: Inn, desk: FakeDjangoHelpdesk) -> None:
    ticket_id, _ = desk.customer_writes("Where is my order?")
    ticket = desk.tickets[ticket_id]
    desk.add(ticket, "machine", "Ticket escalated after 3 days", subject="Ticket Escalated")
    desk.add(ticket, "staff", "", subject="Ticket taken off hold")
    read = await inn.helpdesk.read(str(ticket_id))
    assert [one.wrote for one in read.messages] == [Wrote.CUSTOMER, Wrote.MACHINE]
    assert read.owner is Owner.US


async def test_a_mail_from_somebody_else_is_not_the_customers(inn: Inn, desk: FakeDjangoHelpdesk) -> None:
    ticket_id, _ = desk.customer_writes("Where is my order?")
    desk.customer_writes("And now?", ticket_id)
    [_, told] = (await inn.helpdesk.read(str(ticket_id))).messages
    assert told.wrote is Wrote.CUSTOMER
    of = desk.follow_up
    desk.follow_up = lambda ticket, entry: {**of(ticket, entry), "title": "E-Mail Received from xemily@example.com"}
    [opening, told] = (await inn.helpdesk.read(str(ticket_id))).messages
    assert (opening.wrote, told.wrote) == (Wrote.CUSTOMER, Wrote.MACHINE)


async def test_a_wrong_own_id_is_told_and_mended_by_the_first_answer(inn: Inn, desk: FakeDjangoHelpdesk) -> None:
    ticket = await inn.write()
    settings = desk.settings(str(inn.helpdesk._api._client.base_url)).model_copy(update={"user_id": STAFF})
    other = DjangoHelpdesk(SOURCE, settings)
    assert any(not one.ok and "user_id" in one.detail for one in await other.check())
    read = await other.read(str(ticket.id))
    assert [one.wrote for one in read.messages] == [Wrote.CUSTOMER, Wrote.STAFF]
    await other.note(read, Words("A note.", "<p>A note.</p>"), "IK-0123456789AB")
    assert [one.wrote for one in (await other.read(str(ticket.id))).messages] == [Wrote.CUSTOMER, Wrote.US, Wrote.US]
    await other.aclose()
