"""The one id of a message: derived, bound for a while, told with what is observed."""

import asyncio

import pytest
import structlog

from agent.standing import other_traces, trace_of
from agent.telemetry import bind_trace, current_trace, exemplar, span, trace_id_of, traced
from agent.types import Author, Conversation, ConversationId, Message, MessageId

ID = ConversationId("desk:1")


def said(*messages: tuple[str, Author], answered: int = 0) -> Conversation:
    made = tuple(Message(MessageId(name), author, "hello", "2026-01-05T09:00:00Z") for name, author in messages)
    return Conversation(ID, "desk", "1", made, length=len(made), answered=answered)


def test_the_id_is_one_of_w3c_and_the_same_wherever_it_is_asked() -> None:
    found = trace_id_of(ID, "m1")
    assert found == trace_id_of("desk:1", "m1")
    assert len(found) == 32
    assert int(found, 16) > 0
    assert len({found, trace_id_of(ID, "m2"), trace_id_of("desk:1m", "1"), trace_id_of("desk:2", "m1")}) == 4


def test_a_reply_has_the_trace_of_the_newest_message_of_the_customer() -> None:
    conversation = said(("a", Author.CUSTOMER), ("b", Author.CUSTOMER), ("c", Author.HUMAN_AGENT))
    assert trace_of(conversation) == trace_id_of(ID, "b")
    assert trace_of(said()) == trace_id_of(ID, "")


def test_a_turn_names_the_other_traces_that_it_ends() -> None:
    conversation = said(("old", Author.CUSTOMER), ("a", Author.CUSTOMER), ("b", Author.CUSTOMER), answered=1)
    hint = trace_id_of(ID, "hint")
    assert other_traces(conversation, hint) == [trace_id_of(ID, "a"), hint]
    assert other_traces(conversation, trace_of(conversation)) == [trace_id_of(ID, "a")]
    assert other_traces(said(("b", Author.CUSTOMER)), None) == []


def test_it_is_bound_for_a_while() -> None:
    assert (current_trace(), exemplar()) == (None, None)
    with traced("ab" * 16):
        assert current_trace() == "ab" * 16
        assert exemplar() == {"trace_id": "ab" * 16}
        assert structlog.contextvars.get_contextvars()["trace_id"] == "ab" * 16
    assert current_trace() is None
    bind_trace("cd" * 16)
    bind_trace(None)
    assert "trace_id" not in structlog.contextvars.get_contextvars()


async def test_tasks_side_by_side_do_not_share_it() -> None:
    async def bound(trace_id: str) -> str | None:
        with traced(trace_id):
            await asyncio.sleep(0)
            return current_trace()

    assert await asyncio.gather(bound("ab" * 16), bound("cd" * 16)) == ["ab" * 16, "cd" * 16]


def test_a_span_without_a_collector_lets_errors_through() -> None:
    with traced("ab" * 16), span("turn") as turn:
        turn.tell(decision="answer")
    with pytest.raises(ValueError, match="as it was"), traced("ab" * 16), span("turn"):
        raise ValueError("as it was")
