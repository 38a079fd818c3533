"""What is sent into a ticket, by what stands there when it is read again."""

from dataclasses import replace

import pytest

from agent.channels.helpdesks.marks import mark
from agent.channels.helpdesks.sending import DeskSender
from agent.channels.helpdesks.types import DeskMessage, DeskTicket, Owner, Words, Wrote
from agent.errors import HelpdeskRefused, ReplyWithheld
from agent.types import ConversationId, Decision, MessageId, OutboxEntry, OutboxId, RunId
from tests.fakes import InMemoryConversations
from tests.samples import full_outcome

ASKED = DeskMessage("m1", Wrote.CUSTOMER, "Where is it?", "2026-01-05T09:00:00.000Z")
ANSWER = replace(full_outcome(), decision=Decision.ANSWER)
ENTRY = OutboxEntry(
    OutboxId("out_1"), ConversationId("desk:1"), "desk", "1", RunId("r1"), MessageId("m1"), ANSWER, "2026-01-05T09:01:00.000Z"
)
OURS = mark(ENTRY.outbox_id, "reply")


def later(wrote: Wrote, text: str = "x", **more: bool) -> DeskMessage:
    return DeskMessage("m2", wrote, text, "2026-01-05T09:02:00.000Z", **more)


class Desk:
    """One ticket; remembers what was written."""

    def __init__(self, *messages: DeskMessage, owner: Owner = Owner.US) -> None:
        self.ticket = DeskTicket("1", None, messages, owner)
        self.written: list[str] = []

    async def read(self, ticket_id: str) -> DeskTicket:
        return self.ticket

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        assert mark in words.text
        self.written.append(mark)


async def sent(desk: Desk, entry: OutboxEntry = ENTRY) -> list[str]:
    await DeskSender({"desk": desk}, InMemoryConversations()).send(entry)  # type: ignore[dict-item]
    return desk.written


@pytest.mark.parametrize(
    "message",
    [
        later(Wrote.STAFF, public=False),
        later(Wrote.MACHINE),
        later(Wrote.CUSTOMER, f"You wrote: Ref. {OURS}"),
        later(Wrote.STAFF, f"A note: Ref. {OURS}", public=False),
    ],
    ids=["a note", "a machine", "a customer who quotes us", "a note that quotes us"],
)
async def test_a_reply_is_sent_whatever_is_said_that_is_no_persons_answer(message: DeskMessage) -> None:
    assert await sent(Desk(ASKED, message)) == [OURS]


async def test_what_stands_there_is_not_sent_again_even_if_a_person_has_answered_since() -> None:
    assert await sent(Desk(ASKED, later(Wrote.US, f"On its way. Ref. {OURS}"), later(Wrote.STAFF))) == []


@pytest.mark.parametrize(
    "desk",
    [
        Desk(ASKED, owner=Owner.PERSON),
        Desk(ASKED, later(Wrote.STAFF)),
        Desk(later(Wrote.STAFF)),
    ],
    ids=["his ticket", "his answer", "his answer, where the question is not there any more"],
)
async def test_nothing_is_sent_over_a_persons_head(desk: Desk) -> None:
    with pytest.raises(ReplyWithheld):
        await sent(desk)
    assert desk.written == []


async def test_a_persons_answer_to_an_earlier_question_is_none_to_this_one() -> None:
    assert await sent(Desk(DeskMessage("m0", Wrote.STAFF, "x", "2026-01-05T08:00:00.000Z"), ASKED)) == [OURS]
    assert await sent(Desk(DeskMessage("m0", Wrote.STAFF, "x", "2026-01-05T08:00:00.000Z"))) == [OURS]


async def test_a_helpdesk_that_is_gone_from_the_settings_is_told_by_name() -> None:
    with pytest.raises(HelpdeskRefused, match="INNKEEPER_HELPDESKS"):
        await sent(Desk(ASKED), replace(ENTRY, source="other"))
