"""The shape of `actions/*.yaml`: what the agent may do in the company's systems. One action a file. Pure.

Everything here is decided by code, over what the company's own systems say: no text of a customer or a model is ever an
argument of a rule but those that `arguments` lists, each held to its pattern.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from policies.amounts import Cents, Span
from policies.condition import Condition, Identifier, Line, Strict, one_examples
from policies.expressions import RESERVED, Expression, ExpressionInvalid
from policies.patterns import check_pattern

ToolName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[A-Za-z][A-Za-z0-9_.-]*$", max_length=128)]
"""`system.operation`, as the systems are named in the settings."""
Cel = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Placed = tuple[tuple[int | str, ...], str]
"""A problem, and where in the file it is."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PATH = re.compile(r"([a-z][a-z0-9_]*)((?:\.[A-Za-z][A-Za-z0-9_]*)*)(?::(money|date))?")


class Kind(StrEnum):
    """Whether an action tells something, or changes something."""

    LOOK_UP = "look_up"
    CHANGE = "change"


class Choices(Strict):
    """Where an argument's possible values are: `values` is an expression over `found`, what the tool says; a list."""

    tool: ToolName
    values: Cel


class Argument(Strict):
    """What the customer must name, unless the facts leave one choice.

    Attributes:
        type: `text` is found by its pattern, `date` in words or figures and is kept as `2026-11-20`, `amount` is kept in cents.
        pattern: of a text: what in a message can be one, e.g. `MS-[0-9]{6}`. Letters may be of either case.
        only: the values that are possible, if there are few; found as words.
        choices: where the customer's own ones are; a single one needs no naming.
        ask: the canned text that asks for it.
        optional: the action goes on without it; rules see `null`.
    """

    type: Literal["text", "date", "amount"] = "text"
    pattern: str | None = None
    only: tuple[Line, ...] = ()
    choices: Choices | None = None
    ask: Identifier | None = None
    optional: bool = False

    @field_validator("pattern")
    @classmethod
    def _usable(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            check_pattern(pattern.casefold())
        return pattern

    @model_validator(mode="after")
    def _can_be_found(self) -> "Argument":
        if self.type == "text" and (self.pattern is None) == (not self.only):
            raise ValueError("a text has either `pattern` or `only`, so that it can be told in a message; give one of them")
        if self.type != "text" and (self.pattern is not None or self.only):
            raise ValueError("`pattern` and `only` belong to `type: text`; remove them")
        if self.ask is None and not self.optional:
            raise ValueError("`ask` is missing: name the canned text that asks for it, or write `optional: true`")
        return self


class Fact(Strict):
    """What a tool that only reads says. `arguments` are expressions over the action's arguments and the facts before."""

    tool: ToolName
    arguments: dict[str, Cel] = Field(default_factory=dict)


class Rule(Strict):
    """A condition with a name, so that a decision can tell which one decided.

    Attributes:
        that: the expression.
        say: canned text for the customer where this rule is what stands in the way.
    """

    id: Identifier
    that: Cel
    say: Identifier | None = None


class Requires(Strict):
    """What must be so before anything else is looked at."""

    identity: Literal["anonymous", "claimed", "verified"] = "verified"
    confirm: Literal["none", "explicit"] = "explicit"


class Window(Strict):
    """At most so much of each customer in a span that ends now."""

    amount: Cents
    window: Span


class Rate(Strict):
    """At most so often for each customer in a span that ends now."""

    count: int = Field(ge=1, le=10_000)
    window: Span


class Limits(Strict):
    """Kept in Redis, all of an action in one step. What a failed call has taken is given back.

    Attributes:
        per_action: most that the agent does by itself; above it a person may still approve, if `approval` says so.
        per_day: most for all customers in a day of the company's calendar.
    """

    per_action: Cents | None = None
    per_customer: Window | None = None
    per_day: Cents | None = None
    rate: Rate | None = None


class Approval(Strict):
    """When a person must say yes first.

    Attributes:
        above: amount from which it is needed; 0 for always.
        when: rules of which any one makes it needed.
        queue: where the person is.
        timeout: after so long without a word `on_timeout` happens.
    """

    above: Cents | None = None
    when: tuple[Rule, ...] = ()
    queue: Identifier | None = None
    timeout: Span = "4h"
    on_timeout: Literal["handoff", "deny"] = "handoff"

    @model_validator(mode="after")
    def _says_when(self) -> "Approval":
        if self.above is None and not self.when:
            raise ValueError("this says never; give `above` (0 for always), `when`, or both")
        return self


class Say(Strict):
    """Canned texts for each end. `{company}`, arguments, facts and computed values may stand in them: `{booking.check_in:date}`.

    Attributes:
        confirm: names what will happen and asks for a yes.
        done: it has happened, or what was looked up.
        denied: a rule without a text of its own stands in the way.
        declined: the customer has said no; `clarify` if not given.
        pending: a person has been asked.
        uncertain: nobody knows whether it has happened; a person looks.
        identify: who this is isn't known well enough.
    """

    done: Identifier
    denied: Identifier
    confirm: Identifier | None = None
    declined: Identifier = "clarify"
    pending: Identifier | None = None
    uncertain: Identifier = "technical"
    identify: Identifier | None = None


class Action(Strict):
    """One thing that the agent may do.

    Attributes:
        about: for people and for the model that picks among actions.
        tool: what is called in the end; a look-up may do with its facts alone.
        when: messages that ask for it, as in `escalation.yaml`.
        facts: read anew before every judgement, in this order, by name.
        compute: values made of arguments and facts, in this order; the call is made with these, not with what somebody wrote.
        call: the tool's arguments as expressions.
        owner: expression that gives whose thing it is; must be the customer's id. A change needs it.
        amount: name of the computed value, in cents, that limits and approvals count.
        key: expression that is the same for two calls of which only one may happen, e.g. a booking and how often it was paid
            back; text. One that pays needs it. Without it a call is told from others by the question that the customer confirmed.
        allow_when: all must hold.
        forbid_when: none may hold; stronger than everything else.
    """

    id: Identifier
    about: Line
    kind: Kind = Kind.CHANGE
    tool: ToolName | None = None
    risk: Literal["low", "medium", "high"] = "high"
    when: tuple[Condition, ...] = Field(min_length=1)
    arguments: dict[Identifier, Argument] = Field(default_factory=dict)
    facts: dict[Identifier, Fact] = Field(default_factory=dict)
    compute: dict[Identifier, Cel] = Field(default_factory=dict)
    call: dict[str, Cel] = Field(default_factory=dict)
    owner: Cel | None = None
    amount: Identifier | None = None
    key: Cel | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    requires: Requires = Requires()
    allow_when: tuple[Rule, ...] = ()
    forbid_when: tuple[Rule, ...] = ()
    limits: Limits = Limits()
    approval: Approval | None = None
    say: Say

    _examples_once = field_validator("when")(one_examples)

    @property
    def names(self) -> tuple[str, ...]:
        """What its rules may use, in the order in which it comes to be."""
        return (*self.arguments, *self.facts, *self.compute)

    @property
    def rules(self) -> tuple[str, ...]:
        """What a decision on it can name as the rule that decided."""
        limits = (f"limits.{field}" for field in Limits.model_fields)
        named = (".".join((*(str(part) for part in place[:-1]), rule.id)) for place, rule in self._rules())
        whole = ("requires.identity", "owner", "facts", "allow_when", *limits, "approval")
        approved = (one.replace("approval.when.", "approval.", 1) for one in named)
        return (self.id, *(f"{self.id}.{one}" for one in (*whole, *approved)))

    @property
    def reads(self) -> frozenset[str]:
        """Tools that only read, which its facts and choices come from."""
        choices = (argument.choices.tool for argument in self.arguments.values() if argument.choices is not None)
        looked_up = (self.tool,) if self.kind is Kind.LOOK_UP and self.tool is not None else ()
        return frozenset((*(fact.tool for fact in self.facts.values()), *choices, *looked_up))

    @property
    def texts(self) -> Mapping[tuple[int | str, ...], str]:
        """Ids of the canned texts that it needs, by where in the file they are named."""
        found: dict[tuple[int | str, ...], str] = {}
        for name, argument in self.arguments.items():
            if argument.ask:
                found["arguments", name, "ask"] = argument.ask
        for place, rule in self._rules():
            if rule.say:
                found[*place, "say"] = rule.say
        for field in type(self.say).model_fields:
            if (text := getattr(self.say, field)) is not None:
                found["say", field] = text
        return found

    def problems(self) -> Iterator[Placed]:
        """What is wrong between its parts. Every expression is compiled here."""
        yield from self._name_problems()
        yield from self._need_problems()
        for name, argument in self.arguments.items():
            if argument.choices is not None:
                yield from _expression_problem(("arguments", name, "choices", "values"), argument.choices.values, ["found"])
        known: list[str] = list(self.arguments)
        for name, fact in self.facts.items():
            for parameter, text in fact.arguments.items():
                yield from _expression_problem(("facts", name, "arguments", parameter), text, known)
            known.append(name)
        for name, text in self.compute.items():
            yield from _expression_problem(("compute", name), text, known)
            known.append(name)
        for parameter, text in self.call.items():
            yield from _expression_problem(("call", parameter), text, known)
        if self.owner is not None:
            yield from _expression_problem(("owner",), self.owner, known)
        if self.key is not None:
            yield from _expression_problem(("key",), self.key, known)
        for place, rule in self._rules():
            yield from _expression_problem((*place, "that"), rule.that, known, condition=True)

    def _rules(self) -> Iterator[tuple[tuple[int | str, ...], Rule]]:
        for place, rules in (
            (("allow_when",), self.allow_when),
            (("forbid_when",), self.forbid_when),
            (("approval", "when"), self.approval.when if self.approval else ()),
        ):
            for index, rule in enumerate(rules):
                yield (*place, index), rule

    def _name_problems(self) -> Iterator[Placed]:
        seen: dict[str, str] = dict.fromkeys(RESERVED, "a word of the rule language")
        for part in ("arguments", "facts", "compute"):
            for name in getattr(self, part):
                if name in seen:
                    yield (part, name), f"`{name}` is {seen[name]}; take another name"
                seen.setdefault(name, f"already used in `{part}`")
        ids: set[str] = set()
        for place, rule in self._rules():
            if rule.id in ids:
                yield (*place, "id"), f"`{rule.id}` is already used in this action; rename one"
            ids.add(rule.id)

    def _need_problems(self) -> Iterator[Placed]:
        changes = self.kind is Kind.CHANGE
        if changes and self.tool is None:
            yield ("id",), "a change needs `tool`; name it, or write `kind: look_up`"
        if self.tool is None and self.call:
            yield ("call",), "there is no `tool` to call; name one"
        if not changes and self.tool is None and not self.facts:
            yield ("id",), "a look-up needs `facts` or a `tool`; give one"
        if self.owner is None and (changes or self.facts) and self.requires.identity != "anonymous":
            yield ("id",), "`owner` is missing: say whose thing it is, e.g. `owner: booking.customer_id`"
        if self.owner is None and changes and self.requires.identity == "anonymous":
            yield ("requires", "identity"), "a change needs a known customer and `owner`; write `verified` or `claimed`"
        if changes and self.requires.confirm == "explicit" and self.say.confirm is None:
            yield ("say",), "`confirm` is missing; name the text that says what will happen and asks for a yes"
        if self.approval is not None and self.say.pending is None:
            yield ("say",), "`pending` is missing; name the text for a customer who waits for a person's yes"
        if self.requires.identity != "anonymous" and self.say.identify is None:
            yield ("say",), "`identify` is missing; name the text for a customer who isn't known well enough"
        yield from self._amount_problems()

    def _amount_problems(self) -> Iterator[Placed]:
        limits = self.limits
        counted = limits.per_action is not None or limits.per_customer is not None or limits.per_day is not None
        counted = counted or (self.approval is not None and bool(self.approval.above))
        if counted and self.amount is None:
            yield (
                ("limits",) if self.limits != Limits() else ("approval",),
                "needs `amount`: name the computed value that is counted",
            )
        if self.amount is not None and self.amount not in self.compute:
            yield ("amount",), f"`{self.amount}` is not in `compute`; compute it there, in cents"
        if self.amount is not None and self.key is None:
            yield ("amount",), "`key` is missing: say what two calls have in common of which only one may be made"
        if self.amount is not None and self.currency is None:
            yield ("amount",), "`currency` is missing; add it, e.g. `currency: EUR`"


def placeholder_problems(text: str, names: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with the placeholders of a canned text, for an action that has these names."""
    for inside in _PLACEHOLDER.findall(text):
        found = _PATH.fullmatch(inside)
        if found is None:
            yield f"{{{inside}}} is no placeholder; write {{name}}, {{name.part}}, {{name:money}} or {{name:date}}"
        elif found[1] not in {*names, "company"}:
            yield f"{{{inside}}}: there is no `{found[1]}`; known are {', '.join(('company', *names))}"


def _expression_problem(
    place: tuple[int | str, ...], text: str, known: list[str], *, condition: bool = False
) -> Iterator[Placed]:
    try:
        expression = Expression(text, known)
    except ExpressionInvalid as error:
        yield place, str(error)
    else:
        if condition and not expression.is_condition:
            yield place, "is no condition: it must be true or false"
