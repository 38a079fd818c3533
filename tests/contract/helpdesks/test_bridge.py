"""A conversation held elsewhere goes on in a ticket of any helpdesk: words go both ways, each once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.adapters.links import RedisTicketLinks
from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_store import RedisConversations
from agent.channels.helpdesks.bridge import Bridge
from agent.channels.helpdesks.marks import marks_in
from agent.channels.helpdesks.types import Contact, DeskTicket, Helpdesk, Owner, Words
from agent.errors import HelpdeskUnavailable
from agent.ports import Ticket
from agent.types import Author, ConversationId, Message, MessageId, OutboxEntry, OutboxId, RunId
from tests.contract.helpdesks.fake_desk import FakeTicket, Fault
from tests.contract.helpdesks.inn import HANDOFF, SOURCE, Inn

CID = ConversationId("widget:abc")
PLACE = Ticket(CID, "widget", "abc")
EMILY = Contact("Emily", "emily@example.com")


@dataclass
class Shown:
    """The widget, as far as a person's words go."""

    said: dict[str, str] = field(default_factory=dict)
    left: list[ConversationId] = field(default_factory=list)

    async def say(self, conversation_id: ConversationId, message_id: str, text: str, at: str) -> bool:
        assert conversation_id == CID
        is_new = message_id not in self.said
        self.said.setdefault(message_id, text)
        return is_new

    async def leave(self, conversation_id: ConversationId) -> None:
        self.left.append(conversation_id)


class FirstNoteFails:
    """A helpdesk that goes away just before the first note."""

    def __init__(self, desk: Helpdesk) -> None:
        self._desk = desk
        self._is_away = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        if self._is_away:
            self._is_away = False
            raise HelpdeskUnavailable("it is away")
        await self._desk.note(ticket, words, mark)


@dataclass
class Chat:
    """What a test holds beside the inn."""

    inn: Inn
    bridge: Bridge
    conversations: RedisConversations
    links: RedisTicketLinks
    shown: Shown = field(default_factory=Shown)

    async def says(self, message_id: str, text: str, author: Author = Author.CUSTOMER) -> None:
        message = Message(MessageId(message_id), author, text, "2026-01-05T09:00:00.000Z")
        await self.conversations.append(PLACE, message)

    async def hands_off(self, number: int = 1) -> FakeTicket:
        entry = OutboxEntry(
            OutboxId(f"out_{number}"), CID, "widget", "abc", RunId(str(number)), MessageId("m1"), HANDOFF, "2026-01-05T09:00:01Z"
        )
        ticket_id = await self.bridge.open(SOURCE, entry, EMILY)
        return self.inn.desk.ticket_with(ticket_id)

    async def carry_back(self, ticket: FakeTicket) -> None:
        ticket_id = self.inn.desk.id_of(ticket.id)
        place = ConversationId(f"{SOURCE}:{ticket_id}")
        await self.bridge.carry_back(place, await self.inn.helpdesk.read(ticket_id), self.shown)


@pytest.fixture
async def chat(inn: Inn, redis_url: str):
    async with redis_client(redis_url) as client:
        links = RedisTicketLinks(client)
        chat = Chat(inn, Bridge({SOURCE: inn.helpdesk}, inn.conversations, links), inn.conversations, links)
        await chat.says("m1", "Where is my <b>order</b>?")
        await chat.says("a1", "On its way.", Author.ASSISTANT)
        yield chat


def notes(ticket: FakeTicket) -> list[str]:
    return [one.text for one in ticket.entries if one.wrote == "us" and marks_in(one.text)]


async def test_a_hand_off_opens_a_ticket_that_says_all_and_belongs_to_people(chat: Chat) -> None:
    ticket = await chat.hands_off()
    [note] = notes(ticket)
    assert "Customer asks: where is it?" in note
    assert "On its way." in note
    assert "<b>order" not in note or not ticket.entries[0].html
    assert (await chat.inn.helpdesk.read(chat.inn.desk.id_of(ticket.id))).owner is Owner.PERSON
    assert ticket.email == EMILY.email


async def test_a_ticket_whose_first_note_failed_gets_it_with_all_that_was_said(chat: Chat) -> None:
    chat.bridge = Bridge({SOURCE: FirstNoteFails(chat.inn.helpdesk)}, chat.conversations, chat.links)
    await _until_done(chat.hands_off)
    [ticket] = chat.inn.desk.tickets.values()
    [note] = notes(ticket)
    assert "On its way." in note
    assert [one for one in ticket.entries if "On its way." in one.text and one.public] == []


async def test_a_second_hand_off_is_a_note_in_the_same_ticket(chat: Chat) -> None:
    first = await chat.hands_off()
    await chat.says("m2", "Is anybody there?")
    second = await chat.hands_off(2)
    assert second is first
    assert len(notes(first)) == 2
    assert "Is anybody there?" in notes(first)[1]
    assert "On its way." not in notes(first)[1]
    await chat.hands_off(2)
    assert len(notes(first)) == 2


async def test_what_the_customer_writes_later_is_passed_on_once(chat: Chat) -> None:
    ticket = await chat.hands_off()
    await chat.bridge.pass_on(CID, chat.shown)
    assert len(notes(ticket)) == 1
    await chat.says("staff", "I'm here.", Author.HUMAN_AGENT)
    await chat.says("m2", "It is number 42.")
    await chat.says("m3", "And it is late.")
    for _ in range(2):
        await chat.bridge.pass_on(CID, chat.shown)
    assert len(notes(ticket)) == 3
    assert "It is number 42." in notes(ticket)[1]
    assert "And it is late." in notes(ticket)[2]


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE])
async def test_passing_on_that_fails_half_way_is_done_once(chat: Chat, fault: Fault) -> None:
    ticket = await chat.hands_off()
    await chat.says("staff", "I'm here.", Author.HUMAN_AGENT)
    await chat.says("m2", "It is number 42.")
    chat.inn.desk.faults = [fault]
    await _until_done(lambda: chat.bridge.pass_on(CID, chat.shown))
    assert len(notes(ticket)) == 2


async def test_once_the_ticket_is_gone_the_conversation_is_ours_and_a_hand_off_opens_another(chat: Chat) -> None:
    first = await chat.hands_off()
    await chat.says("staff", "I'm here.", Author.HUMAN_AGENT)
    await chat.says("m2", "It is number 42.")
    chat.inn.desk.remove(first.id)
    assert (await chat.conversations.read(CID)).handed_off
    await chat.bridge.pass_on(CID, chat.shown)
    assert not (await chat.conversations.read(CID)).handed_off
    assert chat.shown.left == [CID]
    second = await chat.hands_off(2)
    assert second.id != first.id
    [note] = notes(second)
    assert "On its way." in note
    assert "It is number 42." in note


async def test_of_a_very_long_talk_a_person_gets_the_end(chat: Chat) -> None:
    for number in range(10):
        await chat.says(f"long-{number}", f"Number {number}. " + "word " * 700)
    ticket = await chat.hands_off()
    [note] = notes(ticket)
    assert "Number 9." in note
    assert "Number 1." not in note
    assert len(note) < 25_000


async def test_a_ticket_in_a_helpdesk_that_is_gone_from_the_settings_holds_nobody_up(chat: Chat) -> None:
    await chat.hands_off()
    await chat.says("staff", "I'm here.", Author.HUMAN_AGENT)
    await chat.says("m2", "It is number 42.")
    await Bridge({}, chat.conversations, chat.bridge._links).pass_on(CID, chat.shown)
    assert not (await chat.conversations.read(CID)).handed_off
    assert chat.shown.left == [CID]


async def test_what_a_person_writes_for_the_customer_is_carried_back_once_and_a_note_never(chat: Chat) -> None:
    ticket = await chat.hands_off()
    chat.inn.desk.staff_writes(ticket.id, "A difficult one.", public=False)
    chat.inn.desk.staff_writes(ticket.id, "It arrives tomorrow.")
    for _ in range(2):
        await chat.carry_back(ticket)
    assert list(chat.shown.said.values()) == ["It arrives tomorrow."]


async def test_a_ticket_of_its_own_is_not_carried_anywhere(chat: Chat) -> None:
    ticket = await chat.inn.write("Where is my order?")
    chat.inn.desk.staff_writes(ticket.id, "It arrives tomorrow.")
    await chat.carry_back(ticket)
    assert chat.shown.said == {}


async def test_the_assistant_leaves_an_opened_ticket_alone(chat: Chat) -> None:
    ticket = await chat.hands_off()
    await chat.inn.write("Anything new?", ticket.id)
    assert not any("Anything new?" in m.text for asked in chat.inn.graph.asked for m in asked)
    assert len(notes(ticket)) == 1


async def _until_done(work: Callable[[], Awaitable[object]]) -> None:
    for _ in range(3):
        try:
            await work()
            return
        except HelpdeskUnavailable:
            continue
    raise AssertionError("still not done")
