"""Outcomes become events, each once, and nobody is told what is not so."""

import json
from dataclasses import replace
from typing import Any

import pytest

from agent.channels.widget.people import WidgetPeople
from agent.channels.widget.sender import WidgetSender
from agent.channels.widget.states import NOTED, UNKNOWN, note
from agent.errors import ConversationMissing, HelpdeskRefused, HelpdeskUnavailable
from agent.graph.options import listed, offered
from agent.types import ConversationId, Decision, OutboxEntry, Outcome, Proposal
from agent.widget_ports import PersonState, Publication, WidgetConversation
from tests.fakes import InMemoryConversations
from tests.fakes_widget import InMemoryWidgetConversations
from tests.samples import entry, outcome

WIDGET = "w" * 24
ABOUT = WidgetConversation(WIDGET, "shop", "owner-1", locale="de")


def to_send(result: Outcome, number: int = 1) -> OutboxEntry:
    made = entry(number, result)
    return replace(made, conversation_id=ConversationId(f"widget:{WIDGET}"), source="widget", ticket_id=WIDGET)


class Desk:
    """A helpdesk that opens tickets when it is up."""

    def __init__(self) -> None:
        self.opened: list[tuple[OutboxEntry, str | None]] = []
        self.error: Exception | None = None
        self.number: str | None = "T-1"

    async def open(self, entry: OutboxEntry, contact: str | None) -> str | None:
        if self.error:
            raise self.error
        self.opened.append((entry, contact))
        return self.number


class Shown:
    def __init__(self, desk: Desk | None = None) -> None:
        self.store = InMemoryWidgetConversations()
        promises = {"I pass it on.": NOTED, "I don't know.": UNKNOWN}
        self.sender = WidgetSender(self.store, offered, {"shop": desk} if desk else None, promises)

    async def begun(self, about: WidgetConversation = ABOUT) -> "Shown":
        await self.store.create(about)
        return self

    async def events(self) -> list[tuple[str, Any]]:
        (page,) = await self.store.events_after([(WIDGET, "0-0")])
        return [(event.name, json.loads(event.data)) for event in page.events]


async def test_an_answer_is_shown_sentence_by_sentence_and_then_whole_once() -> None:
    shown = await Shown().begun()
    sent = to_send(outcome(answer="You get half back. [1] The rest is kept. [1]"))
    await shown.sender.send(sent)
    await shown.sender.send(sent)
    events = await shown.events()
    assert [name for name, _ in events] == ["message.delta", "message.delta", "message.completed"]
    assert [data["seq"] for name, data in events if name == "message.delta"] == [0, 1]
    assert events[0][1]["tree"] == [["p", "You get half back. [1]"]]
    assert {data["id"] for _, data in events} == {"out_1"}
    assert (await shown.store.history(WIDGET)).messages == (events[-1][1],)


async def test_a_question_back_offers_what_it_lists() -> None:
    shown = await Shown().begun()
    await shown.sender.send(to_send(outcome(Decision.CLARIFY, listed("Which?", "Tell me more?", ["Refunds", "Dogs"]))))
    assert [one["value"] for one in (await shown.events())[-1][1]["quick_replies"]] == ["Refunds", "Dogs", "__handoff__"]


@pytest.mark.parametrize(
    ("language", "asked", "offers"),
    [
        ("en", None, ["Yes", "No"]),
        ("pt-BR", None, ["Sim", "Não"]),
        ("sv", None, []),  # in which no yes is understood
        ("en", "booking_id", []),
    ],
)
async def test_what_waits_for_a_yes_is_answered_by_a_button(language: str, asked: str | None, offers: list[str]) -> None:
    shown = await Shown().begun()
    proposal = Proposal("p-1", "cancel_booking", {}, "c-1", "2026-11-27T12:00:00Z", asked)
    question = replace(outcome(Decision.CLARIFY, "Shall I?"), language=language, proposal=proposal)
    await shown.sender.send(to_send(question))
    assert [one["value"] for one in (await shown.events())[-1][1]["quick_replies"]] == [*offers, "__handoff__"]


async def test_a_hand_off_that_nobody_is_told_of_says_so_in_the_customers_language() -> None:
    shown = await Shown().begun()
    with pytest.raises(HelpdeskRefused, match="names no helpdesk"):  # so that it is kept aside for a person
        await shown.sender.send(to_send(outcome(Decision.HANDOFF, "I pass it on.")))
    name, state = (await shown.events())[-1]
    assert (name, state["person"], state["note"]) == ("handoff.requested", "requested", note("noted", "de"))
    found = await shown.store.find(WIDGET)
    assert found is not None
    assert (found.person, found.note) == (PersonState.REQUESTED, note("noted", "de"))


async def test_a_helpdesk_that_has_a_ticket_is_told_of_and_asked_once() -> None:
    desk = Desk()
    shown = await Shown(desk).begun(replace(ABOUT, contact="a@b.example"))
    sent = to_send(outcome(Decision.HANDOFF, ""))
    await shown.sender.send(sent)
    await shown.sender.send(sent)
    assert desk.opened == [(sent, "a@b.example")]
    events = await shown.events()
    assert [name for name, _ in events] == ["progress", "handoff.requested", "handoff.requested"]
    assert [state["note"] for _, state in events[1:]] == [note("noted", "de"), note("told", "de")]
    assert (await shown.store.history(WIDGET)).messages == ()


async def test_the_customer_need_not_wait_for_a_helpdesk_that_is_down() -> None:
    desk = Desk()
    desk.error = HelpdeskUnavailable("down")
    shown = await Shown(desk).begun()
    sent = to_send(outcome(Decision.HANDOFF, "I pass it on."))
    for _ in range(2):
        with pytest.raises(HelpdeskUnavailable):
            await shown.sender.send(sent)
    assert [name for name, _ in await shown.events()] == ["message.delta", "message.completed", "handoff.requested"]
    desk.error = None
    await shown.sender.send(sent)
    assert (await shown.events())[-1][1]["note"] == note("told", "de")
    assert len(desk.opened) == 1


async def test_a_helpdesk_that_needs_an_address_waits_for_it_and_the_customer_is_asked_once() -> None:
    desk = Desk()
    desk.error = HelpdeskRefused("needs an address")
    shown = await Shown(desk).begun()
    sent = to_send(outcome(Decision.HANDOFF, "I pass it on."))
    for _ in range(2):
        with pytest.raises(HelpdeskUnavailable, match="waits for the customer's e-mail address"):
            await shown.sender.send(sent)
    notes = [state["note"] for name, state in await shown.events() if name == "handoff.requested"]
    assert notes == [note("noted", "de"), note("needs_address", "de")]
    await shown.store.publish(WIDGET, Publication((), changes={"contact": "a@b.example"}))
    desk.error = None
    await shown.sender.send(sent)
    assert desk.opened == [(sent, "a@b.example")]
    state = (await shown.events())[-1][1]
    assert (state["person"], state["note"]) == ("requested", note("told", "de"))


async def test_a_helpdesk_that_may_not_read_it_is_no_person_who_was_told() -> None:
    desk = Desk()
    desk.number = None
    shown = await Shown(desk).begun()
    await shown.sender.send(to_send(outcome(Decision.HANDOFF, "I pass it on.")))
    assert (await shown.events())[-1][1]["note"] == note("passed_on", "de")
    assert (await shown.store.history(WIDGET)).messages[0]["text"] == "I pass it on."


@pytest.mark.parametrize(("promise", "line"), [("I pass it on.", "noted"), ("I don't know.", "unknown")])
async def test_where_nobody_is_told_nothing_is_promised(promise: str, line: str) -> None:
    shown = await Shown().begun()
    with pytest.raises(HelpdeskRefused):
        await shown.sender.send(to_send(outcome(Decision.HANDOFF, f"I am a machine. {promise}")))
    assert (await shown.store.history(WIDGET)).messages[0]["text"] == f"I am a machine. {note(line, 'en')}"
    assert promise not in json.dumps(await shown.events())


async def test_a_person_is_told_who_the_customer_is_and_how_sure_that_is() -> None:
    desk = Desk()
    shown = await Shown(desk).begun(replace(ABOUT, customer="user-42 <b>", name="Mia"))
    await shown.sender.send(to_send(replace(outcome(Decision.HANDOFF, ""), summary="Asks for a dog.")))
    assert desk.opened[0][0].outcome.summary == (
        "Asks for a dog.\nSigned in on the site as: user-42 <b>\nName, as the page gives it: Mia"
    )


async def test_a_helpdesk_that_refuses_though_it_has_an_address_is_not_asked_for_ever() -> None:
    desk = Desk()
    desk.error = HelpdeskRefused("no such queue")
    shown = await Shown(desk).begun(replace(ABOUT, contact="a@b.example"))
    with pytest.raises(HelpdeskRefused):
        await shown.sender.send(to_send(outcome(Decision.HANDOFF, "I pass it on.")))


async def test_a_draft_is_a_hand_off_that_the_customer_does_not_read() -> None:
    desk = Desk()
    shown = await Shown(desk).begun()
    await shown.sender.send(to_send(outcome(Decision.DRAFT, "Perhaps half.")))
    assert "Perhaps half" not in json.dumps(await shown.events())
    assert desk.opened[0][0].outcome.answer == "Perhaps half."


async def test_what_has_no_place_to_go_is_refused_for_good() -> None:
    shown = Shown()
    with pytest.raises(HelpdeskRefused):
        await shown.sender.send(to_send(outcome()))
    with pytest.raises(HelpdeskRefused):
        await (await shown.begun()).sender.send(to_send(outcome(Decision.NO_REPLY)))


async def test_a_person_joins_by_speaking_and_silences_the_assistant() -> None:
    shown, conversations = await Shown(Desk()).begun(), InMemoryConversations()
    people = WidgetPeople(conversations, shown.store)
    for _ in range(2):
        await people.say(WIDGET, "desk-1", "Hello <b>you</b>", "2026-11-24T10:00:00Z", "Emily")
    events = await shown.events()
    assert [name for name, _ in events] == ["handoff.joined", "message.created"]
    assert events[0][1] == {"person": "joined", "person_name": "Emily", "closed": False, "note": note("joined", "de")}
    assert (events[1][1]["role"], events[1][1]["name"], events[1][1]["tree"]) == ("person", "Emily", [["p", "Hello <b>you</b>"]])
    assert (await conversations.read(ConversationId(f"widget:{WIDGET}"))).handed_off
    await shown.sender.send(to_send(outcome(Decision.HANDOFF, "")))
    found = await shown.store.find(WIDGET)
    assert found is not None
    assert found.person is PersonState.JOINED
    await people.leave(WIDGET)
    assert (await shown.events())[-1] == ("handoff.ended", {"person": None, "person_name": None, "closed": False, "note": None})
    found = await shown.store.find(WIDGET)
    assert found is not None
    assert found.person is None


async def test_a_person_closes_the_conversation_once() -> None:
    shown = await Shown().begun()
    people = WidgetPeople(InMemoryConversations(), shown.store)
    assert [await people.close(WIDGET, "closed-1") for _ in range(2)] == [True, False]
    assert [name for name, _ in await shown.events()] == ["conversation.closed"]
    assert await shown.store.newest_of("owner-1") is None
    with pytest.raises(ConversationMissing):
        await people.close("x" * 24, "closed-1")


@pytest.mark.parametrize("key", ["noted", "unknown", "needs_address", "passed_on", "told", "joined", "disclosure"])
def test_every_line_is_there_in_every_language_of_the_widget(key: str) -> None:
    lines = [note(key, language) for language in ("en", "de", "es", "fr", "id", "pt", "zh", "ar")]
    assert len(set(lines)) == 8
    assert note(key, "pt-BR") == note(key, "pt")
    assert note(key, "xx") == note(key, None) == lines[0]
