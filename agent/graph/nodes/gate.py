"""Policy gate: the hard rules, before anything is looked up. Code decides; no model is asked."""

from langgraph.runtime import Runtime

from agent.graph.asking_back import times_asked
from agent.graph.state import TurnContext, TurnState
from policies.engine import PolicyEngine
from policies.types import Facts, Verdict


async def gate(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Judge the facts."""
    policies = runtime.context.policies
    verdict = verdict_of(policies, state["facts"])
    asked_back = times_asked(state["messages"], policies.texts("clarify"))
    return {"verdict": verdict, "rules": (verdict.rule,) if verdict.rule else (), "asked_back": asked_back}


def verdict_of(policies: PolicyEngine, facts: Facts) -> Verdict:
    """What the hard rules say; a topic whose dial is `person` is one, if it claims the message."""
    return policies.ruling(facts)
