"""A ticket that can't be read: which of it is tried again, and which never."""

import pytest

from agent.channels.helpdesks.sync import MAX_MESSAGES, TicketSync
from agent.channels.helpdesks.types import DeskMessage, DeskTicket, Owner, Wrote
from agent.errors import HelpdeskRefused, HelpdeskUnavailable, TicketMissing
from agent.types import ConversationId
from tests.fakes import InMemoryConversations, InMemoryTicketHints

CID = ConversationId("desk:1")
ASKED = DeskMessage("m1", Wrote.CUSTOMER, "Where is it?", "2026-01-05T09:00:00.000Z")


class Desk:
    """Answers `read` with what it is given."""

    def __init__(self) -> None:
        self.answer: DeskTicket | Exception = DeskTicket("1", None, (ASKED,))

    async def read(self, ticket_id: str) -> DeskTicket:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class World:
    def __init__(self) -> None:
        self.desk, self.conversations, self.hints = Desk(), InMemoryConversations(), InMemoryTicketHints()
        self.sync = TicketSync({"desk": self.desk}, self.conversations, self.hints)  # type: ignore[dict-item]

    async def hear(self, delivery: str) -> None:
        await self.hints.add(CID, delivery, "")


@pytest.fixture
async def world() -> World:
    world = World()
    await world.hear("d1")
    return world


@pytest.mark.parametrize(
    "error", [KeyError("id"), ValueError("x"), TypeError("None"), AttributeError("get"), HelpdeskUnavailable()]
)
async def test_what_may_be_mended_is_tried_again(world: World, error: Exception) -> None:
    world.desk.answer = error
    with pytest.raises(HelpdeskUnavailable):
        await world.sync(CID)
    assert await world.hints.waiting() == [CID]


@pytest.mark.parametrize("error", [TicketMissing("gone"), HelpdeskRefused("too large")])
async def test_what_never_comes_is_let_go(world: World, error: Exception) -> None:
    world.desk.answer = error
    assert not await world.sync(CID)
    assert await world.hints.waiting() == []


async def test_of_a_ticket_that_is_gone_nobody_is_answered_until_it_comes_back(world: World) -> None:
    assert await world.sync(CID)
    world.desk.answer = TicketMissing("gone")
    await world.hear("d2")
    assert await world.sync(CID)
    assert (await world.conversations.read(CID)).handed_off
    assert await world.hints.waiting() == []
    world.desk.answer = DeskTicket("1", None, (ASKED,), Owner.US)
    assert await world.sync(CID)
    assert not (await world.conversations.read(CID)).handed_off


async def test_a_ticket_that_is_refused_for_good_is_answered_by_what_is_known(world: World) -> None:
    assert await world.sync(CID)
    world.desk.answer = HelpdeskRefused("too large")
    await world.hear("d2")
    assert await world.sync(CID)
    assert not (await world.conversations.read(CID)).handed_off
    assert await world.hints.waiting() == []


async def test_of_a_long_ticket_the_newest_messages_are_kept(world: World) -> None:
    said = tuple(DeskMessage(str(n), Wrote.CUSTOMER, f"Message {n}", ASKED.sent_at) for n in range(MAX_MESSAGES + 5))
    world.desk.answer = DeskTicket("1", None, said)
    assert await world.sync(CID)
    kept = [m.message_id for m in (await world.conversations.read(CID)).messages]
    assert kept == [str(n) for n in range(5, MAX_MESSAGES + 5)]


OURS = DeskMessage("u1", Wrote.US, "It is on its way.", "2026-01-05T09:01:00.000Z")
LATER = DeskMessage("m2", Wrote.CUSTOMER, "And where is it now?", "2026-06-05T09:00:00.000Z")
STAFF = DeskMessage("s1", Wrote.STAFF, "I'll look.", "2026-01-05T09:02:00.000Z")


def known(world: World) -> list[str]:
    return [message.message_id for message in world.conversations.conversations[CID].messages]


async def test_what_a_forgotten_conversation_has_answered_is_not_asked_again(world: World) -> None:
    world.desk.answer = DeskTicket("1", None, (ASKED, OURS))
    assert not await world.sync(CID)
    assert await world.hints.waiting() == []
    assert CID not in world.conversations.conversations


async def test_who_writes_after_that_begins_anew(world: World) -> None:
    world.desk.answer = DeskTicket("1", None, (ASKED, OURS, LATER))
    assert await world.sync(CID)
    await world.hear("d2")
    assert await world.sync(CID), "nor later, when the ticket is read again"
    assert known(world) == ["m2"]


async def test_what_was_asked_while_we_wrote_is_still_open(world: World) -> None:
    assert await world.sync(CID)
    between = DeskMessage("m1b", Wrote.CUSTOMER, "Hello?", "2026-01-05T09:00:30.000Z")
    world.desk.answer = DeskTicket("1", None, (ASKED, between, OURS))
    assert await world.sync(CID)
    assert known(world) == ["m1", "m1b"]


async def test_a_merged_tickets_older_question_is_open_unless_it_was_answered(world: World) -> None:
    assert await world.sync(CID)
    older = [DeskMessage(f"o{n}", Wrote.CUSTOMER, "And my refund?", "2026-01-04T09:00:00.000Z") for n in range(2)]
    world.desk.answer = DeskTicket("1", None, (older[0], OURS, older[1], ASKED))
    assert await world.sync(CID)
    assert known(world) == ["m1", "o1"]


async def test_a_person_who_spoke_in_a_forgotten_conversation_still_owns_it(world: World) -> None:
    world.desk.answer = DeskTicket("1", None, (ASKED, STAFF, OURS, LATER))
    assert await world.sync(CID)
    assert known(world) == ["s1", "m2"]
    assert (await world.conversations.read(CID)).handed_off
