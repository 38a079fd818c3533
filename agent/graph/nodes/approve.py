"""Approve: a proposed reply, or an action, waits for a person. The checkpoint keeps it over restarts."""

from dataclasses import replace

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agent import reasons
from agent.graph import compose
from agent.graph.acting.acted import Step
from agent.graph.acting.carrying import carry_out
from agent.graph.acting.filling import Unfillable
from agent.graph.acting.noting import note_ruling
from agent.graph.acting.wording import told_to_people, words_of
from agent.graph.nodes.decide import outcome_of
from agent.graph.replying import sayable
from agent.graph.state import TurnContext, TurnState
from agent.types import Decision, Outcome, Ruled


async def approve(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Stop here until it is decided: `{"ruled": a value of Ruled, "text": str | None, "by": str}`.

    An action is carried out then, once, however often this runs.

    Raises:
        ToolUnavailable: a system of the company can't be asked now; go on later.
    """
    answer = interrupt({"run_id": state["run_id"]})
    ruled, outcome = Ruled(answer["ruled"]), replace(state["outcome"], approval=None)
    acted, desk = state.get("acted"), runtime.context.desk_of(state["run_id"])
    if desk is not None and acted is not None and acted.step is Step.PENDING:
        await note_ruling(desk, state["customer"], acted.action, ruled, answer.get("by", ""))
    if ruled is Ruled.TIMED_OUT:
        return {"outcome": _late(state, runtime.context, outcome)}
    if ruled is Ruled.DECLINED:
        text = runtime.context.policies.text("handoff", state["facts"].language)
        declined = replace(outcome, decision=Decision.HANDOFF, answer=text, reason=reasons.DECLINED, citations=())
        return {"outcome": declined}
    if acted is not None and acted.step is Step.PENDING:
        return await _carried_out(state, runtime.context, outcome, answer["text"])
    text = answer["text"] or outcome.answer
    return {"outcome": replace(outcome, decision=Decision.ANSWER, answer=text, reason="approved by a person")}


def _late(state: TurnState, context: TurnContext, outcome: Outcome) -> Outcome:
    """As the action's file says: refused, or else a person has the ticket."""
    acted, language, policies = state.get("acted"), state["facts"].language, context.policies
    judge = policies.actions.get(acted.action) if acted is not None else None
    approval = judge.action.approval if judge is not None else None
    desk = context.own_desk
    if acted is not None and judge is not None and approval is not None and approval.on_timeout == "deny" and desk is not None:
        refused = replace(acted, step=Step.DENIED, say=judge.action.say.denied)
        try:
            text = words_of(refused, policies, language, desk.now())
        except Unfillable:
            pass
        else:
            said = replace(outcome, decision=Decision.REFUSE, answer=text, reason=reasons.APPROVAL_LATE, queue=None)
            return sayable(replace(said, summary=None, notice=None), {**state, "acted": refused}, context)
    now = context.clock()
    summary = compose.summary(state["messages"], reasons.APPROVAL_LATE, (), policies.hours.due(now))
    if acted is not None:
        summary += f"\n{told_to_people(acted)}"
    return replace(
        outcome,
        decision=Decision.HANDOFF,
        answer=compose.handoff_words(policies, "handoff", language, now),
        reason=reasons.APPROVAL_LATE,
        citations=(),
        summary=summary,
        notice=None,
    )


async def _carried_out(state: TurnState, context: TurnContext, outcome: Outcome, words: str | None) -> TurnState:
    """Every rule is judged again; a person's yes stands for `approval` alone."""
    acted, desk = state["acted"], context.desk_of(state["run_id"])
    assert acted is not None
    assert acted.proposal is not None
    judge = context.policies.actions.get(acted.action)
    if desk is None or judge is None:
        text = context.policies.text("handoff", state["facts"].language)
        gone = replace(outcome, decision=Decision.HANDOFF, answer=text, reason=reasons.ACTION_GONE)
        return {"outcome": gone}
    done = await carry_out(desk, judge, state["customer"], acted.proposal, approved=True)
    rules = (*state.get("rules", ()), done.rule)
    ended: TurnState = {**state, "acted": done, "rules": rules}
    outcome = sayable(outcome_of(ended, context), ended, context)
    if done.step is Step.DONE and outcome.decision is not Decision.HANDOFF:
        text = words or outcome.answer
        outcome = replace(outcome, decision=Decision.ANSWER, answer=text, reason="approved by a person, and carried out")
    elif outcome.decision is not Decision.HANDOFF:
        # The customer waits for a yes; that it has become a no is for a person to say.
        outcome = replace(outcome, decision=Decision.HANDOFF, reason=reasons.ACTION_GONE, proposal=None, approval=None)
    return {"acted": done, "rules": rules, "outcome": outcome}
