"""One action, step by step: read the facts, judge, ask, call. What decides is `policies.judging`; what is known is the ledger.

A call is made at most once under its key. Where a crash leaves it open whether it has happened, it is repeated if the system
drops repeats, and else a person is told.
"""

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from agent.errors import ToolRefused, ToolUnavailable, ToolUncertain
from agent.graph.acting.acted import Acted, Step
from agent.graph.acting.filling import told_by
from agent.graph.acting.noting import note_call
from agent.graph.acting.reading import Desk, fill_in, judge_now, taking_of
from agent.ports import AuditKind, LedgerStage, Taking, ToolCall
from agent.types import Customer, Proposal
from policies.actions import Kind
from policies.expressions import Clock, Unevaluable
from policies.judging import ActionVerdict, Judge, Ruling

log = structlog.get_logger()

EXPIRES = dt.timedelta(hours=72)
"""A yes that comes later confirms nothing: a mail may take days, and much may have changed."""


async def propose(desk: Desk, judge: Judge, customer: Customer, arguments: Mapping[str, Any], run_id: str) -> Acted:
    """Take an action as far as it goes without the customer's yes.

    Args:
        desk: what it is carried out with.
        judge: the action.
        customer: as the channel knows.
        arguments: what the customer has named.
        run_id: of the turn.

    Raises:
        ToolUnavailable: a system can't be asked now.
        QueueUnavailable: the ledger can't.
    """
    action = judge.action
    if not judge.admits(customer.identity.value, customer.customer_id):
        return Acted(Step.IDENTIFY, action.id, f"{action.id}.requires.identity", action.say.identify or action.say.denied, {})
    proposal = _proposal(judge, customer, arguments, run_id, desk.now())
    try:
        named, missing, choices = await fill_in(desk, judge, customer, arguments)
    except (ToolRefused, Unevaluable):
        return _denied(judge, "facts")
    if missing is not None:
        asked = replace(proposal, arguments=named, asked=missing)
        say = action.arguments[missing].ask or action.say.denied
        return Acted(Step.ASK, action.id, f"{action.id}.arguments.{missing}", say, named, asked, choices)
    proposal = replace(proposal, arguments=named)
    verdict = await judge_now(desk, judge, customer, proposal)
    if verdict.ruling is Ruling.DENY:
        return _refusal(judge, verdict)
    if action.kind is Kind.LOOK_UP:
        return await _look_up(desk, judge, customer, verdict)
    ready = replace(proposal, call=verdict.call, amount=verdict.amount, told=_told(desk, judge, verdict))
    if action.requires.confirm == "explicit":
        return _asked(judge, verdict, ready)
    return await _go_on(desk, judge, customer, verdict, ready, approved=False)


async def carry_out(desk: Desk, judge: Judge, customer: Customer, proposal: Proposal, *, approved: bool = False) -> Acted:
    """What the customer has said yes to, and where `approved` a person, too. May be repeated after any crash.

    The facts are read and all rules are judged again: what the customer was told is done, or nothing is.

    Raises:
        ToolUnavailable: a system can't be asked now; nothing has happened.
        QueueUnavailable: the ledger can't.
    """
    action = judge.action
    if customer.customer_id != proposal.customer_id or not judge.admits(customer.identity.value, customer.customer_id):
        return Acted(Step.IDENTIFY, action.id, f"{action.id}.requires.identity", action.say.identify or action.say.denied, {})
    begun = await desk.ledger.find(action.id, proposal.proposal_id)
    if begun is not None:
        # The facts may have changed by what it did, so the rules are not asked again: it is the call that was begun.
        planned = _planned(action.id, begun.plan)
        if begun.stage is LedgerStage.DONE:  # a crash may have come before it was noted
            await note_call(desk, AuditKind.DONE, customer, planned, taking_of(desk, judge, proposal, planned))
        return await _call(desk, judge, customer, planned, proposal, is_begun=True)
    verdict = await judge_now(desk, judge, customer, proposal)
    if verdict.ruling is Ruling.DENY:
        return _refusal(judge, verdict)
    told = _told(desk, judge, verdict)
    is_known = proposal.told is None or _same(told) == _same(proposal.told)
    if _same(verdict.call) != _same(proposal.call) or verdict.amount != proposal.amount or not is_known:
        return _asked(judge, verdict, replace(_anew(proposal, verdict), told=told))
    return await _go_on(desk, judge, customer, verdict, proposal, approved=approved)


async def _go_on(
    desk: Desk, judge: Judge, customer: Customer, verdict: ActionVerdict, proposal: Proposal, *, approved: bool
) -> Acted:
    action = judge.action
    needs_person = verdict.ruling is Ruling.REQUIRE_APPROVAL or desk.ask_a_person
    if needs_person and not approved:
        rule = verdict.rule if verdict.ruling is Ruling.REQUIRE_APPROVAL else f"{action.id}.mode"
        return Acted(Step.PENDING, action.id, rule, action.say.pending or action.say.done, verdict.values, proposal)
    if desk.rehearse:
        return Acted(Step.DONE, action.id, verdict.rule, action.say.done, verdict.values)
    return await _call(desk, judge, customer, verdict, proposal)


async def _call(
    desk: Desk, judge: Judge, customer: Customer, verdict: ActionVerdict, proposal: Proposal, *, is_begun: bool = False
) -> Acted:
    """Begin, call, write down. `is_begun`: it was begun for this very proposal."""
    action = judge.action
    assert action.tool is not None
    specs = await desk.tools.specs(action.tool)  # first: what is taken and then not called looks like one that may have happened
    taking = taking_of(desk, judge, proposal, verdict)
    taken = await desk.ledger.take(taking)
    if taken.full is not None:
        return _denied(judge, f"limits.{taken.full}")
    if taken.known is not None and _same(taken.known.plan["call"]) != _same(verdict.call):
        return _denied(judge, "key")
    if taken.known is not None and taken.known.stage is LedgerStage.DONE:
        if not is_begun and await _is_undone(desk, judge, customer, verdict, proposal):
            return replace(await _nobody_knows(desk, judge, customer, verdict, taking), proposal=proposal)
        return Acted(Step.DONE, action.id, verdict.rule, action.say.done, verdict.values, proposal)
    repeats = action.tool in specs and specs[action.tool].repeats_safely
    if taken.known is not None and (taken.known.stage is LedgerStage.UNCERTAIN or not repeats):
        return replace(await _nobody_knows(desk, judge, customer, verdict, taking), proposal=proposal)
    return replace(await _make(desk, judge, customer, verdict, taking, repeats=repeats), proposal=proposal)


async def _is_undone(desk: Desk, judge: Judge, customer: Customer, verdict: ActionVerdict, proposal: Proposal) -> bool:
    """Whether the same call was made for another question, and the systems say that it could be made now.

    It may have been taken back there since; to tell the customer that it is done would be wrong, and to do it again may be.
    """
    again = await judge_now(desk, judge, customer, proposal)
    return again.ruling is not Ruling.DENY and again.key == verdict.key


async def _make(desk: Desk, judge: Judge, customer: Customer, verdict: ActionVerdict, taking: Taking, *, repeats: bool) -> Acted:
    action = judge.action
    assert action.tool is not None
    await note_call(desk, AuditKind.ABOUT_TO, customer, verdict, taking)
    try:
        await desk.tools.call(ToolCall(action.tool, verdict.call, customer, key=_wire_key(action.id, taking.key)))
    except ToolRefused:
        log.info("action_refused_there", action=action.id)
        await desk.ledger.give_back(taking)
        await note_call(desk, AuditKind.FAILED, customer, verdict, taking)
        return _denied(judge, "tool")
    except ToolUnavailable:
        await asyncio.shield(desk.ledger.give_back(taking))
        raise
    except ToolUncertain as error:
        log.warning("action_uncertain", action=action.id)
        if repeats:
            # It stays begun: the turn is tried again, and makes the very same call.
            raise ToolUnavailable(f"{error}; it is asked again under the same key") from error
        return await _nobody_knows(desk, judge, customer, verdict, taking)
    await desk.ledger.settle(taking, LedgerStage.DONE)
    await note_call(desk, AuditKind.DONE, customer, verdict, taking)
    log.info("action_done", action=action.id)
    return Acted(Step.DONE, action.id, verdict.rule, action.say.done, verdict.values)


async def _nobody_knows(desk: Desk, judge: Judge, customer: Customer, verdict: ActionVerdict, taking: Taking) -> Acted:
    await desk.ledger.settle(taking, LedgerStage.UNCERTAIN)
    await note_call(desk, AuditKind.UNCERTAIN, customer, verdict, taking)
    rule = f"{judge.action.id}.uncertain"
    return Acted(Step.UNCERTAIN, judge.action.id, rule, judge.action.say.uncertain, verdict.values)


async def _look_up(desk: Desk, judge: Judge, customer: Customer, verdict: ActionVerdict) -> Acted:
    action = judge.action
    if action.tool is not None:
        try:
            await desk.tools.call(ToolCall(action.tool, verdict.call, customer))
        except ToolRefused:
            return _denied(judge, "tool")
    return Acted(Step.DONE, action.id, verdict.rule, action.say.done, verdict.values)


def _planned(action: str, plan: Mapping[str, Any]) -> ActionVerdict:
    return ActionVerdict(Ruling.ALLOW, action, None, plan["values"], plan["call"], plan["amount"], plan["key"])


def _proposal(judge: Judge, customer: Customer, arguments: Mapping[str, Any], run_id: str, clock: Clock) -> Proposal:
    expires = (clock.now + EXPIRES).astimezone(dt.UTC).isoformat(timespec="seconds")
    identity = hashlib.sha256(f"{run_id}:{judge.action.id}".encode()).hexdigest()[:32]
    return Proposal(identity, judge.action.id, dict(arguments), customer.customer_id, expires)


def _anew(proposal: Proposal, verdict: ActionVerdict) -> Proposal:
    """The same with what it has come to meanwhile. It is another question, so another call."""
    identity = hashlib.sha256(f"{proposal.proposal_id}:{_same(verdict.call)}".encode()).hexdigest()[:32]
    return replace(proposal, proposal_id=identity, call=verdict.call, amount=verdict.amount)


def _told(desk: Desk, judge: Judge, verdict: ActionVerdict) -> dict[str, Any]:
    """What the question tells the customer: the price may change while the call stays the same."""
    confirm = judge.action.say.confirm
    return {} if confirm is None else told_by(desk.texts(confirm), verdict.values)


def _asked(judge: Judge, verdict: ActionVerdict, proposal: Proposal) -> Acted:
    say = judge.action.say
    return Acted(Step.CONFIRM, judge.action.id, verdict.rule, say.confirm or say.denied, verdict.values, proposal)


def _refusal(judge: Judge, verdict: ActionVerdict) -> Acted:
    return Acted(Step.DENIED, judge.action.id, verdict.rule, verdict.say or judge.action.say.denied, verdict.values)


def _denied(judge: Judge, place: str) -> Acted:
    return Acted(Step.DENIED, judge.action.id, f"{judge.action.id}.{place}", judge.action.say.denied, {})


def _same(call: Mapping[str, Any]) -> str:
    """Equal for calls that are."""
    return json.dumps(call, sort_keys=True)


def _wire_key(action: str, key: str) -> str:
    """The key as the other system sees it: it tells nothing, and any header takes it."""
    return hashlib.sha256(f"{action}:{key}".encode()).hexdigest()
