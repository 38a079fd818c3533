"""Every sentence that a hand-off is given for has a code, and the counters know where it came from."""

import datetime as dt

import pytest
from prometheus_client import REGISTRY

from agent import reasons
from agent.reasons import HandoffReason, handoff_reason
from agent.settings import Settings
from agent.types import Author, Conversation, ConversationId, Decision, Message, MessageId, Outcome, PolicyTrace
from agent.wiring.parts import outcome_counter

SENTENCES = {
    reasons.NOT_ANSWERED: "not_answered",
    reasons.FOR_PEOPLE: "topic",
    reasons.NOT_SURE: "unsure",
    reasons.BUTTON: "customer",
    reasons.REPEATED: "repeated",
    reasons.TECHNICAL: "technical",
    reasons.DECLINED: "declined",
    reasons.ACTION_UNCERTAIN: "action",
    reasons.ACTION_AND_MORE: "action",
    reasons.ACTION_GONE: "action",
    reasons.ACTION_WITHOUT_WORDS: "action",
    reasons.PERSONAL_DATA: "personal_data",
    reasons.by_rule("legal_threat"): "rule",
    f"a person approves answers first; {reasons.NOBODY_APPROVES}": "no_approval",
    "something new": "other",
}
DESK = {"secrets": ["whsec_" + "a" * 43 + "="], "reply_url": "https://desk.internal/innkeeper"}


@pytest.mark.parametrize("sentence", sorted(SENTENCES))
def test_a_sentence_has_its_code(sentence: str) -> None:
    assert handoff_reason(sentence) == SENTENCES[sentence]


def test_every_code_is_one_of_some_sentence() -> None:
    assert set(SENTENCES.values()) == set(HandoffReason)


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def conversation(source: str, waited_s: float, answered: int = 0) -> Conversation:
    sent_at = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=waited_s)).isoformat()
    said = (Message(MessageId("1"), Author.CUSTOMER, "hello", sent_at),)
    return Conversation(ConversationId(f"{source}:1"), source, "1", said, length=1, answered=answered)


def outcome(decision: Decision, reason: str = "") -> Outcome:
    return Outcome(decision, "text", reason, "en", PolicyTrace("1", "ab"))


def test_outcomes_are_counted_by_the_kind_of_their_channel() -> None:
    count = outcome_counter(Settings(helpdesks={"acme": DESK}))
    told = {
        ("acme", "generic"): conversation("acme", 40),
        ("widget", "widget"): conversation("widget", 40),
        ("gone", "other"): conversation("gone", 40),
    }
    for (_, kind), one in told.items():
        before = value("innkeeper_outcomes_total", channel=kind, decision="handoff")
        count(one, outcome(Decision.HANDOFF, reasons.NOT_ANSWERED))
        assert value("innkeeper_outcomes_total", channel=kind, decision="handoff") == before + 1


def test_a_first_answer_is_timed_from_the_message_that_waited() -> None:
    count = outcome_counter(Settings())

    def timed(bound: str) -> float:
        return value("innkeeper_first_answer_seconds_bucket", decision="refuse", le=bound)

    under, over = timed("30.0"), timed("300.0")
    count(conversation("acme", 100), outcome(Decision.REFUSE))
    assert (timed("30.0"), timed("300.0")) == (under, over + 1)
    count(conversation("acme", 100, answered=1), outcome(Decision.REFUSE))  # nothing waited
    assert timed("300.0") == over + 1


def test_what_says_nothing_is_no_outcome() -> None:
    count = outcome_counter(Settings())
    before = (
        value("innkeeper_first_answer_seconds_count", decision="no_reply"),
        value("innkeeper_turns_total", decision="no_reply"),
    )
    count(conversation("acme", 100), outcome(Decision.NO_REPLY))
    assert value("innkeeper_first_answer_seconds_count", decision="no_reply") == before[0]
    assert value("innkeeper_outcomes_total", channel="other", decision="no_reply") == 0
    assert value("innkeeper_turns_total", decision="no_reply") == before[1] + 1


def test_what_can_be_counted_is_there_from_the_start() -> None:
    outcome_counter(Settings(helpdesks={"acme": DESK}))
    for reason in HandoffReason:
        assert REGISTRY.get_sample_value("innkeeper_handoffs_total", {"reason": reason.value}) is not None
    assert REGISTRY.get_sample_value("innkeeper_outcomes_total", {"channel": "generic", "decision": "clarify"}) is not None
