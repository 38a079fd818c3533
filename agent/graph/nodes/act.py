"""Act: does the customer ask for an action, or answer what we have asked about one?

Code decides. A model may be asked which action is meant where no pattern knows the words, and where in them a value stands;
whether the customer says yes, and whether anything may happen, it is never asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.runtime import Runtime

from agent.graph.acting import asking
from agent.graph.acting.acted import Acted, Step
from agent.graph.acting.arguments import MAX_CHARS, read_arguments, values_in
from agent.graph.acting.carrying import carry_out, propose
from agent.graph.acting.consent import Consent, read_consent
from agent.graph.acting.noting import note_acted, note_step
from agent.graph.acting.picking import Quoted
from agent.graph.acting.quotes import Words, confirmed_dates, open_arguments, values_of
from agent.graph.acting.reading import Desk, is_able
from agent.graph.acting.waiting import latest_texts, waiting
from agent.graph.state import TurnContext, TurnState
from agent.ports import AuditKind
from agent.types import NOBODY, Author, Proposal, Usage
from policies.judging import Judge


@dataclass(frozen=True, slots=True)
class Went:
    """How far the turn went. `opinion` is None if no model was asked; `rules` tell what was taken from it."""

    acted: Acted | None = None
    opinion: asking.Opinion | None = None
    rules: tuple[str, ...] = ()


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
    went = await _go_on(desk, state, context)
    if went.acted is None:
        went = await _begin(desk, state, context, went.opinion)
    if went.acted is not None:
        await note_acted(desk, context.policies.actions.get(went.acted.action), state["customer"], went.acted)
    rules = (*state.get("rules", ()), *went.rules, *((went.acted.rule,) if went.acted else ()))
    update: TurnState = {"acted": went.acted, "rules": rules}
    if went.opinion is not None:
        update["usage"] = state.get("usage", Usage()) + went.opinion.usage
        update["timings_ms"] = {"pick": went.opinion.spent_ms}
    return update


async def _go_on(desk: Desk, state: TurnState, context: TurnContext) -> Went:
    """What the customer's word means for what waits for it. Nothing if it is about something else."""
    proposal, judge = waiting(state, context.policies, desk)
    if proposal is None or judge is None:
        return Went()
    if proposal.asked is not None:
        return await _answered(desk, state, context, judge, proposal, proposal.asked)
    said = latest_texts(state)
    consent = read_consent("\n".join(said), judge.action.id.split("_"))
    if consent is not Consent.YES and await desk.ledger.find(judge.action.id, proposal.proposal_id) is not None:
        # It was begun on a yes, and before the customer could be told they have written more.
        acted = await carry_out(desk, judge, state["customer"], proposal)
        return Went(replace(acted, said_more=True))
    match consent:
        case Consent.YES:
            await note_step(desk, AuditKind.CONFIRMED, state["customer"], judge.action.id)
            return Went(await carry_out(desk, judge, state["customer"], proposal))
        case Consent.NO:
            return Went(Acted(Step.DECLINED, proposal.action, f"{proposal.action}.declined", judge.action.say.declined, {}))
        case Consent.UNCLEAR:
            return Went(await propose(desk, judge, state["customer"], proposal.arguments, state["run_id"]))
        case _:
            return Went()


async def _answered(desk: Desk, state: TurnState, context: TurnContext, judge: Judge, proposal: Proposal, asked: str) -> Went:
    """The customer was asked for an argument, and has written."""
    named = await context.in_thread(_named, state, judge, desk, latest_texts(state), asked)
    went = Went()
    if asked not in named:
        went, told = await _told(desk, state, context, judge, proposal.arguments, None)
        named = {**named, **told}
    if asked not in named and await context.in_thread(_names_several, state, judge, desk, asked):
        return replace(went, acted=await propose(desk, judge, state["customer"], proposal.arguments, state["run_id"]))
    if asked not in named:
        return replace(went, rules=())
    acted = await propose(desk, judge, state["customer"], {**proposal.arguments, **named}, state["run_id"])
    return replace(went, acted=acted)


async def _begin(desk: Desk, state: TurnState, context: TurnContext, before: asking.Opinion | None) -> Went:
    """The action that the message asks for most plainly. Nothing if it asks for none.

    Args:
        desk: what actions are carried out with.
        state: the conversation.
        context: of the turn.
        before: what a model has already been asked in this turn; it isn't asked again.
    """
    requested = context.policies.requested(state["facts"])
    judge = next((one for one in requested if is_able(desk, one.action)), None)
    if judge is None:
        return await _begin_as_picked(desk, state, context) if before is None else Went(opinion=before)
    named = await context.in_thread(_named, state, judge, desk, said_by_customer(state), None)
    went, told = await _told(desk, state, context, judge, named, before)
    return replace(went, acted=await propose(desk, judge, state["customer"], {**named, **told}, state["run_id"]))


async def _begin_as_picked(desk: Desk, state: TurnState, context: TurnContext) -> Went:
    """The action that a model says the message asks for."""
    judges = await asking.near(asking.nameable(desk, state, context), state, context)
    if not judges:
        return Went()
    opinion = await asking.ask(judges, desk, state, context)
    picked = opinion.picked
    judge = next((one for one in judges if picked is not None and one.action.id == picked.action), None)
    if picked is None or judge is None:
        return Went(opinion=opinion)
    named = await context.in_thread(_named, state, judge, desk, said_by_customer(state), None)
    told = await context.in_thread(_quoted, state, context, judge, desk, picked.arguments)
    acted = await propose(desk, judge, state["customer"], {**named, **told}, state["run_id"])
    return Went(acted, opinion, (f"{judge.action.id}.model", *_rules(judge, told)))


async def _told(
    desk: Desk, state: TurnState, context: TurnContext, judge: Judge, named: Mapping[str, Any], before: asking.Opinion | None
) -> tuple[Went, dict[str, Any]]:
    """What a model finds of the arguments that are missing; it is only asked where it could find any."""
    went = Went(opinion=before)
    if before is not None or judge not in asking.nameable(desk, state, context):
        return went, {}
    missing = await context.in_thread(
        open_arguments, judge.action, named, _words(state, desk), confirmed_dates(judge.action, context.policies)
    )
    if not missing:
        return went, {}
    opinion = await asking.ask((judge,), desk, state, context)
    picked = opinion.picked
    if picked is None or picked.action is None:
        return Went(opinion=opinion), {}
    wanted = {name: one for name, one in picked.arguments.items() if name in missing}
    told = await context.in_thread(_quoted, state, context, judge, desk, wanted)
    return Went(None, opinion, _rules(judge, told)), told


def said_by_customer(state: TurnState) -> list[str]:
    """Everything that this customer has written, newest first."""
    customer = state.get("customer", NOBODY)
    mine = [m for m in state["messages"] if m.author is Author.CUSTOMER and m.customer == customer]
    return [message.text for message in reversed(mine)]


def _named(state: TurnState, judge: Judge, desk: Desk, texts: list[str], asked: str | None) -> dict[str, Any]:
    newest_first = texts if asked is None else texts[::-1]
    return read_arguments(judge.action.arguments, newest_first, state["facts"].language, desk.now(), asked)


def _names_several(state: TurnState, judge: Judge, desk: Desk, asked: str) -> bool:
    """Whether the customer has answered with more than one value, so that it is worth to ask once more."""
    argument, language, clock = judge.action.arguments[asked], state["facts"].language, desk.now()
    return any(len(set(values_in(one[:MAX_CHARS], argument, language, clock, was_asked=True))) > 1 for one in latest_texts(state))


def _quoted(state: TurnState, context: TurnContext, judge: Judge, desk: Desk, told: Mapping[str, Quoted]) -> dict[str, Any]:
    return values_of(judge.action, told, _words(state, desk), confirmed_dates(judge.action, context.policies))


def _words(state: TurnState, desk: Desk) -> Words:
    latest = latest_texts(state)[::-1] if state.get("customer", NOBODY) != NOBODY else []
    return Words(tuple(said_by_customer(state)), tuple(latest), state["facts"].language, desk.now())


def _rules(judge: Judge, told: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{judge.action.id}.model.{name}" for name in told)
