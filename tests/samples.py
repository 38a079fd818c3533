"""Small domain objects for tests."""

from agent.ports import Ticket
from agent.types import (
    Author,
    Citation,
    ConversationId,
    Decision,
    Message,
    MessageId,
    OutboxEntry,
    OutboxId,
    Outcome,
    PolicyTrace,
    Proposal,
    RunId,
    Usage,
)
from knowledge.types import Audience, DocumentId, Hit, Passage, PassageId

TICKET = Ticket(ConversationId("desk:7"), "desk", "7", "Refund")


def ticket(number: int) -> Ticket:
    return Ticket(ConversationId(f"desk:{number}"), "desk", str(number))


def message(message_id: str, author: Author = Author.CUSTOMER, text: str = "hello", visible: bool = True) -> Message:
    return Message(MessageId(message_id), author, text, "2026-11-24T10:00:00+00:00", visible)


def outcome(decision: Decision = Decision.ANSWER, answer: str = "You get half back [1].") -> Outcome:
    return Outcome(decision, answer, "a passage says so", "en", PolicyTrace("1.0.0", "ab" * 32, ("r1", "r2")))


PROPOSAL = Proposal(
    "p-1", "refund", {"order_id": "O-1", "note": None}, "c-1", "2026-01-04T00:00:00Z", call={"id": 7}, amount=1250
)


def full_outcome() -> Outcome:
    return Outcome(
        decision=Decision.HANDOFF,
        answer='Ünïcode „quotes" \n\x00 and a lone \ud800',
        reason="asked for a person",
        language="de",
        policy=PolicyTrace("1.2.0", "cd" * 32, ("escalation.person",)),
        citations=(
            Citation(1, DocumentId("d1"), PassageId("p1"), "Title", None, "half"),
            Citation(2, DocumentId("d2"), PassageId("p2"), "Other", "https://help.example/d2", "€ 20"),
        ),
        confidence=0.1 + 0.2,
        usage=Usage(2, 1200, 80),
        timings_ms={"retrieve": 12.5, "draft": 800.0},
        queue="billing",
        summary="asks for a refund",
        sure=False,
        proposal=PROPOSAL,
        notice="A colleague looks at it.",
    )


def entry(number: int = 1, result: Outcome | None = None) -> OutboxEntry:
    return OutboxEntry(
        outbox_id=OutboxId(f"out_{number}"),
        conversation_id=TICKET.conversation_id,
        source="desk",
        ticket_id="7",
        run_id=RunId(str(number)),
        in_reply_to=MessageId("m1"),
        outcome=result or outcome(),
        created_at="2026-11-24T10:00:01+00:00",
    )


def passage(doc_id: str, text: str, title: str = "Article", audience: Audience = Audience.PUBLIC) -> Passage:
    return Passage(
        PassageId(f"{doc_id}#0"), DocumentId(doc_id), "v1", 0, title, (), text, audience, f"https://help.example/{doc_id}"
    )


def hit(doc_id: str, text: str, title: str = "Article", score: float = 0.9) -> Hit:
    return Hit(passage(doc_id, text, title), score, score, 10.0, score)
