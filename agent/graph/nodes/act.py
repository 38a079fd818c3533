"""Act: does the customer ask for an action, or answer what we have asked about one? Code decides; no model is asked."""

from dataclasses import replace

from langgraph.runtime import Runtime

from agent.graph.acting.arguments import read_arguments
from agent.graph.acting.carrying import Acted, Step, carry_out, propose
from agent.graph.acting.consent import Consent, read_consent
from agent.graph.acting.noting import note_step
from agent.graph.acting.reading import Desk, is_able
from agent.graph.acting.waiting import latest_texts, waiting
from agent.graph.state import TurnContext, TurnState
from agent.ports import AuditKind
from agent.types import NOBODY, Author
from policies.actions import Kind
from policies.judging import Judge

_NOTED = {
    Step.ASK: AuditKind.ASKED,
    Step.CONFIRM: AuditKind.ASKED,
    Step.IDENTIFY: AuditKind.DENIED,
    Step.DENIED: AuditKind.DENIED,
    Step.DECLINED: AuditKind.DECLINED,
    Step.PENDING: AuditKind.APPROVAL_ASKED,
}
"""What the audit log learns of a step's end. Of a call it has learned already."""


async def act(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Go on with the action that waits for the customer's word, or begin one. Nothing is added if neither is asked for.

    Raises:
        ToolUnavailable: a system of the company can't be asked now; the turn is tried again later.
        QueueUnavailable: Redis can't be reached.
    """
    context = runtime.context
    desk = context.desk_of(state["run_id"])
    if desk is None:
        return {"acted": None}
    acted = await _go_on(desk, state, context) or await _begin(desk, state, context)
    if acted is not None:
        await _note(desk, state, context, acted)
    rules = (*state.get("rules", ()), *((acted.rule,) if acted else ()))
    return {"acted": acted, "rules": rules}


async def _note(desk: Desk, state: TurnState, context: TurnContext, acted: Acted) -> None:
    judge = context.policies.actions.get(acted.action)
    is_seen = acted.step is Step.DONE and judge is not None and judge.action.kind is Kind.LOOK_UP
    kind = AuditKind.DONE if is_seen else _NOTED.get(acted.step)
    if kind is not None:
        await note_step(desk, kind, state["customer"], acted.action, acted.rule)


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
    consent = read_consent("\n".join(said))
    if consent is not Consent.YES and await desk.ledger.find(judge.action.id, proposal.proposal_id) is not None:
        # It was begun on a yes, and before the customer could be told they have written more.
        acted = await carry_out(desk, judge, state["customer"], proposal)
        return replace(acted, said_more=True)
    match consent:
        case Consent.YES:
            await note_step(desk, AuditKind.CONFIRMED, state["customer"], judge.action.id)
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


def said_by_customer(state: TurnState) -> list[str]:
    """Everything that this customer has written, newest first."""
    customer = state.get("customer", NOBODY)
    mine = [m for m in state["messages"] if m.author is Author.CUSTOMER and m.customer == customer]
    return [message.text for message in reversed(mine)]


def _named(state: TurnState, judge: Judge, desk: Desk, texts: list[str], asked: str | None) -> dict[str, object]:
    newest_first = texts if asked is None else texts[::-1]
    return read_arguments(judge.action.arguments, newest_first, state["facts"].language, desk.now(), asked)
