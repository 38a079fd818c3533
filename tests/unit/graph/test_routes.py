from langgraph.graph import END

from agent.graph.acting.acted import Acted, Step
from agent.graph.answerability import Answerability, Choice
from agent.graph.evidence import Evidence
from agent.graph.parts import Part
from agent.graph.routes import after_act, after_decide, after_gate, after_retrieve
from agent.graph.state import TurnState
from agent.types import Decision
from policies.types import Action, Verdict
from tests.samples import message, outcome

QUESTION = (message("1", text="How much does a dog cost per night?"),)


def test_rule_ends_the_turn_before_anything_is_looked_up() -> None:
    for action in (Action.HANDOFF, Action.REFUSE):
        assert after_gate({"verdict": Verdict(action, "r"), "messages": QUESTION}) == "decide"
    assert after_gate({"verdict": Verdict(Action.ALLOW), "messages": QUESTION}) == "act"
    assert after_act({"acted": None, "messages": QUESTION}) == "retrieve"


def test_greeting_is_not_looked_up() -> None:
    assert after_act({"acted": None, "messages": (message("1", text="hello"),)}) == "decide"


def test_an_action_ends_the_turn() -> None:
    acted = Acted(Step.DENIED, "refund", "refund.owner", "denied", {})
    assert after_act({"acted": acted, "messages": QUESTION}) == "decide"


def test_no_model_is_asked_without_evidence() -> None:
    assert after_retrieve({"messages": QUESTION, "evidence": Evidence(0.0)}) == "decide"
    assert after_retrieve({"messages": QUESTION, "evidence": Evidence(0.0, (0,))}) == "decide"
    assert after_retrieve({"messages": QUESTION, "evidence": Evidence(1.0, (0,))}) == "draft"


def found(choice: Choice, probability: float, *, sure: bool = False) -> TurnState:
    judged = Answerability(**{one.value: probability if one is choice else (1 - probability) / 3 for one in Choice})
    return {"messages": QUESTION, "evidence": Evidence(0.6, (0,), sure), "answerability": judged}


def test_no_model_is_asked_where_an_answer_is_unlikely_to_be_found() -> None:
    assert after_retrieve(found(Choice.UNKNOWN, 0.6)) == "decide"
    assert after_retrieve(found(Choice.UNKNOWN, 0.4)) == "draft"
    assert after_retrieve(found(Choice.UNKNOWN, 0.6, sure=True)) == "draft"
    assert after_retrieve(found(Choice.ANSWER, 0.9)) == "draft"


def test_a_part_that_is_answered_is_enough() -> None:
    parts = (Part("Is there a pool?", 0.1), Part("How much does a dog cost?", 0.9, 0))
    assert after_retrieve({**found(Choice.UNKNOWN, 0.9), "parts": parts}) == "draft"


def test_a_short_request_that_may_mean_anything_is_asked_about() -> None:
    vague = {**found(Choice.ASK_BACK, 0.9), "messages": (message("1", text="there's a problem with the house"),)}
    assert after_retrieve(vague) == "decide"
    assert after_retrieve({**vague, "asked_back": 2}) == "draft"
    long = "The owner says that there is a problem with the house and the garden because of the heating"
    assert after_retrieve({**vague, "messages": (message("1", text=long),)}) == "draft"


def test_only_a_proposed_reply_waits() -> None:
    assert after_decide({"outcome": outcome(Decision.DRAFT)}) == "approve"
    assert after_decide({"outcome": outcome(Decision.ANSWER)}) == END
