"""Rules that count, through whole turns: what is offered, to whom, how often, and when a person gets the conversation."""

from dataclasses import replace
from typing import Any

import pytest

from agent.graph.beside import beside
from agent.graph.offering import with_offer
from agent.types import Author, Customer, Decision, Identity, Outcome, PendingApproval, RunId
from policies.engine import PolicyEngine
from policies.triggers import Trigger
from policies.types import Action, Facts, Verdict
from tests.samples import PROPOSAL, TICKET, message, outcome
from tests.unit.test_turns import ID, PACK, QUESTION, House

ADA = Customer(Identity.VERIFIED, "c-1", "ada@example.org")
EVE = Customer(Identity.VERIFIED, "c-2", "eve@example.org")
OFFER = "If you would rather have a colleague at Marlowe Stays look into this, just say so."
CROSS = f"This is unacceptable! {QUESTION}"


class Talk(House):
    """A conversation, message by message."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.count = 0

    async def hear(self, text: str, customer: Customer = ADA) -> Outcome:
        self.count += 1
        written = replace(message(f"m{self.count}", Author.CUSTOMER, text), customer=customer)
        await self.conversations.append(TICKET, written)
        entry = await self.turns.run_turn(ID)
        assert entry is not None
        return entry.outcome


def counting(*triggers: dict[str, Any]) -> PolicyEngine:
    made = tuple(Trigger.model_validate({"say": "handoff", "action": "handoff", **one}) for one in triggers)
    return PolicyEngine(PACK.model_copy(update={"escalation": PACK.escalation.model_copy(update={"triggers": made})}))


async def test_who_is_cross_twice_is_answered_and_offered_a_person_once() -> None:
    talk = Talk()
    first = await talk.hear(CROSS)
    assert (first.decision, OFFER in first.answer, "anger" in first.policy.rules) == (Decision.ANSWER, False, False)
    second = await talk.hear(f"You are wasting my time. {QUESTION}")
    assert second.decision is Decision.ANSWER
    assert second.answer.endswith(f"[1]\n\n{OFFER}")
    assert second.policy.rules[-1] == "anger"
    assert [one.doc_id for one in second.citations] == ["dogs"]
    third = await talk.hear(f"This is ridiculous! What does a dog cost, then? {QUESTION}")
    assert (third.decision, OFFER in third.answer) == (Decision.ANSWER, False)


async def test_a_yes_to_the_offer_hands_over_and_an_ok_does_not() -> None:
    talk = Talk()
    for text in (CROSS, f"This is ridiculous. {QUESTION}"):
        await talk.hear(text)
    heard = await talk.hear("ok")
    assert heard.decision is not Decision.HANDOFF
    talk = Talk()
    for text in (CROSS, f"This is ridiculous. {QUESTION}"):
        await talk.hear(text)
    taken = await talk.hear("Yes please")
    assert (taken.decision, taken.reason, taken.queue) == (Decision.HANDOFF, "rule anger", "support")
    assert "I'm passing this to a colleague" in taken.answer


async def test_another_customers_anger_is_not_this_ones() -> None:
    talk = Talk()
    await talk.hear(CROSS, EVE)
    assert OFFER not in (await talk.hear(CROSS)).answer


async def test_what_we_and_people_say_is_not_the_customers() -> None:
    talk = Talk(policies=counting({"id": "dogs", "after": 2, "any": [{"pattern": r"\bdog\b"}]}))
    await talk.say("r", "A dog costs €12 per night.", Author.ASSISTANT)
    await talk.say("s", "Your dog is welcome", Author.SYSTEM)
    assert (await talk.hear(QUESTION)).decision is Decision.ANSWER
    assert (await talk.hear("And a big dog, per night?")).reason == "rule dogs"


async def test_the_same_question_a_third_time_is_a_persons() -> None:
    talk = Talk()
    decisions = [(await talk.hear(text)).decision for text in (QUESTION, f"But {QUESTION}", "What is the wifi like?")]
    assert Decision.HANDOFF not in decisions
    looped = await talk.hear(f"I asked: {QUESTION}")
    assert (looped.decision, looped.reason, looped.policy.rules) == (Decision.HANDOFF, "rule loop", ("loop",))


async def test_replies_without_an_answer_end_at_a_person() -> None:
    talk = Talk()
    poems = ("write me a poem", "Compose a poem about the sea", "tell me a joke")
    assert [(await talk.hear(text)).decision for text in poems] == [Decision.REFUSE] * 3
    assert (await talk.hear(QUESTION)).reason == "rule no_way_on"


async def test_an_answer_in_between_ends_the_row() -> None:
    talk = Talk()
    for text in ("write me a poem", "tell me a joke", QUESTION, "Compose a poem"):
        await talk.hear(text)
    assert (await talk.hear("A big dog, per night?")).reason != "rule no_way_on"


def test_nothing_is_offered_behind_a_question_about_an_action_or_beside_a_person() -> None:
    engine, verdict = PolicyEngine(PACK), Verdict(Action.OFFER, "anger", say="offer_person")
    for decision in (Decision.ANSWER, Decision.CLARIFY, Decision.REFUSE, Decision.DRAFT):
        said = with_offer(outcome(decision), verdict, engine)
        assert said.answer.endswith(OFFER)
        assert said.policy.rules == ("r1", "r2", "anger")
    for left in (outcome(Decision.HANDOFF), outcome(Decision.NO_REPLY), replace(outcome(Decision.CLARIFY), proposal=PROPOSAL)):
        assert with_offer(left, verdict, engine) == left
    assert with_offer(outcome(), Verdict(Action.ALLOW), engine) == outcome()


def test_an_offer_whose_words_give_way_to_an_action_that_waits_is_not_among_the_rules() -> None:
    engine, waits = PolicyEngine(PACK), PendingApproval(RunId("r"), "refund_booking", "c-1")
    offered = with_offer(outcome(Decision.CLARIFY), Verdict(Action.OFFER, "anger", say="offer_person"), engine)
    said = beside(offered, waits, engine)
    assert (OFFER in said.answer, said.policy.rules) == (False, ("r1", "r2"))


def test_words_that_are_said_already_are_not_said_twice() -> None:
    said = outcome(answer=f"Half of it.\n\n{OFFER}")
    assert with_offer(said, Verdict(Action.OFFER, "anger", say="offer_person"), PolicyEngine(PACK)).answer == said.answer


@pytest.mark.parametrize("locale", PACK.policy.locales)
def test_the_offer_is_an_approved_text_and_no_question(locale: str) -> None:
    engine = PolicyEngine(PACK)
    text = engine.text("offer_person", locale)
    assert text in engine.approved
    # A yes would be counted as ours to what we have asked, and a reply that ends so as a question back.
    assert not text.endswith(("?", "？", "؟"))
    assert engine.gate(Facts(text, locale, first_message=False)).action is Action.ALLOW
