"""The parts of an action's file: what the customer names, facts, rules, limits, approval, words. Pure."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from policies.amounts import Cents, Span
from policies.condition import Identifier, Line, Strict
from policies.patterns import check_pattern, compiled

ToolName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[A-Za-z][A-Za-z0-9_.-]*$", max_length=128)]
"""`system.operation`, as the systems are named in the settings."""
Cel = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


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
            compiled(pattern)  # a letter that is big may mean something else
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
        above: needed for more than this amount; 0 for always.
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
