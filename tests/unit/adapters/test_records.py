"""What is written is what is read."""

from dataclasses import replace

import pytest

from agent.adapters.records import dump_entry, dump_message, dump_ruling, load_entry, load_message, load_ruling
from agent.types import (
    NOBODY,
    Author,
    Customer,
    Decision,
    DraftRuling,
    Identity,
    Message,
    Outcome,
    PendingApproval,
    Ruled,
    RunId,
)
from tests.samples import entry, full_outcome, message, outcome

APPROVAL = PendingApproval(RunId("r1"), "refund", "c-7", "2026-11-27T16:00:00+00:00")
WAITING = replace(full_outcome(), notice="A colleague looks at it.", approval=APPROVAL)
OUTCOMES = [full_outcome(), WAITING, outcome(answer=""), *(outcome(decision) for decision in Decision)]
MESSAGES = [message("m", author) for author in Author] + [message('"\\\u2028\ud800', text="", visible=False)]


@pytest.mark.parametrize("result", OUTCOMES, ids=lambda result: f"{result.decision}-{len(result.answer)}")
def test_an_entry_survives_json(result: Outcome) -> None:
    before = entry(1, result)
    text = dump_entry(before)
    after = load_entry(text)
    assert after == before
    assert type(after.outcome.decision) is Decision
    assert text.isascii()


@pytest.mark.parametrize("ruled", Ruled)
def test_a_ruling_survives_json(ruled: Ruled) -> None:
    before = DraftRuling(RunId("r1"), ruled, "Gerne.\u2028")
    after = load_ruling(dump_ruling(before))
    assert after == before
    assert type(after.ruled) is Ruled
    assert load_ruling(dump_ruling(replace(before, by="note 812"))).by == "note 812"
    assert '"by"' not in dump_ruling(before), "what an earlier release has written is the same text"


@pytest.mark.parametrize("before", MESSAGES, ids=range(len(MESSAGES)))
def test_a_message_survives_json(before: Message) -> None:
    assert load_message(dump_message(before)) == before


def test_who_wrote_a_message_is_kept_and_costs_nothing_where_nobody_is_known() -> None:
    known = replace(message("m"), customer=Customer(Identity.VERIFIED, "c-7", "ada@example.org"))
    assert load_message(dump_message(known)) == known
    assert "customer_id" not in dump_message(message("m"))
    assert load_message(dump_message(message("m"))).customer == NOBODY


def test_the_rules_of_a_reply_are_kept_and_cost_nothing_where_there_are_none() -> None:
    reply = replace(message("m", Author.ASSISTANT), rules=("plain_words", "pets"))
    assert load_message(dump_message(reply)) == reply
    assert "rules" not in dump_message(message("m"))  # as it was written before there was such a field
    assert load_message(dump_message(message("m"))).rules == ()
