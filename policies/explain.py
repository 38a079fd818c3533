"""Why a pack decides what it decides: which rules a message came near, and what an action is judged on. Pure.

What is decided is asked of the engine, never worked out here a second time.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from policies.action_parts import Rule
from policies.actions import Action
from policies.condition import Condition
from policies.engine import PolicyEngine
from policies.expressions import Expression, ExpressionInvalid, Unevaluable
from policies.judging import ActionVerdict, Case
from policies.patterns import normalise, windows
from policies.schema import Pack
from policies.searching import search
from policies.testing import shown_amount
from policies.triggers import Trigger
from policies.types import Action as Ruled
from policies.types import Facts, Guideline, TopicVerdict, Verdict
from policies.wishes import may_be_named, near_actions

TOO_SLOW = "takes too long on this message, so it counts as found"
NEAR = 0.12
"""A rule whose examples a message misses by less than this came near: who writes rules wants to see it."""

Nearest = Callable[[Sequence[str]], tuple[str, float]]
"""The one of some texts that is nearest to the message, and how near (cosine similarity, -1 to 1)."""


@dataclass(frozen=True, slots=True)
class Count:
    """What a trigger waits for: `messages`, `unanswered`, `repeated` or `tool_failures`."""

    what: str
    so_far: int
    needed: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How one rule read a message.

    Attributes:
        kind: `trigger`, `topic`, `guideline` or `action`.
        fired: whether its condition holds.
        words: what its pattern found in the message; `TOO_SLOW` if that could not be told in time.
        similarity: to the nearest example; None for a rule without examples.
        but_not: the look-alike that was nearer, if one stood in the way.
        other_language: its examples are compared with messages in other languages only.
        counts: what a trigger counts, as far as there is anything to count.
    """

    kind: str
    id: str
    fired: bool
    words: str | None = None
    similarity: float | None = None
    threshold: float | None = None
    example: str | None = None
    but_not: str | None = None
    other_language: bool = False
    counts: tuple[Count, ...] = ()

    @property
    def came_near(self) -> bool:
        """Whether who writes rules wants to see it though it has not fired."""
        is_like = self.similarity is not None and self.threshold is not None and self.similarity >= self.threshold - NEAR
        return is_like or bool(self.counts)


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """One rule of an action. `holds` is None for what can't be told; `why` says why not."""

    id: str
    that: str
    holds: bool | None
    why: str = ""
    say: str | None = None


@dataclass(frozen=True, slots=True)
class ActionReading:
    """What an action that a message asks for is judged on.

    Attributes:
        admitted: whether this is known of the customer that it needs.
        named: arguments that the message names, and their values.
        missing: arguments and facts that weren't given here.
        limits: in words.
        verdict: None if no facts were given.
    """

    action: Action
    admitted: bool
    missing: tuple[str, ...]
    checks: tuple[RuleCheck, ...]
    limits: tuple[str, ...]
    verdict: ActionVerdict | None
    named: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """An action that a model would be shown. `similarity`: of the message to the nearest of its wishes."""

    id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that the policies say of a message before anything is looked up.

    Attributes:
        shown: where no rule of an action fired, those of which a model that picks actions would be asked whether the message asks
            for one, nearest first. Their tools must be there, too.
    """

    facts: Facts
    identity: str
    sees: tuple[str, ...]
    verdict: Verdict
    text: str | None
    topic: TopicVerdict
    readings: tuple[Reading, ...]
    guidelines: tuple[Guideline, ...]
    action: ActionReading | None
    shown: tuple[Shown, ...] = ()


def explain(
    pack: Pack, engine: PolicyEngine, facts: Facts, nearest: Nearest, case: Case, named: Mapping[str, Any] | None = None
) -> Explanation:
    """Why the pack decides as it does.

    Args:
        pack: what the engine was made of.
        engine: decides.
        facts: of the message.
        nearest: compares the message with texts.
        case: who the customer is, and the arguments and facts that are known; no values for none.
        named: what the message names of the arguments of the action that it asks for.
    """
    verdict = engine.ruling(facts)
    requested = engine.requested(facts)
    applying = engine.guidelines(facts)
    readings = (reading for reading in _readings(pack, engine, facts, nearest) if reading.fired or reading.came_near)
    return Explanation(
        facts=facts,
        identity=case.identity,
        sees=tuple(sorted(audience.value for audience in engine.clearance(case.identity))),
        verdict=verdict,
        text=engine.text(verdict.say, facts.language) if verdict.say else None,
        topic=engine.topic(facts),
        readings=tuple(readings),
        guidelines=applying,
        action=read_action(engine, requested[0].action.id, case, named or {}) if requested else None,
        shown=() if requested or not verdict.action.goes_on else shown_actions(engine, facts.text, nearest, case),
    )


def shown_actions(engine: PolicyEngine, text: str, nearest: Nearest, case: Case) -> tuple[Shown, ...]:
    """The actions that a model would be asked about, nearest first; none for a message that is like no wish."""
    wishes = engine.wishes()
    named = [judge for judge in engine.actions.values() if may_be_named(judge, case.identity, case.customer_id)]
    near = {judge.action.id: nearest(wishes[judge.action.id])[1] for judge in named}
    return tuple(Shown(judge.action.id, near[judge.action.id]) for judge in near_actions(named, text, near))


def read_action(engine: PolicyEngine, action_id: str, case: Case, named: Mapping[str, Any]) -> ActionReading:
    """What an action is judged on, rule by rule; and the verdict, if any argument or fact is given."""
    judge = engine.actions[action_id]
    action, is_given = judge.action, bool(case.values)
    case = replace(case, values={**named, **case.values})
    wanted = (*(name for name, one in action.arguments.items() if not one.optional), *action.facts)
    return ActionReading(
        action=action,
        admitted=judge.admits(case.identity, case.customer_id),
        missing=tuple(name for name in wanted if name not in case.values),
        checks=tuple(check_rules(action, case)),
        limits=tuple(_limits(action)),
        verdict=judge.judge(case) if is_given else None,
        named=named,
    )


def check_rules(action: Action, case: Case) -> Iterator[RuleCheck]:
    """Every rule of an action by itself: whether it holds for the case, can't be told, and why not."""
    customer = {"id": case.customer_id, "email": case.email, "identity": case.identity}
    values: dict[str, Any] = {**case.values, "customer": customer}
    for name, text in action.compute.items():
        try:
            values[name] = Expression(text, [*action.names]).value(values, case.clock)
        except (Unevaluable, ExpressionInvalid):
            continue  # the rules that use it can't be told, and say so
    if action.owner is not None:
        yield _check(RuleCheck("owner", f"({action.owner}) == customer.id", None), action, values, case)
    for part, rules in _parts(action):
        for rule in rules:
            yield _check(RuleCheck(f"{part}.{rule.id}", rule.that, None, say=rule.say), action, values, case)


def _parts(action: Action) -> Iterable[tuple[str, Sequence[Rule]]]:
    approval = action.approval.when if action.approval else ()
    return (("forbid_when", action.forbid_when), ("allow_when", action.allow_when), ("approval", approval))


def _check(rule: RuleCheck, action: Action, values: Mapping[str, Any], case: Case) -> RuleCheck:
    try:
        holds = Expression(rule.that, action.names).holds(values, case.clock)
    except Unevaluable as error:
        return RuleCheck(rule.id, rule.that, None, str(error), rule.say)
    return RuleCheck(rule.id, rule.that, holds, "", rule.say)


def _limits(action: Action) -> Iterator[str]:
    limits, approval, currency = action.limits, action.approval, action.currency or ""
    if limits.per_action is not None and approval is None:
        yield f"at most {shown_amount(limits.per_action)} {currency} at a time"
    if limits.per_customer is not None:
        most = shown_amount(limits.per_customer.amount)
        yield f"at most {most} {currency} for a customer in {limits.per_customer.window}"
    if limits.per_day is not None:
        yield f"at most {shown_amount(limits.per_day)} {currency} for all customers in a day"
    if limits.rate is not None:
        yield f"at most {limits.rate.count} times for a customer in {limits.rate.window}"
    if approval is not None:
        amounts = [one for one in (approval.above, limits.per_action) if one is not None]
        least: int = min(amounts, default=0)
        over = f"above {shown_amount(least)} {currency} " if least else ""
        yield f"{over if amounts else 'where a rule says so, '}a person approves first (within {approval.timeout})"


def _readings(pack: Pack, engine: PolicyEngine, facts: Facts, nearest: Nearest) -> Iterator[Reading]:
    pieces = tuple(windows(normalise(facts.text)))
    for trigger in pack.escalation.triggers:
        yield _counted(trigger, _read("trigger", trigger.id, trigger.any, pieces, facts, nearest), engine, facts)
    rules: list[tuple[str, str, Sequence[Condition]]] = [("topic", one.id, one.any) for one in pack.topics.topics]
    rules += [("guideline", one.id, one.conditions) for one in pack.guidelines]
    rules += [("action", one.id, one.when) for one in pack.actions]
    for kind, rule_id, conditions in rules:
        yield _read(kind, rule_id, conditions, pieces, facts, nearest)


def _counted(trigger: Trigger, reading: Reading, engine: PolicyEngine, facts: Facts) -> Reading:
    """The reading with what the trigger counts. What can't but be there, one message that is told once, is nothing to tell."""
    told = [Count(*one) for condition in trigger.any for one in condition.numbers(facts)]
    counts = [one for one in told if one.so_far > (one.what == "repeated")]
    if trigger.after is not None and trigger in engine.waiting(facts):
        counts.append(Count("messages", facts.held.get(trigger.id, 0) + 1, trigger.after))
    enough = [one for one in counts if one.so_far >= one.needed]
    is_said = trigger.action is Ruled.OFFER and trigger.id in facts.used
    fired = bool(enough) if trigger.after is not None else reading.fired or bool(enough)
    return replace(reading, fired=fired and not is_said, counts=tuple(counts))


def _words(patterns: Sequence[str], pieces: Sequence[str]) -> str | None:
    """What is found first."""
    try:
        found = next((match for one in patterns for piece in pieces if (match := search(one, piece))), None)
    except TimeoutError:
        return TOO_SLOW
    return " ".join(found[0].split()) if found else None


def _read(
    kind: str, rule_id: str, conditions: Sequence[Condition], pieces: Sequence[str], facts: Facts, nearest: Nearest
) -> Reading:
    patterns = [condition.pattern for condition in conditions if condition.pattern is not None]
    words = _words(patterns, pieces)
    by_example = next((condition for condition in conditions if condition.examples), None)
    near = facts.similarity.get(rule_id)
    if by_example is None or by_example.threshold is None or near is None:
        return Reading(kind, rule_id, words is not None, words)
    others = bool(by_example.languages) and re.split(r"[-_]", facts.language.casefold())[0] not in by_example.languages
    example = nearest(by_example.examples)[0] if near >= by_example.threshold - NEAR else None
    look_alike = None
    if near >= by_example.threshold and by_example.but_not:
        text, similarity = nearest(by_example.but_not)
        look_alike = text if similarity > near else None
    fired = near >= by_example.threshold and not others and look_alike is None
    return Reading(
        kind=kind,
        id=rule_id,
        fired=fired or words is not None,
        words=words,
        similarity=near,
        threshold=by_example.threshold,
        example=example,
        but_not=look_alike,
        other_language=others,
    )
