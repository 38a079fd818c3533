"""What only Zendesk does: the lock against updates that cross, agents who may write notes only, authors by their role."""

from collections.abc import Callable

import pytest
from fastapi import Request

from agent.channels.helpdesks.types import Contact, Owner, Words, Wrote
from agent.channels.helpdesks.zendesk import Zendesk
from tests.contract.helpdesks.fake_desk import ME, FakeTicket
from tests.contract.helpdesks.fake_zendesk import AUTHORS, USERS, FakeZendesk
from tests.contract.helpdesks.inn import HANDOFF, SOURCE, Inn

WORDS = Words("Asks for a person.\n\nRef. IK-0123456789AB", "<p>Asks for a person.</p><p>Ref. IK-0123456789AB</p>")


@pytest.fixture
def desk() -> FakeZendesk:
    return FakeZendesk()


def at_first_write(desk: FakeZendesk, happens: Callable[[], object]) -> None:
    """Something happens when our first change arrives, after the ticket was read."""
    before = desk.is_ours
    waiting = [happens]

    def is_ours(request: Request) -> bool:
        if request.method == "PUT" and waiting:
            waiting.pop()()
        return before(request)

    desk.is_ours = is_ours


async def test_a_person_who_speaks_between_our_reading_and_writing_has_the_word(inn: Inn, desk: FakeZendesk) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry)
    at_first_write(desk, lambda: desk.staff_writes(ticket_id, "It is on its way."))
    await inn.work()
    assert desk.tickets[ticket_id].by("us", public=True) == []
    assert "a person works on the ticket" in (await inn.given_up())[0]


async def test_any_other_change_in_between_only_delays_the_reply(inn: Inn, desk: FakeZendesk) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry)
    at_first_write(desk, lambda: desk.changes.update({ticket_id: 5}))
    await inn.work()
    assert ("PUT", f"/api/v2/tickets/{ticket_id}") in desk.requests
    assert len(desk.tickets[ticket_id].by("us", public=True)) == 1
    assert await inn.given_up() == []


async def test_a_reply_that_zendesk_makes_a_note_of_is_told(inn: Inn, desk: FakeZendesk) -> None:
    desk.is_light = True
    await inn.write()
    assert "became an internal note" in (await inn.given_up())[0]
    assert any(not one.ok and "internal notes only" in one.detail for one in await inn.helpdesk.check())


async def test_a_login_that_is_no_agent_is_told(inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(USERS, ME, {"id": ME, "role": "end-user"})
    [finding] = await inn.helpdesk.check()
    assert not finding.ok
    assert "no agent" in finding.detail


async def test_a_reply_waits_for_the_customer_and_a_hand_off_is_open_and_not_ours(inn: Inn, desk: FakeZendesk) -> None:
    ticket = await inn.write()
    assert ticket.status == "pending"
    ticket.assignee = ME
    inn.graph.outcome = HANDOFF
    await inn.write("I want a person.", ticket.id)
    assert (ticket.status, ticket.group, ticket.assignee) == ("open", "Billing", None)


async def test_who_wrote_is_told_by_role_and_who_is_gone_is_taken_for_staff(
    inn: Inn, desk: FakeZendesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(USERS, 77, {"id": 77, "role": "end-user"})
    ticket_id, _ = desk.customer_writes("Where is my order?")
    ticket = desk.tickets[ticket_id]
    authors = {"staff": "staff", "machine": "machine", "us": "us", "copied": "customer", "gone": "staff"}
    monkeypatch.setitem(AUTHORS, "copied", 77)
    monkeypatch.setitem(AUTHORS, "gone", 78)
    for wrote in authors:
        desk.add(ticket, wrote, f"I am {wrote}.")
    read = await inn.helpdesk.read(str(ticket_id))
    assert [m.wrote for m in read.messages] == [Wrote.CUSTOMER, *(Wrote(one) for one in authors.values())]
    assert ("GET", "/api/v2/users/show_many") in desk.requests


async def test_a_ticket_is_opened_once_tagged_in_the_default_group(inn: Inn, desk: FakeZendesk) -> None:
    contact = Contact("Emily", "emily@example.com")
    first = await inn.helpdesk.open("From the chat", contact, WORDS, "IK-0123456789AB")
    assert await inn.helpdesk.open("From the chat", contact, WORDS, "IK-0123456789AB") == first
    opened: FakeTicket = desk.tickets[int(first)]
    assert (opened.group, opened.tags, opened.entries[0].public) == ("Returns", ["ai-handoff"], False)


async def test_a_delivery_report_is_told_by_its_sender_and_not_answered(inn: Inn, desk: FakeZendesk) -> None:
    ticket = await inn.write()
    ticket_id, report = desk.customer_writes("Your message could not be delivered.", ticket.id)
    desk.senders[report.id] = "mailer-daemon@example.com"
    await inn.hear(ticket_id, report)
    await inn.work()
    assert len(inn.graph.asked) == 1
    assert len(ticket.by("us", public=True)) == 1


async def test_comments_are_read_in_their_order_and_without_what_a_mail_quotes(inn: Inn, desk: FakeZendesk) -> None:
    quoted = "Where is it?\n\nOn Mon, Jan 5, 2026 at 9:00 AM Support <support@example.com> wrote:\n> Ref. IK-0123456789AB"
    ticket_id, _ = desk.customer_writes("First.")
    desk.customer_writes(quoted.replace("\n", "<br>"), ticket_id, html=True)
    desk.tickets[ticket_id].entries.reverse()
    ticket = await inn.helpdesk.read(str(ticket_id))
    assert [one.text for one in ticket.messages] == ["First.", "Where is it?"]


async def test_a_stop_tag_is_found_again_as_zendesk_keeps_it(inn: Inn, desk: FakeZendesk) -> None:
    settings = type(inn.settings)(**{**inn.settings.model_dump(), "stop_tag": "AI-Handoff"})
    helpdesk = Zendesk(SOURCE, settings)
    ticket_id, _ = desk.customer_writes("Where is my order?")
    await helpdesk.hand_off(await helpdesk.read(str(ticket_id)), None)
    assert (await helpdesk.read(str(ticket_id))).owner is Owner.PERSON
    await helpdesk.aclose()
