"""What the audit log learns of an action: when it is asked for, agreed to, begun and ended; each once.

Every function raises `QueueUnavailable`: the entry is not written, and the turn is tried again.
"""

from dataclasses import replace

from agent.graph.acting.acted import Acted, Step
from agent.graph.acting.reading import Desk
from agent.ports import AuditEvent, AuditKind, Taking
from agent.types import Customer, Ruled
from policies.actions import Kind
from policies.judging import ActionVerdict, Judge

_STEPS = {
    Step.ASK: AuditKind.ASKED,
    Step.CONFIRM: AuditKind.ASKED,
    Step.IDENTIFY: AuditKind.DENIED,
    Step.DENIED: AuditKind.DENIED,
    Step.DECLINED: AuditKind.DECLINED,
    Step.PENDING: AuditKind.APPROVAL_ASKED,
}
_RULINGS = {
    Ruled.APPROVED: AuditKind.APPROVED,
    Ruled.DECLINED: AuditKind.REFUSED,
    Ruled.TIMED_OUT: AuditKind.TIMED_OUT,
}


async def note_call(desk: Desk, kind: AuditKind, customer: Customer, verdict: ActionVerdict, taking: Taking) -> None:
    """A call that writes: an entry that can't be written before it keeps it from being made."""
    event = AuditEvent(
        kind,
        f"{taking.proposal_id}:{taking.key}:{kind.value}",
        action=taking.action,
        decision=verdict.ruling.value,
        rules=(verdict.rule,),
        facts={"values": verdict.values, "call": verdict.call, "amount": verdict.amount},
    )
    await _write(desk, customer, event)


async def note_step(desk: Desk, kind: AuditKind, customer: Customer, action: str, rule: str = "") -> None:
    """What was said about an action in this turn."""
    event = AuditEvent(kind, f"{desk.run_id}:{action}:{kind.value}", action=action, rules=(rule,) if rule else ())
    await _write(desk, customer, event)


async def note_acted(desk: Desk, judge: Judge | None, customer: Customer, acted: Acted) -> None:
    """How far an action went in this turn. Of a call that writes the log has learned already."""
    is_seen = acted.step is Step.DONE and judge is not None and judge.action.kind is Kind.LOOK_UP
    kind = AuditKind.DONE if is_seen else _STEPS.get(acted.step)
    if kind is not None:
        await note_step(desk, kind, customer, acted.action, acted.rule)


async def note_ruling(desk: Desk, customer: Customer, action: str, ruled: Ruled, by: str) -> None:
    """What was decided about an action that waits for a person. `by`: see `DraftRuling`."""
    who = "" if ruled is Ruled.TIMED_OUT else f"a person at {desk.conversation_id.partition(':')[0]}{by and f' ({by})'}"
    await _write(desk, customer, AuditEvent(_RULINGS[ruled], f"{desk.run_id}:{action}:ruling", action=action, who=who))


async def _write(desk: Desk, customer: Customer, event: AuditEvent) -> None:
    if desk.audit is None or desk.rehearse:
        return
    named = replace(
        event,
        customer=customer.customer_id or (customer.email or "").strip().casefold(),
        conversation_id=desk.conversation_id,
        turn=desk.run_id,
        policy=desk.policy,
    )
    await desk.audit.record(named)
