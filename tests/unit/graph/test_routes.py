from langgraph.graph import END

from agent.graph.evidence import Evidence
from agent.graph.routes import after_decide, after_gate, after_retrieve
from agent.types import Decision
from policies.types import Action, Verdict
from tests.samples import message, outcome

QUESTION = (message("1", text="How much does a dog cost per night?"),)


def test_rule_ends_the_turn_before_anything_is_looked_up() -> None:
    for action in (Action.HANDOFF, Action.REFUSE):
        assert after_gate({"verdict": Verdict(action, "r"), "messages": QUESTION}) == "decide"
    assert after_gate({"verdict": Verdict(Action.ALLOW), "messages": QUESTION}) == "retrieve"


def test_greeting_is_not_looked_up() -> None:
    assert after_gate({"verdict": Verdict(Action.ALLOW), "messages": (message("1", text="hello"),)}) == "decide"


def test_no_model_is_asked_without_evidence() -> None:
    assert after_retrieve({"evidence": Evidence(0.0)}) == "decide"
    assert after_retrieve({"evidence": Evidence(0.0, (0,))}) == "decide"
    assert after_retrieve({"evidence": Evidence(1.0, (0,))}) == "draft"


def test_only_a_proposed_reply_waits() -> None:
    assert after_decide({"outcome": outcome(Decision.DRAFT)}) == "approve"
    assert after_decide({"outcome": outcome(Decision.ANSWER)}) == END
