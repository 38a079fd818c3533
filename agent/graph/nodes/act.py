"""Act: does the customer ask for an action, or answer what we have asked about one? Code decides; no model is asked."""

import datetime as dt
from dataclasses import replace

from langgraph.runtime import Runtime

from agent.graph.acting.arguments import read_arguments
from agent.graph.acting.carrying import Acted, Desk, Step, carry_out, is_able, propose
from agent.graph.acting.consent import Consent, read_consent
from agent.graph.state import TurnContext, TurnState
from agent.types import NOBODY, Author, Proposal
from policies.engine import PolicyEngine
from policies.judging import Judge
from policies.types import Mode


async def act(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Go on with the action that waits for the customer's word, or begin one. Nothing is added if neither is asked for.

    Raises:
        ToolUnavailable: a system of the company can't be asked now; the turn is tried again later.
        QueueUnavailable: Redis can't be reached.
    """
    context = runtime.context
    if context.desk is None:
        return {"acted": None}
    desk = _in_mode(context.desk, context.policies)
    acted = await _go_on(desk, state, context) or await _begin(desk, state, context)
    rules = (*state.get("rules", ()), *((acted.rule,) if acted else ()))
    return {"acted": acted, "rules": rules}


async def _go_on(desk: Desk, state: TurnState, context: TurnContext) -> Acted | None:
    """What the customer's word means for what waits for it. None if it is about something else."""
    proposal, judge = waiting(state, context.policies, desk)
    if proposal is None or judge is None:
        return None
    said = latest_texts(state)
    if proposal.asked is not None:
        named = await context.in_thread(_named, state, judge, desk, said, proposal.asked)
        if proposal.asked not in named:
            return None
        return await propose(desk, judge, state["customer"], {**proposal.arguments, **named}, state["run_id"])
    match read_consent("\n".join(said)):
        case Consent.YES:
            return await carry_out(desk, judge, state["customer"], proposal)
        case Consent.NO:
            return Acted(Step.DECLINED, proposal.action, f"{proposal.action}.declined", judge.action.say.declined, {})
        case _:
            return None


async def _begin(desk: Desk, state: TurnState, context: TurnContext) -> Acted | None:
    """The action that the message asks for most plainly. None if it asks for none."""
    requested = context.policies.requested(state["facts"])
    judge = next((one for one in requested if is_able(desk, one.action)), None)
    if judge is None:
        return None
    named = await context.in_thread(_named, state, judge, desk, said_by_customer(state), None)
    return await propose(desk, judge, state["customer"], named, state["run_id"])


def waiting(state: TurnState, policies: PolicyEngine, desk: Desk) -> tuple[Proposal | None, Judge | None]:
    """What waits for the word of this very customer, if it has not expired and its action is still there."""
    proposal = state.get("proposal")
    if proposal is None or proposal.customer_id != state.get("customer", NOBODY).customer_id:
        return None, None
    if dt.datetime.fromisoformat(proposal.expires_at) <= desk.now().now:
        return None, None
    judge = policies.actions.get(proposal.action)
    return (proposal, judge) if judge is not None and is_able(desk, judge.action) else (None, None)


def latest_texts(state: TurnState) -> list[str]:
    """What the customer has written since anybody else has, oldest first."""
    texts: list[str] = []
    for message in reversed(state["messages"]):
        if message.author is not Author.CUSTOMER:
            break
        texts.append(message.text)
    return texts[::-1]


def said_by_customer(state: TurnState) -> list[str]:
    """Everything that this customer has written, newest first."""
    customer = state.get("customer", NOBODY)
    mine = [m for m in state["messages"] if m.author is Author.CUSTOMER and m.customer == customer]
    return [message.text for message in reversed(mine)]


def _named(state: TurnState, judge: Judge, desk: Desk, texts: list[str], asked: str | None) -> dict[str, object]:
    newest_first = texts if asked is None else texts[::-1]
    return read_arguments(judge.action.arguments, newest_first, state["facts"].language, desk.now(), asked)


def _in_mode(desk: Desk, policies: PolicyEngine) -> Desk:
    return replace(desk, rehearse=policies.mode is Mode.SHADOW, ask_a_person=policies.mode is Mode.DRAFT)
