"""A person decides about a proposal by an internal note, where the helpdesk knows that it is one of the staff's."""

import pytest

from agent.channels.helpdesks.registry import SYSTEMS
from agent.channels.helpdesks.sync import Decided, TicketSync
from agent.types import ConversationId, DraftRuling, Ruled, run_of
from tests.contract.helpdesks.fake_desk import FakeDesk, FakeTicket
from tests.contract.helpdesks.inn import ANSWER, DRAFT, SOURCE, Inn


class Person:
    """Keeps what was decided, and which tickets need not be looked at."""

    def __init__(self, inn: Inn) -> None:
        self.inn = inn
        self.rulings: list[DraftRuling] = []
        self.let_go: list[str] = []
        inn.sync = TicketSync({SOURCE: inn.helpdesk}, inn.conversations, inn.hints, None, Decided(self.rule, self.forget))
        inn.graph.outcome = DRAFT

    async def rule(self, conversation_id: ConversationId, ruling: DraftRuling) -> bool:
        self.rulings.append(ruling)
        return True

    async def forget(self, conversation_id: ConversationId) -> None:
        self.let_go.append(conversation_id)

    def place(self, ticket: FakeTicket) -> ConversationId:
        return ConversationId(f"{SOURCE}:{self.inn.desk.id_of(ticket.id)}")

    async def look(self, ticket: FakeTicket) -> list[Ruled]:
        """What is decided when the ticket is read again."""
        await self.inn.sync(self.place(ticket))
        return [ruling.ruled for ruling in self.rulings]


@pytest.fixture
def person(inn: Inn) -> Person:
    return Person(inn)


def said_by(desk: FakeDesk, *ruled: Ruled) -> list[Ruled]:
    """What counts in a system whose notes decide, and nothing in any other."""
    return [*ruled] if SYSTEMS[desk.system].notes_decide else []


@pytest.mark.parametrize(("note", "ruled"), [("ai-approve", Ruled.APPROVED), ("AI-Decline: too much.", Ruled.DECLINED)])
async def test_a_note_behind_the_proposal_decides(inn: Inn, person: Person, desk: FakeDesk, note: str, ruled: Ruled) -> None:
    ticket = await inn.write()
    assert await person.look(ticket) == []
    desk.staff_writes(ticket.id, note, public=False)
    assert await person.look(ticket) == said_by(desk, ruled)
    conversation = await inn.conversations.read(person.place(ticket))
    notes = {f"note {message.message_id}" for message in (await inn.helpdesk.read(inn.desk.id_of(ticket.id))).messages[-1:]}
    assert {ruling.run_id for ruling in person.rulings} <= {run_of(conversation.messages[-1].message_id)}
    assert {ruling.by for ruling in person.rulings} <= notes
    assert person.let_go == [person.place(ticket)]  # before there was a proposal


async def test_the_first_of_two_notes_stands(inn: Inn, person: Person, desk: FakeDesk) -> None:
    ticket = await inn.write()
    desk.staff_writes(ticket.id, "ai-decline", public=False)
    desk.staff_writes(ticket.id, "ai-approve", public=False)
    assert await person.look(ticket) == said_by(desk, Ruled.DECLINED)


@pytest.mark.parametrize("note", ["I'd ai-approve it, but ask Sam first.", "ai-approved?", "ai", "ai-resume"])
async def test_other_words_decide_nothing(inn: Inn, person: Person, desk: FakeDesk, note: str) -> None:
    ticket = await inn.write()
    desk.staff_writes(ticket.id, note, public=False)
    assert await person.look(ticket) == []


async def test_a_note_before_the_proposal_decides_nothing(inn: Inn, person: Person, desk: FakeDesk) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order?")
    desk.staff_writes(ticket_id, "ai-approve", public=False)
    await inn.hear(ticket_id, entry)
    await inn.work()
    assert desk.tickets[ticket_id].by("us", public=False)
    assert await person.look(desk.tickets[ticket_id]) == []


async def test_who_is_not_of_the_staff_decides_nothing(inn: Inn, person: Person, desk: FakeDesk) -> None:
    ticket = await inn.write()
    desk.customer_writes("ai-approve", ticket.id)
    assert await person.look(ticket) == []


async def test_what_a_mail_says_in_the_name_of_the_staff_decides_nothing(inn: Inn, person: Person, desk: FakeDesk) -> None:
    if not desk.notes_by_mail:
        return  # no mail becomes a note there
    ticket = await inn.write()
    desk.staff_writes(ticket.id, "ai-approve", public=False, mailed=True)
    assert await person.look(ticket) == []


async def test_a_question_of_the_customers_is_answered_first(inn: Inn, person: Person, desk: FakeDesk) -> None:
    ticket = await inn.write()
    desk.customer_writes("No, wait, please don't!", ticket.id)
    desk.staff_writes(ticket.id, "ai-approve", public=False)
    assert await person.look(ticket) == []
    inn.graph.outcome = ANSWER
    await inn.turns.run_turn(person.place(ticket))
    assert await person.look(ticket) == []  # it waits no more
    assert person.let_go[-1] == person.place(ticket)


async def test_who_takes_the_ticket_with_the_same_note_is_heeded_first(inn: Inn, person: Person, desk: FakeDesk) -> None:
    ticket = await inn.write()
    desk.take_over(ticket.id)
    desk.staff_writes(ticket.id, "ai-approve", public=False)
    assert await person.look(ticket) == said_by(desk, Ruled.APPROVED)
