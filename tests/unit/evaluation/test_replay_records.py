import datetime as dt

import pytest

from agent.adapters.tickets import turns_of
from agent.errors import AgentError
from agent.evaluation.changes import compare
from agent.evaluation.replay import as_before, question_of, since
from agent.ports import RecordedTurn
from agent.types import Author, Conversation, Decision, RunId
from tests.samples import TICKET, full_outcome, message

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
ASSISTANT, PERSON = Author.ASSISTANT, Author.HUMAN_AGENT


def conversation(*messages) -> Conversation:
    return Conversation(TICKET.conversation_id, TICKET.source, TICKET.ticket_id, messages, len(messages))


def test_each_reply_is_a_turn_over_what_the_customer_could_see():
    turns = turns_of(
        conversation(
            message("1", text="Dogs?"),
            message("out_r1", ASSISTANT, "€12 [1]"),
            message("2", PERSON, "internal note", visible=False),
            message("3", text="Cats?"),
            message("out_r2", ASSISTANT, "€5 [1]", visible=False),
            message("out_r2_released", ASSISTANT, "€6, says Mia"),
            message("bot", ASSISTANT, "by another program"),
        )
    )
    assert [(t.run_id, t.answer, t.decision) for t in turns] == [("r1", "€12 [1]", None), ("r2", "€5 [1]", Decision.DRAFT)]
    assert [[m.text for m in t.messages] for t in turns] == [["Dogs?"], ["Dogs?", "€12 [1]", "Cats?"]]


def test_a_recorded_outcome_is_kept_whole_and_a_text_as_far_as_it_is_known():
    whole = RecordedTurn(RunId("a"), "2026-01-01T00:00:00+00:00", (message("1"),), "", full_outcome())
    text = RecordedTurn(RunId("b"), "2026-01-01T00:00:00+00:00", (message("1"),), "hello \ud800")
    first, second = as_before([whole, text])
    assert first.made is not None
    assert second.made is not None
    assert (first.made.decision, first.made.citations[1].doc_id, first.made.usage.llm_calls) == (Decision.HANDOFF, "d2", 2)
    assert (second.made.decision, second.made.answer) == (None, "hello ?")
    assert compare([first, second], [first, second]).changes == ()


def test_a_recorded_turn_is_asked_with_the_messages_as_they_were():
    odd = RecordedTurn(RunId("b"), "", (message("1", text="a \ud800"),), "")
    question = question_of(odd)
    assert question.messages == odd.messages
    assert question.record.said[0].text == "a ?"
    assert question.record.expected.outcome is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", dt.datetime(2026, 11, 19, 12, tzinfo=dt.UTC)),
        ("12h", dt.datetime(2026, 11, 26, 0, tzinfo=dt.UTC)),
        ("90m", dt.datetime(2026, 11, 26, 10, 30, tzinfo=dt.UTC)),
        ("2w", dt.datetime(2026, 11, 12, 12, tzinfo=dt.UTC)),
        ("2026-11-01", dt.datetime(2026, 11, 1, tzinfo=dt.UTC)),
        ("2026-11-01T10:00:00+02:00", dt.datetime(2026, 11, 1, 8, tzinfo=dt.UTC)),
    ],
)
def test_since_is_a_span_or_a_date(text: str, moment: dt.datetime):
    assert since(text, NOW) == moment


def test_what_is_no_time_is_said():
    with pytest.raises(AgentError, match="'last week' is no time: write 7d"):
        since("last week", NOW)
