"""Policy gate: the hard rules, before anything is looked up. Code decides; no model is asked."""

from langgraph.runtime import Runtime

from agent.graph.acting.waiting import is_plain_answer
from agent.graph.asking_back import times_asked
from agent.graph.state import TurnContext, TurnState
from policies.engine import PolicyEngine
from policies.types import Action, Facts, Verdict


async def gate(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Judge the facts."""
    context = runtime.context
    policies = context.policies
    verdict = verdict_of(policies, state["facts"])
    may_be_answer = verdict.action is not Action.ALLOW and verdict.priority != "urgent"
    if may_be_answer and await context.in_thread(is_plain_answer, state, policies, context.own_desk):
        verdict = Verdict(Action.ALLOW)  # a "no" to what we have asked is no complaint
    asked_back = times_asked(state["messages"], policies.texts("clarify"))
    return {"verdict": verdict, "rules": (verdict.rule,) if verdict.rule else (), "asked_back": asked_back}


def verdict_of(policies: PolicyEngine, facts: Facts) -> Verdict:
    """What the hard rules say; a topic whose dial is `person` is one, if it claims the message."""
    return policies.ruling(facts)
