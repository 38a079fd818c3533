"""Approve: a proposed reply waits for a person. The checkpoint keeps it over restarts."""

from dataclasses import replace

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agent import reasons
from agent.graph.state import TurnContext, TurnState
from agent.types import Decision


async def approve(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Stop here until somebody answers with `{"approved": bool, "text": str | None}`."""
    answer = interrupt({"run_id": state["run_id"]})
    outcome = state["outcome"]
    if not answer["approved"]:
        text = runtime.context.policies.text("handoff", state["facts"].language)
        declined = replace(outcome, decision=Decision.HANDOFF, answer=text, reason=reasons.DECLINED, citations=())
        return {"outcome": declined}
    text = answer.get("text") or outcome.answer
    return {"outcome": replace(outcome, decision=Decision.ANSWER, answer=text, reason="approved by a person")}
