"""Approve: a proposed reply, or an action, waits for a person. The checkpoint keeps it over restarts."""

from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agent import reasons
from agent.graph.acting.carrying import Step, carry_out
from agent.graph.acting.noting import note_ruling
from agent.graph.nodes.decide import outcome_of
from agent.graph.replying import sayable
from agent.graph.state import TurnContext, TurnState
from agent.types import Decision


async def approve(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Stop here until somebody answers with `{"approved": bool, "text": str | None}`.

    An action is carried out then, once, however often this runs.

    Raises:
        ToolUnavailable: a system of the company can't be asked now; approve again later.
    """
    answer = interrupt({"run_id": state["run_id"]})
    outcome, acted = state["outcome"], state.get("acted")
    desk = runtime.context.desk_of(state["run_id"])
    if desk is not None and acted is not None and acted.step is Step.PENDING:
        await note_ruling(desk, state["customer"], acted.action, approved=bool(answer["approved"]))
    if not answer["approved"]:
        text = runtime.context.policies.text("handoff", state["facts"].language)
        declined = replace(outcome, decision=Decision.HANDOFF, answer=text, reason=reasons.DECLINED, citations=())
        return {"outcome": declined}
    if acted is not None and acted.step is Step.PENDING:
        return await _carried_out(state, runtime.context, answer)
    text = answer.get("text") or outcome.answer
    return {"outcome": replace(outcome, decision=Decision.ANSWER, answer=text, reason="approved by a person")}


async def _carried_out(state: TurnState, context: TurnContext, answer: dict[str, Any]) -> TurnState:
    """Every rule is judged again; a person's yes stands for `approval` alone."""
    acted, desk = state["acted"], context.desk_of(state["run_id"])
    assert acted is not None
    assert acted.proposal is not None
    judge = context.policies.actions.get(acted.action)
    if desk is None or judge is None:
        text = context.policies.text("handoff", state["facts"].language)
        gone = replace(state["outcome"], decision=Decision.HANDOFF, answer=text, reason=reasons.ACTION_GONE)
        return {"outcome": gone}
    done = await carry_out(desk, judge, state["customer"], acted.proposal, approved=True)
    rules = (*state.get("rules", ()), done.rule)
    ended: TurnState = {**state, "acted": done, "rules": rules}
    outcome = sayable(outcome_of(ended, context), ended, context)
    if done.step is Step.DONE and outcome.decision is not Decision.HANDOFF:
        text = answer.get("text") or outcome.answer
        outcome = replace(outcome, decision=Decision.ANSWER, answer=text, reason="approved by a person, and carried out")
    elif outcome.decision is not Decision.HANDOFF:
        # The customer waits for a yes; that it has become a no is for a person to say.
        outcome = replace(outcome, decision=Decision.HANDOFF, reason=reasons.ACTION_GONE, proposal=None)
    return {"acted": done, "rules": rules, "outcome": outcome}
