"""What is written is what is read."""

import pytest

from agent.adapters.records import dump_entry, dump_message, load_entry, load_message
from agent.types import Author, Decision, Message, Outcome
from tests.samples import entry, full_outcome, message, outcome

OUTCOMES = [full_outcome(), outcome(answer=""), *(outcome(decision) for decision in Decision)]
MESSAGES = [message("m", author) for author in Author] + [message('"\\\u2028\ud800', text="", visible=False)]


@pytest.mark.parametrize("result", OUTCOMES, ids=lambda result: f"{result.decision}-{len(result.answer)}")
def test_an_entry_survives_json(result: Outcome) -> None:
    before = entry(1, result)
    text = dump_entry(before)
    after = load_entry(text)
    assert after == before
    assert type(after.outcome.decision) is Decision
    assert text.isascii()


@pytest.mark.parametrize("before", MESSAGES, ids=range(len(MESSAGES)))
def test_a_message_survives_json(before: Message) -> None:
    assert load_message(dump_message(before)) == before
