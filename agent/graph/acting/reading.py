"""What an action is judged on: read anew from the company's systems and the ledger each time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.errors import ToolRefused
from agent.ports import AuditLog, Effect, Ledger, Taking, ToolCall, Tools
from agent.types import Customer, PolicyTrace, Proposal
from policies.actions import Action, Kind
from policies.expressions import Clock, Unevaluable
from policies.judging import ActionVerdict, Case, Judge, Ruling, Spent


@dataclass(frozen=True, slots=True)
class Desk:
    """What actions are carried out with.

    Attributes:
        now: the clock.
        operations: what each tool does, by name, as the settings say. An action whose tools aren't there is none.
        rehearse: nothing is changed anywhere: writes are left out.
        ask_a_person: every change needs a person's yes.
        audit: where it is written down what is done; None where nothing is done for a customer.
        conversation_id: of the turn, as `run_id`; for the audit log alone.
        policy: that decides.
        texts: a canned text in all of its languages, by its id.
    """

    tools: Tools
    ledger: Ledger
    now: Callable[[], Clock]
    operations: Mapping[str, Effect]
    rehearse: bool = False
    ask_a_person: bool = False
    audit: AuditLog | None = None
    conversation_id: str = ""
    run_id: str = ""
    policy: PolicyTrace | None = None
    texts: Callable[[str], tuple[str, ...]] = lambda _: ()


def is_able(desk: Desk, action: Action) -> bool:
    """Whether all tools of an action are there, and those that give it facts only read."""
    if any(desk.operations.get(name) is not Effect.READ for name in action.reads):
        return False
    return action.tool is None or action.tool in desk.operations


async def fill_in(
    desk: Desk, judge: Judge, customer: Customer, arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], str | None, tuple[str, ...]]:
    """The arguments, the first one that is missing, and what could be said for it."""
    named = dict(arguments)
    for name, argument in judge.action.arguments.items():
        if named.get(name) is not None:
            continue
        choices: list[Any] = []
        if argument.choices is not None:
            found = await desk.tools.call(ToolCall(argument.choices.tool, {}, customer))
            choices = judge.choices(name, found.value, desk.now())
        if len(choices) == 1:
            named[name] = choices[0]
        elif argument.optional:
            named[name] = None
        else:
            return named, name, tuple(str(one) for one in choices[:5])
    return named, None, ()


async def judge_now(desk: Desk, judge: Judge, customer: Customer, proposal: Proposal) -> ActionVerdict:
    """Read all facts anew, and what is spent, and judge. Raises `ToolUnavailable`, `QueueUnavailable`."""
    action, clock = judge.action, desk.now()
    case = Case(customer.identity.value, customer.customer_id, dict(proposal.arguments), clock, customer.email)
    for name, fact in action.facts.items():
        try:
            found = await desk.tools.call(ToolCall(fact.tool, judge.fact_arguments(name, case), customer))
        except (ToolRefused, Unevaluable):
            return ActionVerdict(Ruling.DENY, f"{action.id}.facts.{name}")
        case = replace(case, values={**case.values, name: found.value})
    verdict = judge.judge(case)
    if verdict.ruling is Ruling.DENY or action.kind is Kind.LOOK_UP:
        return verdict
    spent: Spent = await desk.ledger.spent(taking_of(desk, judge, proposal, verdict))
    return judge.judge(replace(case, spent=spent))


def taking_of(desk: Desk, judge: Judge, proposal: Proposal, verdict: ActionVerdict) -> Taking:
    """A call as its limits see it, now."""
    clock = desk.now()
    return Taking(
        key=f"key:{verdict.key}" if verdict.key is not None else f"id:{proposal.proposal_id}",
        action=judge.action.id,
        customer=proposal.customer_id or "",
        amount=verdict.amount,
        limits=judge.action.limits,
        day=clock.now.astimezone(clock.zone).date().isoformat(),
        at_ms=int(clock.now.timestamp() * 1000),
        proposal_id=proposal.proposal_id,
        plan={"values": verdict.values, "call": verdict.call, "amount": verdict.amount, "key": verdict.key},
    )
