"""What only Freshdesk has: rules that send the same body twice, customers without an address, tags that are replaced whole."""

from collections.abc import AsyncIterator

import pytest

from agent.adapters.redis_clients import redis_client
from agent.channels.helpdesks.types import Contact, Owner, Words
from tests.contract.helpdesks.fake_desk import Entry, FakeTicket, Webhook
from tests.contract.helpdesks.fake_freshdesk import FakeFreshdesk
from tests.contract.helpdesks.inn import HANDOFF, Inn, started_inn


class FakeFreshdeskSimple(FakeFreshdesk):
    """A rule of the simple form: its body tells neither what was written nor when."""

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        return self.signed(b'{"freshdesk_webhook":{"ticket_id":%d,"ticket_subject":"Late parcel"}}' % ticket.id)


@pytest.fixture
async def inn(redis_url: str) -> AsyncIterator[Inn]:
    async with redis_client(redis_url) as redis, started_inn(FakeFreshdeskSimple(), redis) as started:
        yield started


async def test_a_second_message_with_the_same_body_is_seen_and_a_repeat_does_no_harm(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    hear = await inn.repeatable(ticket_id, entry)
    for _ in range(2):
        assert await hear() == "accepted"
        await inn.work()
    ticket = inn.desk.tickets[ticket_id]
    assert len(ticket.by("us", public=True)) == 1
    inn.desk.customer_writes("Where is my order?", ticket_id)
    assert await hear() == "accepted"
    await inn.work()
    assert len(inn.graph.asked) == 2
    assert len(ticket.by("us", public=True)) == 2


async def test_a_customer_without_an_address_gets_a_public_note(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    inn.desk.tickets[ticket_id].email = ""
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert len(inn.desk.tickets[ticket_id].by("us", public=True)) == 1
    assert ("POST", f"/api/v2/tickets/{ticket_id}/notes") in inn.desk.requests
    assert ("POST", f"/api/v2/tickets/{ticket_id}/reply") not in inn.desk.requests


async def test_a_hand_off_keeps_the_other_tags(inn: Inn) -> None:
    inn.graph.outcome = HANDOFF
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    inn.desk.tickets[ticket_id].tags = ["vip", "parcel"]
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert inn.desk.tickets[ticket_id].tags == ["vip", "parcel", "ai-handoff"]


async def test_a_ticket_that_we_open_is_a_persons_at_once_and_shows_the_customer_no_summary(inn: Inn) -> None:
    words = Words("A summary.\n\nRef. IK-0123456789AB", "<p>A summary.</p><p>Ref. IK-0123456789AB</p>")
    ticket_id = await inn.helpdesk.open("From <b>the</b> chat", Contact("Emily", "emily@example.com"), words, "IK-0123456789AB")
    ticket = await inn.helpdesk.read(ticket_id)
    assert ticket.owner is Owner.PERSON
    assert [(one.public, one.text) for one in ticket.messages] == [
        (True, "From <b>the</b> chat"),
        (False, "A summary.\n\nRef. IK-0123456789AB"),
    ]


@pytest.mark.parametrize("status", ["spam", "deleted"])
async def test_what_is_spam_or_in_the_bin_is_left_alone(inn: Inn, status: str) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    inn.desk.tickets[ticket_id].status = status
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert inn.desk.tickets[ticket_id].by("us", public=True) == []
    assert inn.graph.asked == []


async def test_conversations_are_read_in_their_order(inn: Inn) -> None:
    ticket_id, _ = inn.desk.customer_writes("First.")
    for text in ("Second.", "Third."):
        inn.desk.customer_writes(text, ticket_id)
    entries = inn.desk.tickets[ticket_id].entries
    entries[1:] = reversed(entries[1:])
    assert [one.text for one in (await inn.helpdesk.read(str(ticket_id))).messages] == ["First.", "Second.", "Third."]
