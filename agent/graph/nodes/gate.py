"""Policy gate: the hard rules, before anything is looked up. Code decides; no model is asked."""

from langgraph.runtime import Runtime

from agent.graph.state import TurnContext, TurnState


async def gate(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Judge the facts."""
    verdict = runtime.context.policies.gate(state["facts"])
    return {"verdict": verdict, "rules": (verdict.rule,) if verdict.rule else ()}
