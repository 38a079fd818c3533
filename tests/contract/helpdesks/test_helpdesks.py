"""What every helpdesk must do."""

import asyncio
from dataclasses import replace

import pytest

from agent.channels.helpdesks.registry import SYSTEMS
from agent.channels.helpdesks.types import Contact, Words, Wrote
from agent.errors import HelpdeskRefused, HelpdeskUnavailable
from agent.types import Author, ConversationId, Decision
from tests.contract.helpdesks.fake_desk import FakeDesk, Fault
from tests.contract.helpdesks.inn import DRAFT, HANDOFF, SOURCE, Inn

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> Where is my order?"


async def test_a_customers_message_is_answered_once_with_its_sources(inn: Inn) -> None:
    ticket = await inn.write("Where is my order?")
    [reply] = ticket.by("us", public=True)
    assert "half" in reply.text
    assert "https://help.example/d2" in reply.text
    assert ticket.by("us", public=False) == []
    assert [m.text for m in inn.graph.asked[0]] == ["Where is my order?"]
    assert not inn.desk.is_handed_off(ticket)
    await inn.work()
    assert len(ticket.by("us", public=True)) == 1


async def test_a_further_question_is_answered_in_context(inn: Inn) -> None:
    ticket = await inn.write("Where is my order?")
    await inn.write("And when does it arrive?", ticket.id)
    assert len(ticket.by("us", public=True)) == 2
    authors = [m.author for m in inn.graph.asked[1]]
    assert authors == [Author.CUSTOMER, Author.ASSISTANT, Author.CUSTOMER]
    assert inn.graph.asked[1][-1].text == "And when does it arrive?"


async def test_a_long_ticket_is_read_to_its_end(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Question 0")
    for number in range(1, 8):
        inn.desk.customer_writes(f"Question {number}", ticket_id)
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert [m.text for m in inn.graph.asked[0]] == [f"Question {number}" for number in range(8)]
    ticket = await inn.helpdesk.read(inn.desk.id_of(ticket_id))
    assert [m.wrote for m in ticket.messages] == [Wrote.CUSTOMER] * 8 + [Wrote.US]


async def test_a_delivery_that_comes_again_makes_no_second_reply(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    hear = await inn.repeatable(ticket_id, entry)
    assert await hear() == "accepted"
    assert await hear() == "duplicate"
    await inn.work()
    assert await hear() == "duplicate"
    await inn.work()
    assert len(inn.desk.tickets[ticket_id].by("us", public=True)) == 1


async def test_a_retry_with_another_body_makes_no_second_reply(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry, "same")
    await inn.work()
    inn.desk.tickets[ticket_id].subject = "Very late parcel"
    await inn.hear(ticket_id, entry, "same")
    await inn.work()
    assert len(inn.desk.tickets[ticket_id].by("us", public=True)) == 1


async def test_deliveries_out_of_order_are_one_turn_on_the_messages_in_order(inn: Inn) -> None:
    ticket_id, first = inn.desk.customer_writes("Where is my order?")
    _, second = inn.desk.customer_writes("It is number 42.", ticket_id)
    await inn.hear(ticket_id, second)
    await inn.hear(ticket_id, first)
    await inn.work()
    assert [[m.text for m in asked] for asked in inn.graph.asked] == [["Where is my order?", "It is number 42."]]
    assert len(inn.desk.tickets[ticket_id].by("us", public=True)) == 1


async def test_our_own_message_starts_nothing(inn: Inn) -> None:
    ticket = await inn.write()
    [reply] = ticket.by("us", public=True)
    await inn.hear(ticket.id, reply)
    await inn.work()
    assert len(inn.graph.asked) == 1
    assert len(ticket.by("us", public=True)) == 1


async def test_once_a_person_has_spoken_we_are_silent(inn: Inn) -> None:
    ticket = await inn.write()
    staff = inn.desk.staff_writes(ticket.id, "I'm looking into it.")
    await inn.hear(ticket.id, staff)
    await inn.write("Thanks, how long will it take?", ticket.id)
    assert len(ticket.by("us", public=True)) == 1
    assert len(inn.graph.asked) == 1


async def test_an_internal_note_starts_nothing_and_is_never_shown_to_the_graph(inn: Inn) -> None:
    ticket = await inn.write()
    note = inn.desk.staff_writes(ticket.id, "This customer is difficult.", public=False)
    await inn.hear(ticket.id, note)
    await inn.work()
    assert len(inn.graph.asked) == 1
    await inn.write("Anything new?", ticket.id)
    assert not any("difficult" in m.text for asked in inn.graph.asked for m in asked)


async def test_a_ticket_that_a_person_has_taken_is_left_alone(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    inn.desk.take_over(ticket_id)
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert inn.desk.tickets[ticket_id].by("us", public=True) == []
    assert inn.graph.asked == []


async def test_an_automatic_reply_is_not_answered(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("I am out of the office until Monday.", auto=True)
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert inn.desk.tickets[ticket_id].by("us", public=True) == []
    assert inn.graph.asked == []


async def test_a_hand_off_tells_the_customer_and_the_people_and_then_we_are_silent(inn: Inn) -> None:
    inn.graph.outcome = HANDOFF
    ticket = await inn.write()
    [reply] = ticket.by("us", public=True)
    [note] = ticket.by("us", public=False)
    assert "A colleague will take over." in reply.text
    assert "Customer asks: where is it?" in note.text
    assert inn.desk.is_handed_off(ticket)
    assert ticket.group == "Billing"
    await inn.write("Hello?", ticket.id)
    assert len(ticket.by("us", public=True)) == 1
    assert len(inn.graph.asked) == 1


async def test_a_ticket_that_is_given_back_is_ours_again(inn: Inn) -> None:
    outcome, inn.graph.outcome = inn.graph.outcome, HANDOFF
    ticket = await inn.write()
    await inn.write("Hello?", ticket.id)
    if not inn.desk.gives_back(ticket):
        return
    inn.graph.outcome = outcome
    await inn.write("One more question: what does a dog cost?", ticket.id)
    assert len(ticket.by("us", public=True)) == 2


@pytest.mark.parametrize("has_spoken", [False, True])
async def test_a_ticket_that_comes_back_before_we_look_again_is_ours(inn: Inn, has_spoken: bool) -> None:
    outcome, inn.graph.outcome = inn.graph.outcome, HANDOFF
    ticket = await inn.write()
    if has_spoken:
        inn.desk.staff_writes(ticket.id, "It is on its way.")
    if not inn.desk.gives_back(ticket):
        return
    inn.graph.outcome = outcome
    await inn.write("One more question: what does a dog cost?", ticket.id)
    assert len(ticket.by("us", public=True)) == 2


async def test_a_note_gives_a_ticket_back_that_a_person_has_answered_until_he_speaks_again(inn: Inn) -> None:
    ticket = await inn.write()
    inn.desk.staff_writes(ticket.id, "It is on its way.")
    await inn.write("Thanks!", ticket.id)
    assert len(ticket.by("us", public=True)) == 1
    inn.desk.staff_writes(ticket.id, "ai-resume please", public=False)
    await inn.write("What does a dog cost?", ticket.id)
    await inn.write("And a cat?", ticket.id)
    assert len(ticket.by("us", public=True)) == 3
    assert not any("ai-resume" in m.text for asked in inn.graph.asked for m in asked)
    inn.desk.staff_writes(ticket.id, "I take this one.")
    await inn.write("Fine.", ticket.id)
    assert len(ticket.by("us", public=True)) == 3


async def test_a_customer_cannot_give_a_ticket_back(inn: Inn) -> None:
    ticket = await inn.write()
    inn.desk.staff_writes(ticket.id, "It is on its way.")
    await inn.write("ai-resume", ticket.id)
    await inn.write("Anything new?", ticket.id)
    assert len(ticket.by("us", public=True)) == 1


async def test_a_note_takes_no_ticket_from_a_person_who_owns_it(inn: Inn) -> None:
    ticket = await inn.write()
    inn.desk.take_over(ticket.id)
    inn.desk.staff_writes(ticket.id, "ai-resume", public=False)
    await inn.write("Anything new?", ticket.id)
    assert len(ticket.by("us", public=True)) == 1


async def test_a_customer_who_waits_for_a_persons_yes_is_told(inn: Inn) -> None:
    inn.graph.outcome = replace(DRAFT, notice="A colleague has to agree first.")
    ticket = await inn.write()
    [told] = ticket.by("us", public=True)
    assert "A colleague has to agree first." in told.text
    assert "half" not in told.text
    [note] = ticket.by("us", public=False)
    assert "half" in note.text


async def test_a_draft_is_an_internal_note(inn: Inn) -> None:
    inn.graph.outcome = DRAFT
    ticket = await inn.write()
    assert ticket.by("us", public=True) == []
    [note] = ticket.by("us", public=False)
    assert "half" in note.text
    assert "not sent" in note.text


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_send_that_fails_half_way_ends_in_one_public_reply(inn: Inn, fault: Fault) -> None:
    inn.desk.faults = [fault, fault]
    ticket = await inn.write()
    if fault is Fault.HANG:
        await asyncio.sleep(inn.desk.hang_s)
    for _ in range(3):
        await inn.work()
    assert len(ticket.by("us", public=True)) == 1
    assert await inn.given_up() == []


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE])
async def test_a_hand_off_that_fails_half_way_is_made_once(inn: Inn, fault: Fault, at: int) -> None:
    inn.graph.outcome = HANDOFF
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry)
    served = 0

    def is_write(request: object, before=inn.desk.is_write) -> bool:
        nonlocal served
        if not before(request):
            return False
        served += 1
        return served == at + 1

    inn.desk.is_write = is_write
    inn.desk.faults = [fault]
    for _ in range(3):
        await inn.work()
    ticket = inn.desk.tickets[ticket_id]
    assert len(ticket.by("us", public=True)) == 1
    assert len(ticket.by("us", public=False)) == 1
    assert inn.desk.is_handed_off(ticket)
    assert await inn.given_up() == []


async def test_while_the_api_is_away_the_turn_waits_and_nothing_is_lost(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    if not inn.desk.polled:
        inn.desk.is_down = True
        await inn.hear(ticket_id, entry)
        inn.queue.turns.clear()  # the job is lost with its worker, the hint is not
        await inn.work()
        assert {type(one) for one in inn.failures} == {HelpdeskUnavailable}
        inn.desk.is_down = False
    else:
        inn.desk.is_down = True
        with pytest.raises(HelpdeskUnavailable):
            await inn.hear(ticket_id, entry)
        inn.desk.is_down = False
        await inn.hear(ticket_id, entry)
    await inn.work()
    assert len(inn.desk.tickets[ticket_id].by("us", public=True)) == 1


async def test_a_person_who_speaks_while_we_think_has_the_word(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry)

    async def speak() -> None:
        inn.desk.staff_writes(ticket_id, "It is on its way.")

    inn.graph.meanwhile = speak
    await inn.work()
    assert inn.desk.tickets[ticket_id].by("us", public=True) == []
    assert "a person works on the ticket" in (await inn.given_up())[0]


async def test_a_customer_who_writes_while_we_think_is_answered_too(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry)

    async def write() -> None:
        inn.graph.meanwhile = None
        _, later = inn.desk.customer_writes("And when does it arrive?", ticket_id)
        await inn.hear(ticket_id, later)

    inn.graph.meanwhile = write
    await inn.work()
    assert inn.graph.asked[-1][-1].text == "And when does it arrive?"
    assert len(inn.desk.tickets[ticket_id].by("us", public=True)) == len(inn.graph.asked) == 2


async def test_a_forged_delivery_is_refused_and_keeps_nothing(inn: Inn) -> None:
    if inn.desk.polled:
        return
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    good = inn.desk.webhook(inn.desk.tickets[ticket_id], entry, "d1")
    forged = [type(good)({}, good.body), type(good)({**good.headers}, good.body + b" ", good.key)]
    if good.key:
        forged = [type(good)(good.headers, good.body), type(good)(good.headers, good.body, good.key[:-1] + "~")]
    elif not inn.desk.signs:
        forged[1:] = [type(good)({name: value + "~" for name, value in good.headers.items()}, good.body)]
    for one in forged:
        response = await inn.post(one)
        assert response.status_code == 401
        assert response.json()["error"]["code"] == "signature_invalid"
    assert await inn.hints.waiting() == []
    assert inn.queue.turns == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"ticket": 5}', b'{"id": null}', b"\xff\xfe", b'"x"', b"[" * 5000])
async def test_a_body_that_is_not_the_systems_is_refused_in_words(inn: Inn, body: bytes) -> None:
    if inn.desk.polled:
        return
    response = await inn.post(inn.desk.signed(body))
    assert response.status_code in (202, 400, 422)
    if response.status_code != 202:
        assert response.json()["error"]["message"]
    assert await inn.hints.waiting() == []


async def test_what_a_customer_writes_is_text_and_ends_nowhere_as_html(inn: Inn) -> None:
    ticket = await inn.write(HOSTILE)
    assert "Where is my order?" in inn.graph.asked[0][-1].text
    hostile = inn.graph.outcome.answer + HOSTILE
    inn.graph.outcome = type(inn.graph.outcome)(**{**_fields(inn.graph.outcome), "answer": hostile, "citations": ()})
    await inn.write("And now?", ticket.id)
    reply = ticket.by("us", public=True)[-1]
    if reply.html:
        assert "<script" not in reply.text
        assert "<img" not in reply.text
        assert "&lt;script&gt;" in reply.text


async def test_a_ticket_that_is_gone_is_passed_over(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry)
    inn.desk.remove(ticket_id)
    await inn.work()
    assert await inn.hints.waiting() == []
    assert inn.graph.asked == []
    assert inn.failures == []


async def test_a_ticket_that_goes_while_its_answer_waits_is_asked_for_no_more(inn: Inn) -> None:
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry)
    conversation_id = ConversationId(f"{SOURCE}:{inn.desk.id_of(ticket_id)}")
    assert await inn.sync(conversation_id)
    inn.desk.remove(ticket_id)
    await inn.work()
    assert await inn.conversations.unanswered() == []
    assert inn.graph.asked == []
    assert inn.failures == []


async def test_the_same_words_again_and_again_end_in_a_hand_off(inn: Inn) -> None:
    ticket = await inn.write("Your ticket 17 was received. We will answer soon.")
    for number in range(6):
        await inn.write(f"Your ticket {18 + number} was received. We will answer soon.", ticket.id)
    assert len(inn.graph.asked) <= 4
    assert inn.desk.is_handed_off(ticket)


async def test_the_check_finds_everything_and_says_what_a_wrong_token_is(inn: Inn, desk: FakeDesk) -> None:
    findings = await inn.helpdesk.check()
    assert [one for one in findings if not one.ok] == []
    assert findings
    changed = type(inn.settings)(**{**inn.settings.model_dump(), **desk.wrong})
    other = SYSTEMS[desk.system].helpdesk(SOURCE, changed)
    findings = await other.check()
    await other.aclose()
    assert any(not one.ok and desk.wrong_word in one.detail for one in findings)


async def test_the_check_names_a_queue_that_is_not_there(inn: Inn, desk: FakeDesk) -> None:
    changed = type(inn.settings)(**{**inn.settings.model_dump(), **desk.elsewhere})
    other = SYSTEMS[desk.system].helpdesk(SOURCE, changed)
    findings = await other.check()
    await other.aclose()
    assert any(not one.ok and "999999" in one.detail for one in findings)


async def test_a_ticket_can_be_opened_for_somebody_who_has_none(inn: Inn) -> None:
    words = Words("Asks for a person.\n\nRef. IK-0123456789AB", "<p>Asks for a person.</p><p>Ref. IK-0123456789AB</p>")
    ticket_id = await inn.helpdesk.open("From the chat", Contact("Emily", "emily@example.com"), words, "IK-0123456789AB")
    ticket = inn.desk.ticket_with(ticket_id)
    assert ticket.subject == "From the chat"
    # Where a ticket can't begin with an internal note, they are added afterwards.
    assert [one for one in ticket.entries if "Asks for a person." in one.text and one.public] == []
    with pytest.raises(HelpdeskRefused):
        await inn.helpdesk.open("From the chat", Contact(), words, "IK-0123456789AB")


async def test_a_no_reply_outcome_is_never_sent(inn: Inn) -> None:
    inn.graph.outcome = type(inn.graph.outcome)(**{**_fields(inn.graph.outcome), "decision": Decision.NO_REPLY, "answer": ""})
    ticket = await inn.write()
    assert ticket.by("us", public=True) == []


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
