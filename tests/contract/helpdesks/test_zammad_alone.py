"""What only Zammad does: articles of many types, to whom a reply goes, rights that show only when they are used."""

from typing import Any

import pytest

from agent.channels.helpdesks.zammad import BY_PEOPLE, MESSENGERS
from tests.contract.helpdesks.fake_desk import EMAIL, NAME
from tests.contract.helpdesks.fake_zammad import FakeZammad
from tests.contract.helpdesks.inn import HANDOFF, Inn

EMILY = f"{NAME} <{EMAIL}>"
SAM = {"from": "Sam Other <sam@example.com>", "created_by_id": 9}
PORTAL = {"type": "note", "from": NAME, "message_id": None}
FORM = {"type": "email", "from": "Shop <form@shop.example>", "reply_to": "Emily <emily@home.example>"}


@pytest.fixture
def desk() -> FakeZammad:
    return FakeZammad()


async def sent_for(inn: Inn, desk: FakeZammad, *articles: dict[str, Any]) -> dict[str, Any]:
    """What we write on a ticket with these articles of customers', the newest last."""
    ticket_id, entry = desk.customer_writes("Where is my order?")
    for number, article in enumerate(articles):
        if number:
            _, entry = desk.customer_writes("And now?", ticket_id)
        desk.extras[entry.id] = article
    await inn.hear(ticket_id, entry)
    await inn.work()
    [sent] = desk.sent
    return sent


@pytest.mark.parametrize(
    ("articles", "to", "answered"),
    [
        ([{}], EMILY, 0),
        ([{"type": "web", "message_id": None}], EMILY, None),
        ([{}, SAM], "Sam Other <sam@example.com>", 1),
        ([FORM], "Emily <emily@home.example>", 0),
        ([{}, PORTAL], EMILY, 0),
    ],
)
async def test_a_reply_is_a_mail_to_who_has_asked(
    inn: Inn, desk: FakeZammad, articles: list[dict[str, Any]], to: str, answered: int | None
) -> None:
    sent = await sent_for(inn, desk, *articles)
    [ticket] = desk.tickets.values()
    asked = [one for one in ticket.entries if one.wrote == "customer"]
    reference = None if answered is None else f"<a{asked[answered].id}@example.com>"
    assert (sent["type"], sent["to"], sent["in_reply_to"], sent["internal"]) == ("email", to, reference, False)


@pytest.mark.parametrize("articles", [[PORTAL], [SAM, PORTAL]])
async def test_who_writes_in_the_portal_is_answered_there_and_nobody_elses_address_is_used(
    inn: Inn, desk: FakeZammad, articles: list[dict[str, Any]]
) -> None:
    sent = await sent_for(inn, desk, *articles)
    assert (sent["type"], sent["internal"]) == ("note", False)
    assert "to" not in sent


async def test_an_automatic_reply_that_came_in_between_is_not_written_to(inn: Inn, desk: FakeZammad) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry)
    _, bounce = desk.customer_writes("Undeliverable", ticket_id, auto=True)
    desk.extras[bounce.id] = {"from": "MAILER-DAEMON <mailer-daemon@example.com>", "created_by_id": 10}
    await inn.work()
    assert [one["to"] for one in desk.sent] == [EMILY]


@pytest.mark.parametrize(
    ("article", "is_answered"),
    [
        ({"from": "Shop <no-reply@shop.example>"}, False),
        ({"from": "Shop <no-reply@shop.example>", "reply_to": EMILY}, True),
        ({"subject": "Automatic reply: away"}, False),
    ],
)
async def test_what_a_machine_has_sent_is_told_by_its_address_too(
    inn: Inn, desk: FakeZammad, article: dict[str, Any], is_answered: bool
) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order?")
    desk.extras[entry.id] = article
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert len(desk.sent) == is_answered


async def test_a_person_who_answers_an_automatic_mail_has_the_word(inn: Inn, desk: FakeZammad) -> None:
    ticket = await inn.write()
    desk.extras[desk.staff_writes(ticket.id, "I'm looking into it.").id] = {"subject": "Automatic reply: away"}
    await inn.write("And now?", ticket.id)
    assert len(desk.sent) == 1


@pytest.mark.parametrize("kind", sorted(MESSENGERS))
async def test_a_messengers_ticket_is_answered_in_kind_as_plain_text(inn: Inn, desk: FakeZammad, kind: str) -> None:
    sent = await sent_for(inn, desk, {"type": kind, "from": NAME})
    assert (sent["type"], sent["content_type"], sent["internal"]) == (kind, "text/plain", False)
    assert "<" not in sent["body"]
    assert "Ref. IK-" in sent["body"]


@pytest.mark.parametrize("kind", sorted(BY_PEOPLE))
async def test_what_we_could_not_answer_is_left_to_people(inn: Inn, desk: FakeZammad, kind: str) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order?")
    desk.extras[entry.id] = {"type": kind, "from": NAME}
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert desk.sent == []
    assert inn.graph.asked == []


async def test_a_draft_and_a_hand_overs_note_are_never_mails(inn: Inn, desk: FakeZammad) -> None:
    inn.graph.outcome = HANDOFF
    await inn.write()
    assert [(one["type"], one["internal"]) for one in desk.sent] == [("email", False), ("note", True)]


async def test_the_check_tells_a_token_that_is_no_agents(inn: Inn, desk: FakeZammad) -> None:
    desk.is_agent = False
    assert {one.name: one.ok for one in await inn.helpdesk.check()} == {
        "token": True,
        "agent": False,
        "tickets": True,
        "groups": True,
    }


async def test_an_older_zammad_that_lists_its_groups_to_admins_only_is_no_fault_of_the_token(inn: Inn, desk: FakeZammad) -> None:
    desk.lists_groups = False
    findings = {one.name: one for one in await inn.helpdesk.check()}
    assert all(one.ok for one in findings.values())
    assert "not checked" in findings["groups"].detail


async def test_articles_are_read_in_their_order(inn: Inn, desk: FakeZammad) -> None:
    ticket_id, _ = desk.customer_writes("First.")
    desk.customer_writes("Second.", ticket_id)
    desk.tickets[ticket_id].entries.reverse()
    assert [one.text for one in (await inn.helpdesk.read(str(ticket_id))).messages] == ["First.", "Second."]


@pytest.mark.parametrize(
    ("kind", "told"), [("email", "Thanks!"), ("web", "Thanks!\n\nOn Mon, Jan 5, 2026 Support wrote:\n> It left.")]
)
async def test_what_a_mail_quotes_is_left_out(inn: Inn, desk: FakeZammad, kind: str, told: str) -> None:
    ticket_id, entry = desk.customer_writes("Thanks!\n\nOn Mon, Jan 5, 2026 Support wrote:\n> It left.")
    desk.extras[entry.id] = {"type": kind}
    assert [one.text for one in (await inn.helpdesk.read(str(ticket_id))).messages] == [told]
