"""Facts in, verdict out, for one action. Pure: no disk, no clock, no model, no network.

Default deny: what no rule allows, what can't be told, and what can't be evaluated is denied. A rule that forbids is stronger
than one that asks for a person's approval, and that one is stronger than one that allows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from policies.action_parts import Rule
from policies.actions import Action, Kind
from policies.expressions import Clock, Expression, Unevaluable

_SURENESS = {"anonymous": 0, "claimed": 1, "verified": 2}


class Ruling(StrEnum):
    """What becomes of an action."""

    ALLOW = "allow"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been taken of an action's limits, without the call that is judged. Amounts in cents.

    `customer` and `count` are this customer's in their windows, `day` is all customers' today.
    """

    customer: int = 0
    day: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """What an action is judged on. Who the customer is comes from the channel.

    Attributes:
        values: arguments and facts by name, JSON values.
    """

    identity: str
    customer_id: str | None
    values: Mapping[str, Any]
    clock: Clock
    email: str | None = None
    spent: Spent = Spent()


@dataclass(frozen=True, slots=True)
class ActionVerdict:
    """What the rules say.

    Attributes:
        rule: the one that decided, e.g. `refund_booking.forbid_when.chargeback`; for an action that is allowed its id.
        say: canned text of that rule, if it has one.
        values: those of the case, and all that was computed.
        call: the arguments that the tool is called with.
        amount: in cents; 0 for an action that counts none.
        key: what tells this call from others, if the action says so.
    """

    ruling: Ruling
    rule: str
    say: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    amount: int = 0
    key: str | None = None


class Judge:
    """One action's rules, compiled.

    Raises:
        ExpressionInvalid: an expression can't be used. `Action.problems` tells beforehand.
    """

    def __init__(self, action: Action) -> None:
        self.action = action
        known = list(action.arguments)
        self._fact_arguments: dict[str, dict[str, Expression]] = {}
        for name, fact in action.facts.items():
            self._fact_arguments[name] = {parameter: Expression(text, known) for parameter, text in fact.arguments.items()}
            known.append(name)
        self._compute: dict[str, Expression] = {}
        for name, text in action.compute.items():
            self._compute[name] = Expression(text, known)
            known.append(name)
        self._call = {parameter: Expression(text, known) for parameter, text in action.call.items()}
        self._owner = Expression(action.owner, known) if action.owner is not None else None
        self._key = Expression(action.key, known) if action.key is not None else None
        self._forbid = _compiled(action.forbid_when, known)
        self._allow = _compiled(action.allow_when, known)
        self._approve = _compiled(action.approval.when if action.approval else (), known)
        self._choices = {
            name: Expression(argument.choices.values, ["found"])
            for name, argument in action.arguments.items()
            if argument.choices is not None
        }

    def admits(self, identity: str, customer_id: str | None) -> bool:
        """Whether this is known of the customer that the action needs. Nothing is looked up for who isn't admitted."""
        needed = self.action.requires.identity
        if needed != "anonymous" and self._owner is not None and not customer_id:
            return False
        return _SURENESS.get(identity, 0) >= _SURENESS[needed]

    def choices(self, argument: str, found: Any, clock: Clock) -> list[Any]:
        """The values that an argument may have, from what its tool said. Raises `Unevaluable`."""
        values = self._choices[argument].value({"found": found, "customer": {}}, clock)
        if not isinstance(values, list):
            raise Unevaluable(f"`{self._choices[argument].text}` is no list")
        return values

    def fact_arguments(self, fact: str, case: Case) -> dict[str, Any]:
        """What a fact is asked for with. Raises `Unevaluable`."""
        values = _values(case)
        return {parameter: expression.value(values, case.clock) for parameter, expression in self._fact_arguments[fact].items()}

    def judge(self, case: Case) -> ActionVerdict:
        """What the rules say of a case. Raises nothing: what can't be told is denied."""
        if not self.admits(case.identity, case.customer_id):
            return self._verdict(Ruling.DENY, "requires.identity", self.action.say.identify)
        values = _values(case)
        if self._owner is not None and not self._is_owner(values, case):
            return self._verdict(Ruling.DENY, "owner")
        try:
            for name, expression in self._compute.items():
                values[name] = expression.value(values, case.clock)
            call = {parameter: expression.value(values, case.clock) for parameter, expression in self._call.items()}
            amount, key = self._amount(values), self._own_key(values, case.clock)
        except Unevaluable:
            return self._verdict(Ruling.DENY, "facts")
        rule, ruling = self._decide(values, amount, case)
        say = rule.say if rule is not None else None
        shown = {name: value for name, value in values.items() if name != "customer"}
        return ActionVerdict(ruling, self.action.id + self._place(ruling, rule), say, shown, call, amount, key)

    def _decide(self, values: Mapping[str, Any], amount: int, case: Case) -> tuple["Rule | _Built | None", Ruling]:
        for rule, expression in self._forbid:
            if _holds(expression, values, case.clock, unknown=True):
                return rule, Ruling.DENY
        broken = self._broken_limit(amount, case.spent)
        if broken is not None:
            return _Built(broken), Ruling.DENY
        for rule, expression in self._allow:
            if not _holds(expression, values, case.clock, unknown=False):
                return rule, Ruling.DENY
        if self.action.kind is Kind.CHANGE and not self.action.allow_when:
            return _Built("allow_when"), Ruling.DENY
        for rule, expression in self._approve:
            if _holds(expression, values, case.clock, unknown=True):
                return rule, Ruling.REQUIRE_APPROVAL
        if self._needs_approval(amount):
            return _Built("approval"), Ruling.REQUIRE_APPROVAL
        return None, Ruling.ALLOW

    def _place(self, ruling: Ruling, rule: "Rule | _Built | None") -> str:
        if rule is None:
            return ""
        if isinstance(rule, _Built):
            return f".{rule.id}"
        part = (
            "approval"
            if ruling is Ruling.REQUIRE_APPROVAL
            else "forbid_when"
            if rule in self.action.forbid_when
            else "allow_when"
        )
        return f".{part}.{rule.id}"

    def _verdict(self, ruling: Ruling, place: str, say: str | None = None) -> ActionVerdict:
        return ActionVerdict(ruling, f"{self.action.id}.{place}", say)

    def _is_owner(self, values: Mapping[str, Any], case: Case) -> bool:
        assert self._owner is not None
        try:
            owner = self._owner.value(values, case.clock)
        except Unevaluable:
            return False
        return isinstance(owner, str) and owner == case.customer_id

    def _amount(self, values: Mapping[str, Any]) -> int:
        if self.action.amount is None:
            return 0
        amount = values[self.action.amount]
        if isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0:
            raise Unevaluable(f"`{self.action.amount}` is no amount above zero in whole cents")
        return amount

    def _own_key(self, values: Mapping[str, Any], clock: Clock) -> str | None:
        if self._key is None:
            return None
        key = self._key.value(values, clock)
        if not isinstance(key, str) or not key:
            raise Unevaluable(f"`{self._key.text}` is no text")
        return key

    def _broken_limit(self, amount: int, spent: Spent) -> str | None:
        limits = self.action.limits
        if limits.per_action is not None and amount > limits.per_action and self.action.approval is None:
            return "limits.per_action"
        if limits.per_customer is not None and spent.customer + amount > limits.per_customer.amount:
            return "limits.per_customer"
        if limits.per_day is not None and spent.day + amount > limits.per_day:
            return "limits.per_day"
        if limits.rate is not None and spent.count + 1 > limits.rate.count:
            return "limits.rate"
        return None

    def _needs_approval(self, amount: int) -> bool:
        approval, limit = self.action.approval, self.action.limits.per_action
        if approval is None:
            return False
        return (approval.above is not None and (approval.above == 0 or amount > approval.above)) or (
            limit is not None and amount > limit
        )


@dataclass(frozen=True, slots=True)
class _Built:
    """A rule that every action has."""

    id: str
    say: str | None = None


def _compiled(rules: Iterable[Rule], known: list[str]) -> tuple[tuple[Rule, Expression], ...]:
    return tuple((rule, Expression(rule.that, known)) for rule in rules)


def _values(case: Case) -> dict[str, Any]:
    customer = {"id": case.customer_id, "email": case.email, "identity": case.identity}
    return {**case.values, "customer": customer}


def _holds(expression: Expression, values: Mapping[str, Any], clock: Clock, *, unknown: bool) -> bool:
    try:
        return expression.holds(values, clock)
    except Unevaluable:
        return unknown
