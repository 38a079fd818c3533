"""What only Chatwoot does: pending and open, labels that must exist, messages without a sender, Markdown."""

from dataclasses import replace

import pytest

from agent.channels.helpdesks.chatwoot import Chatwoot
from agent.channels.helpdesks.types import Contact, Words
from tests.contract.helpdesks.fake_chatwoot import FakeChatwoot, FakeChatwootAccount
from tests.contract.helpdesks.fake_desk import ME, STAFF
from tests.contract.helpdesks.inn import ANSWER, HANDOFF, SOURCE, Inn

NOTE = Words("Asks for a person.\n\nRef. IK-0123456789AB", "")


@pytest.fixture(params=[FakeChatwoot, FakeChatwootAccount])
def desk(request: pytest.FixtureRequest) -> FakeChatwoot:
    return request.param()


async def test_a_bots_conversation_that_is_resolved_and_comes_back_is_the_bots(inn: Inn, desk: FakeChatwoot) -> None:
    inn.graph.outcome = HANDOFF
    ticket = await inn.write()
    inn.graph.outcome = ANSWER
    ticket.status = "resolved"
    await inn.write("One more question.", ticket.id)
    # Open comes back as open, where people look; pending only the bot sees.
    assert len(ticket.by("us", public=True)) == (1 if isinstance(desk, FakeChatwootAccount) else 2)


@pytest.mark.parametrize("status", ["resolved", "snoozed"])
async def test_a_conversation_that_a_person_has_closed_meanwhile_is_left_alone(inn: Inn, desk: FakeChatwoot, status: str) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order?")
    desk.tickets[ticket_id].status = status
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert desk.tickets[ticket_id].by("us", public=True) == []


async def test_a_person_who_opens_a_pending_conversation_has_it(inn: Inn, desk: FakeChatwoot) -> None:
    ticket = await inn.write()
    ticket.status, ticket.assignee = "open", STAFF
    await inn.write("Are you there?", ticket.id)
    assert len(ticket.by("us", public=True)) == 1


async def test_a_bots_conversation_that_a_person_has_had_comes_back_to_the_bot(inn: Inn, desk: FakeChatwoot) -> None:
    ticket = await inn.write()
    ticket.status = "open"
    assert (await inn.post(desk.status_webhook(ticket))).json() == {"status": "accepted"}
    await inn.work()
    desk.staff_writes(ticket.id, "I'm Sam.")
    ticket.status = "resolved"
    await inn.write("One more question.", ticket.id)
    # Without a bot the open conversation was ours all the time, and a person has spoken.
    assert len(ticket.by("us", public=True)) == (1 if isinstance(desk, FakeChatwootAccount) else 2)


async def test_a_conversation_that_a_bot_is_assigned_to_is_no_persons(inn: Inn, desk: FakeChatwoot) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order?")
    # Newer servers name a bot as the assignee, by an id that an agent may have as well.
    desk.tickets[ticket_id].assignee = STAFF
    desk.with_bots = {ticket_id}
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert len(desk.tickets[ticket_id].by("us", public=True)) == 1


async def test_a_conversation_that_a_person_has_put_off_comes_back_to_people_where_a_bot_answers(
    inn: Inn, desk: FakeChatwoot
) -> None:
    ticket = await inn.write()
    ticket.status = "snoozed"
    await inn.write("One more question.", ticket.id)
    # Chatwoot opens it. Without a bot what is open is ours, as long as nobody has spoken.
    assert len(ticket.by("us", public=True)) == (2 if isinstance(desk, FakeChatwootAccount) else 1)


async def test_a_message_by_the_channels_own_app_is_a_persons(inn: Inn, desk: FakeChatwoot) -> None:
    ticket = await inn.write()
    desk.add(ticket, "app", "I'll call you.")
    await inn.write("Thanks!", ticket.id)
    assert len(ticket.by("us", public=True)) == 1


async def test_a_rules_message_is_nobodys(inn: Inn, desk: FakeChatwoot) -> None:
    ticket = await inn.write()
    desk.extras[desk.add(ticket, "app", "Our hours are 9 to 5.").id] = {"automation_rule_id": 4}
    desk.add(ticket, "machine", "How was it?")
    await inn.write("And my other order?", ticket.id)
    assert len(ticket.by("us", public=True)) == 2
    assert not any("hours" in m.text or "How was" in m.text for asked in inn.graph.asked for m in asked)


async def test_a_deleted_message_is_not_answered(inn: Inn, desk: FakeChatwoot) -> None:
    ticket_id, entry = desk.customer_writes("This message was deleted")
    entry.wrote, desk.extras[entry.id] = "app", {"deleted": True}
    await inn.hear(ticket_id, entry)
    ticket = await inn.helpdesk.read(str(ticket_id))
    assert ticket.messages == ()


async def test_a_hand_off_says_so_when_the_account_has_no_such_label(inn: Inn, desk: FakeChatwoot) -> None:
    desk.labels = ["vip"]
    inn.graph.outcome = HANDOFF
    ticket = await inn.write()
    assert (ticket.status, ticket.group, ticket.tags) == ("open", "Billing", ["vip"])
    findings = {one.name: one for one in await inn.helpdesk.check()}
    if isinstance(desk, FakeChatwootAccount):
        assert "no label ai-handoff" in (await inn.given_up())[0]
        assert not findings["label"].ok
    else:
        assert await inn.given_up() == []
        assert "label" not in findings


async def test_an_agent_who_hands_off_is_not_assigned_and_takes_nobodys_place(inn: Inn, desk: FakeChatwoot) -> None:
    inn.graph.outcome = HANDOFF
    ticket = await inn.write()
    assert ticket.assignee is None
    ticket.assignee = STAFF
    await inn.helpdesk.hand_off(await inn.helpdesk.read(str(ticket.id)), "billing")
    # A token of an agent assigns its owner on opening; that is Chatwoot's doing and is taken back.
    assert ticket.assignee == (None if isinstance(desk, FakeChatwootAccount) else STAFF)
    assert ticket.assignee != ME


async def test_an_administrators_token_that_hands_off_leaves_the_assignee(inn: Inn, desk: FakeChatwoot) -> None:
    desk.is_admin = True
    ticket = await inn.write()
    ticket.assignee = STAFF
    await inn.helpdesk.hand_off(await inn.helpdesk.read(str(ticket.id)), "billing")
    assert ticket.assignee == STAFF


async def test_a_reply_hides_no_link_behind_words(inn: Inn) -> None:
    bad = "See [our page](https://evil.example), ![x](https://evil.example/p.png), [y].\n\n[y]: https://evil.example"
    inn.graph.outcome = replace(ANSWER, answer=bad)
    ticket = await inn.write()
    [reply] = ticket.by("us", public=True)
    assert "](" not in reply.text
    assert "]:" not in reply.text
    assert "https://help.example/d2" in reply.text


async def test_the_check_tells_a_wrong_bot_token_and_inbox(inn: Inn, desk: FakeChatwoot) -> None:
    settings = desk.settings(str(inn.helpdesk._api._client.base_url))
    changed = type(settings)(**{**settings.model_dump(), "bot_token": "another", "inbox": 8})
    other = Chatwoot(SOURCE, changed)
    found = {one.name: one.ok for one in await other.check()}
    await other.aclose()
    assert found == {"token": True, "conversations": True, "bot_token": False, "teams": True, "inbox": False}


async def test_a_conversation_is_opened_for_a_contact_that_is_there(inn: Inn, desk: FakeChatwoot) -> None:
    opened = await inn.helpdesk.open("From the chat", Contact("Tess", "Taken@example.com"), NOTE, "IK-0123456789AB")
    ticket = desk.tickets[int(opened)]
    assert (ticket.email, ticket.status) == ("taken@example.com", "open")
    assert len(ticket.by("us", public=False)) == 1
    assert len(desk.contacts) == 1
