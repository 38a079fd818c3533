"""The shape of `tests/*.yaml`: what a pack must decide, written down as cases. Pure.

A case is about an action (`given.action`) or about a message (`given.message`). What it doesn't expect isn't compared.
"""

import datetime as dt
import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Field, RootModel, field_validator

from policies.action_parts import Argument
from policies.actions import Action, Placed
from policies.amounts import Cents
from policies.condition import Identifier, Line, Locale, Strict
from policies.expressions import cents
from policies.topics import read_dial
from policies.types import Dial

NOW = dt.datetime(2026, 6, 17, 10, tzinfo=dt.UTC)
"""The moment of a case that names none, a Wednesday: always the same, so that a case can't fail on another day."""
CUSTOMER = "me"
"""The customer's id in a case that names none."""
NONE = "none"

_RELATIVE = ("days_ago", "days_ahead", "hours_ago", "hours_ahead")
_LISTED = tuple[Line, ...]


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class SpentGiven(Strict):
    """What has been taken of an action's limits: this customer's amount and calls in their windows, all customers' today."""

    customer: Cents = 0
    day: Cents = 0
    count: int = Field(0, ge=0)


class Given(Strict):
    """What is so when the case begins.

    Attributes:
        action: the action that is judged. Its arguments and facts stand beside it, by name, as the tools tell them.
        facts: the same, for names that mean something else here.
        message: what a customer writes.
        identity: how surely the channel knows who it is; `verified` where an action is judged and `anonymous` else.
        customer_id: `me` if not given, unless the identity is anonymous.
        now: `NOW` if not given.
        spent: what the action's limits have been used for already.
        language: of the message; told by its words if not given.
        earlier: what the customer wrote before it, each with a reply from us, oldest first.
        unanswered: how many of our replies before it, in a row, were no answer.
        tool_failures: how many calls of the company's systems have failed in the conversation, one of them for this message.
        used: ids of triggers and guidelines that have already said what they say once in a conversation.
        first_message: whether it is the first one that we reply to; so it is if there is no `earlier`.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    action: Identifier | None = None
    facts: dict[Identifier, Any] = Field(default_factory=dict)
    message: Line | None = None
    identity: Literal["anonymous", "claimed", "verified"] | None = None
    customer_id: Line | None = None
    customer_email: Line | None = None
    now: dt.datetime | None = None
    spent: SpentGiven = SpentGiven()
    language: Locale | None = None
    earlier: tuple[Line, ...] = ()
    unanswered: int = Field(0, ge=0)
    tool_failures: int = Field(0, ge=0)
    used: Annotated[_LISTED, BeforeValidator(_one_or_many)] = ()
    first_message: bool | None = None

    @field_validator("now")
    @classmethod
    def _in_a_zone(cls, now: dt.datetime | None) -> dt.datetime | None:
        return now.replace(tzinfo=dt.UTC) if now is not None and now.tzinfo is None else now

    @property
    def values(self) -> Mapping[str, Any]:
        """Arguments and facts by name, as they are written."""
        return {**(self.__pydantic_extra__ or {}), **self.facts}

    @property
    def sureness(self) -> str:
        """How surely the channel knows who it is."""
        return self.identity or ("verified" if self.action else "anonymous")

    @property
    def moment(self) -> dt.datetime:
        """When it is."""
        return self.now or NOW

    @property
    def id_of_customer(self) -> str | None:
        """Whose things are theirs."""
        return self.customer_id or (CUSTOMER if self.sureness != "anonymous" else None)

    def read_values(self, action: Action, zone: ZoneInfo) -> dict[str, Any]:
        """Arguments and facts as the rules see them: moments as text, arguments' amounts in cents, null for what is optional."""
        found = {name: read_value(value, self.moment, zone) for name, value in self.values.items()}
        for name, argument in action.arguments.items():
            if name not in found and argument.optional:
                found[name] = None
            if name in found and argument.type == "amount" and found[name] is not None:
                found[name] = cents(str(found[name]))
        return found


def _read_dial(value: object) -> object:
    return value if value is None or value == "auto" else read_dial(value)


class Expected(Strict):
    """What must come of it. What isn't named isn't compared.

    Attributes:
        decision: `allow`, `deny` or `require_approval` of an action; `allow`, `handoff`, `refuse` or `offer` of a message.
        rule: what decided, e.g. `refund_booking.limits.per_day`, or the id of a trigger or topic. An action that is allowed
            has its own id, a message that is allowed `none`.
        say: the canned text of that rule.
        call: arguments that the tool is called with; others may be there too.
        amount: what limits and approvals count, in whole units.
        queue: where a message is handed to.
        guidelines: ids that are among those that apply.
        not_guidelines: ids that are not.
        action: what a message asks for first, or `none`.
        topic: the one whose dial counts, or `otherwise`.
        dial: as in `topics.yaml`, or just `auto`.
        open: whether people work then (`hours.yaml`).
    """

    decision: Literal["allow", "deny", "require_approval", "handoff", "refuse", "offer"] | None = None
    rule: Line | None = None
    say: Identifier | None = None
    call: dict[str, Any] | None = None
    amount: Cents | None = None
    queue: Identifier | None = None
    guidelines: Annotated[_LISTED, BeforeValidator(_one_or_many)] = ()
    not_guidelines: Annotated[_LISTED, BeforeValidator(_one_or_many)] = ()
    action: Identifier | None = None
    topic: Identifier | None = None
    dial: Annotated[Dial | str | None, BeforeValidator(_read_dial, json_schema_input_type=str | dict[str, str])] = None
    open: bool | None = None


_OF_ACTIONS = frozenset({"decision", "rule", "say", "call", "amount"})
_OF_MESSAGES = frozenset({"decision", "rule", "say", "queue", "guidelines", "not_guidelines", "action", "topic", "dial", "open"})
_DECISIONS = {"action": ("allow", "deny", "require_approval"), "message": ("allow", "handoff", "refuse", "offer")}
_GIVEN_OF = {
    "action": frozenset({"action", "facts", "identity", "customer_id", "customer_email", "now", "spent"}),
    "message": frozenset(
        {"message", "identity", "language", "earlier", "unanswered", "tool_failures", "used", "first_message", "now"}
    ),
}


class PackCase(Strict):
    """One case: a name for people, what is so, and what must come of it."""

    name: Line
    given: Given
    expect: Expected

    @property
    def kind(self) -> Literal["action", "message"]:
        """What it is about."""
        return "action" if self.given.action is not None else "message"

    def problems(self, actions: Mapping[str, Action]) -> Iterator[Placed]:
        """What is wrong between its parts. `actions` are those of the pack, by id."""
        if (self.given.action is None) == (self.given.message is None):
            hint = f"; {_near('given', next(iter(self.given.values)), ('action', 'message'))}" if self.given.values else ""
            yield ("given",), f"a case has either `action` or `message`; give one of them{hint}"
            return
        yield from self._expectation_problems()
        known: Collection[str] = ()
        if self.given.action is not None:
            action = actions.get(self.given.action)
            if action is None:
                yield ("given", "action"), _near("action", self.given.action, actions)
                return
            known = (*action.arguments, *action.facts)
            yield from _value_problems(self.given, action)
        allowed = _GIVEN_OF[self.kind]
        for name in sorted((self.given.model_fields_set & set(Given.model_fields)) - allowed):
            yield ("given", name), f"belongs to another kind of case; known here are {', '.join(sorted(allowed))}"
        for name in self.given.values:
            if name not in known:
                place = ("given", "facts", name) if name in self.given.facts else ("given", name)
                yield place, _near("argument or fact", name, (*known, *sorted(allowed)))

    def _expectation_problems(self) -> Iterator[Placed]:
        expected = self.expect
        if not expected.model_fields_set:
            yield ("expect",), "expects nothing; name at least the `decision`"
        allowed = _OF_ACTIONS if self.kind == "action" else _OF_MESSAGES
        for name in sorted(expected.model_fields_set - allowed):
            yield ("expect", name), f"belongs to another kind of case; known here are {', '.join(sorted(allowed))}"
        decisions = _DECISIONS[self.kind]
        if expected.decision is not None and expected.decision not in decisions:
            yield ("expect", "decision"), f"a case about {_a(self.kind)} ends in {', '.join(decisions)}; take one of these"


class CasesFile(RootModel[tuple[PackCase, ...]]):
    """`tests/*.yaml`: a list of cases."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class PlacedCase:
    """A case, and where it stands: `tests/refunds.yaml:12`."""

    place: str
    case: PackCase


def _value_problems(given: Given, action: Action) -> Iterator[Placed]:
    for name, value in given.values.items():
        place = ("given", "facts", name) if name in given.facts else ("given", name)
        for at, what in _relative_problems(value):
            yield (*place, *at), what
        argument: Argument | None = action.arguments.get(name)
        if argument is not None and argument.type == "amount" and value is not None:
            try:
                cents(str(value))
            except ValueError:
                yield place, f"{value} is no amount; write one with at most two decimals, e.g. 100 or 99.50"


def _relative_problems(value: Any) -> Iterator[Placed]:
    """Misspelt or unusable words for a moment, such as `{day_ago: 5}`."""
    if isinstance(value, dict) and len(value) == 1:
        what = _moment_problem(*next(iter(value.items())))
        if what is not None:
            yield (), what
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        for at, what in _relative_problems(inner):
            yield (key, *at), what


def _moment_problem(word: str, count: Any) -> str | None:
    if word in _RELATIVE:
        usable = isinstance(count, int) and not isinstance(count, bool)
        return None if usable else f"`{word}` takes a whole number, e.g. {{{word}: 5}}"
    near = difflib.get_close_matches(str(word), _RELATIVE, n=1, cutoff=0.8) if isinstance(count, int) else []
    return f"`{word}` is no moment; did you mean {near[0]}?" if near else None


def read_value(value: Any, now: dt.datetime, zone: ZoneInfo) -> Any:
    """A value of a case as a tool's JSON has it: `{days_ago: 5}` and dates become text."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in _RELATIVE:
            return _moment(*next(iter(value.items())), now, zone)
        return {str(name): read_value(inner, now, zone) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [read_value(inner, now, zone) for inner in value]
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).isoformat()
    return value.isoformat() if isinstance(value, dt.date) else value


def _moment(word: str, count: int, now: dt.datetime, zone: ZoneInfo) -> str:
    """Days are dates of the company's calendar, hours are times."""
    unit, direction = word.split("_")
    signed = count if direction == "ahead" else -count
    if unit == "days":
        return (now.astimezone(zone).date() + dt.timedelta(days=signed)).isoformat()
    return (now + dt.timedelta(hours=signed)).isoformat()


def _near(what: str, name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"there is no {what} `{name}`; {hint}"


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "action" else f"a {kind}"
