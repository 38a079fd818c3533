"""The shape of `actions/*.yaml`: what the agent may do in the company's systems. One action a file. Pure.

Everything here is decided by code, over what the company's own systems say: no text of a customer or a model is ever an
argument of a rule but those that `arguments` lists, each held to its pattern.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from policies.action_parts import Approval, Argument, Cel, Fact, Limits, Requires, Rule, Say, ToolName
from policies.condition import Condition, Example, Identifier, Line, Strict, one_examples
from policies.expressions import NO_VALUE, RESERVED, Expression, ExpressionInvalid

Placed = tuple[tuple[int | str, ...], str]
"""A problem, and where in the file it is."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PATH = re.compile(r"([a-z][a-z0-9_]*)((?:\.[A-Za-z][A-Za-z0-9_]*)*)(?::(money|date))?")


class Kind(StrEnum):
    """Whether an action tells something, or changes something."""

    LOOK_UP = "look_up"
    CHANGE = "change"


class Action(Strict):
    """One thing that the agent may do.

    Attributes:
        about: for people and for the model that picks among actions.
        tool: what is called in the end; a look-up may do with its facts alone.
        when: messages that ask for it, as in `escalation.yaml`.
        wishes: how customers ask for it, in any language. By themselves they ask for nothing: a message that is like one of them
            is shown to a model that picks actions, if there is one.
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
    wishes: tuple[Example, ...] = ()
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
        if not condition and not expression.is_value:
            yield place, f"gives no text, number, list or the like; {NO_VALUE}"
