"""Policy gate: the hard rules, before anything is looked up. Code decides; no model is asked."""

from langgraph.runtime import Runtime

from agent.graph.acting.waiting import is_plain_answer, waiting
from agent.graph.asking_back import times_asked
from agent.graph.state import TurnContext, TurnState
from policies.engine import PolicyEngine
from policies.types import Action, Facts, Verdict


async def gate(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Judge the facts.

    Raises:
        QueueUnavailable: Redis can't be asked whether a change has been begun.
    """
    context = runtime.context
    policies, facts = context.policies, state["facts"]
    verdict = verdict_of(policies, facts)
    may_be_answer = verdict.action is not Action.ALLOW and verdict.priority != "urgent"
    if may_be_answer and await context.in_thread(is_plain_answer, state, policies, context.own_desk):
        verdict = policies.by_number(facts)  # a "no" to what we have asked is no complaint
    if facts.tool_failures and verdict == policies.by_number(facts) and await _is_begun(state, context):
        verdict = Verdict(Action.ALLOW)  # whether it has happened must be known first: the very call is made again
    asked_back = times_asked(state["messages"], policies.texts("clarify"))
    # What an offer says stands behind the reply, and is among its rules once it does.
    rules = (verdict.rule,) if verdict.rule and verdict.action is not Action.OFFER else ()
    return {"verdict": verdict, "rules": rules, "asked_back": asked_back}


def verdict_of(policies: PolicyEngine, facts: Facts) -> Verdict:
    """What the hard rules say; a topic whose dial is `person` is one, if it claims the message."""
    return policies.ruling(facts)


async def _is_begun(state: TurnState, context: TurnContext) -> bool:
    """Whether a change that the customer has agreed to may have happened already."""
    desk = context.own_desk
    if desk is None:
        return False
    proposal, _ = waiting(state, context.policies, desk)
    return proposal is not None and await desk.ledger.find(proposal.action, proposal.proposal_id) is not None
