"""Runs a pack's own cases (`tests/*.yaml`) through the engine that decides in production. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from policies.cases import NONE, Expected, Given, PlacedCase, read_value
from policies.engine import PolicyEngine
from policies.expressions import Clock
from policies.judging import Case, Spent
from policies.repeats import asked_before
from policies.types import Dial, Facts


class Reader(Protocol):
    """Reads messages as production does: with a model that embeds, which this room doesn't have."""

    def similarity(self, text: str) -> Mapping[str, float]:
        """As `Facts.similarity`, for the pack that is tested."""
        ...

    def language(self, text: str) -> str | None:
        """Which language it is in, if that can be told."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """What was expected of one thing, and what was found. JSON values."""

    what: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case ended.

    Attributes:
        place: where it stands, `tests/refunds.yaml:12`.
        given: as it is written.
        rule: what decided; `none` if nothing did.
        differences: empty for a case that passed.
        left_out: arguments and facts of the action that the case doesn't give.
    """

    name: str
    place: str
    given: Mapping[str, Any]
    rule: str
    differences: tuple[Difference, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all that was expected was found."""
        return not self.differences


def run_cases(engine: PolicyEngine, cases: tuple[PlacedCase, ...], reader: Reader) -> Iterator[CaseResult]:
    """The result of each case, as it is there."""
    for placed in cases:
        yield run_case(engine, placed, reader)


def run_case(engine: PolicyEngine, placed: PlacedCase, reader: Reader) -> CaseResult:
    """What the engine decides of one case, beside what is expected."""
    given, expected = placed.case.given, placed.case.expect
    left_out: tuple[str, ...] = ()
    if given.action is not None:
        action = engine.actions[given.action].action
        wanted = [*(name for name, one in action.arguments.items() if not one.optional), *action.facts]
        found = decide_action(engine, given)
        left_out = tuple(name for name in wanted if name not in given.values)
    else:
        found = decide_message(engine, message_facts(engine, given, reader), given)
    differences = tuple(_differences(expected, given, found, engine.zone))
    shown = given.model_dump(mode="json", exclude_defaults=True)
    return CaseResult(placed.case.name, placed.place, shown, str(found["rule"]), differences, left_out)


def decide_action(engine: PolicyEngine, given: Given) -> dict[str, Any]:
    """What the rules of an action say, by the names of what can be expected."""
    judge = engine.actions[str(given.action)]
    verdict = judge.judge(action_case(engine, given))
    return {
        "decision": verdict.ruling.value,
        "rule": verdict.rule,
        "say": verdict.say,
        "call": dict(verdict.call),
        "amount": verdict.amount,
    }


def action_case(engine: PolicyEngine, given: Given) -> Case:
    """What the action of a case is judged on."""
    action = engine.actions[str(given.action)].action
    return Case(
        identity=given.sureness,
        customer_id=given.id_of_customer,
        values=given.read_values(action, engine.zone),
        clock=Clock(given.moment, engine.zone),
        email=given.customer_email,
        spent=Spent(customer=given.spent.customer, day=given.spent.day, count=given.spent.count),
    )


def message_facts(engine: PolicyEngine, given: Given, reader: Reader) -> Facts:
    """What is known of the message of a case before anything is looked up."""
    text = str(given.message)
    first = not given.earlier if given.first_message is None else given.first_message
    language = given.language or reader.language(text) or engine.locales[0]
    facts = Facts(
        text=text,
        language=language,
        first_message=first,
        similarity=reader.similarity(text),
        identity=given.sureness,
        turn=len(given.earlier) + 1,
        used=given.used,
        asked_before=asked_before(text, given.earlier),
        unanswered=given.unanswered,
        tool_failures=given.tool_failures,
    )

    def read(earlier: str) -> Facts:
        spoken = reader.language(earlier) or engine.locales[0]
        return Facts(earlier, spoken, first_message=False, similarity=reader.similarity(earlier))

    return engine.counted(facts, given.earlier, read)


def decide_message(engine: PolicyEngine, facts: Facts, given: Given) -> dict[str, Any]:
    """What the rules say of a message, by the names of what can be expected."""
    verdict, topic = engine.ruling(facts), engine.topic(facts)
    return {
        "decision": verdict.action.value,
        "rule": verdict.rule or NONE,
        "say": verdict.say,
        "queue": verdict.queue,
        "guidelines": [one.id for one in engine.guidelines(facts)],
        "action": next((judge.action.id for judge in engine.requested(facts)), NONE),
        "topic": topic.topics[0] if topic.topics else "otherwise",
        "dial": topic.dial,
        "open": engine.hours.is_open(given.moment),
    }


def shown_dial(dial: Dial) -> str:
    """A dial as `topics.yaml` has it."""
    return dial.kind.value if dial.most_wrong is None else f"auto: at most {dial.most_wrong * 100:g}% wrong"


def shown_amount(amount: int) -> str:
    """Cents as a support lead writes them."""
    return f"{amount / 100:.2f}"


def _differences(expected: Expected, given: Given, found: Mapping[str, Any], zone: ZoneInfo) -> Iterator[Difference]:
    for what in Expected.model_fields:
        if what not in expected.model_fields_set:
            continue
        wanted = getattr(expected, what)
        compare = _COMPARE.get(what)
        if compare is not None:
            yield from compare(wanted, found)
        elif what == "call":
            yield from _call_differences(read_value(wanted, given.moment, zone), found["call"])
        elif wanted != found[what]:
            yield Difference(what, wanted, found[what])


def _amount(wanted: Any, found: Mapping[str, Any]) -> Iterator[Difference]:
    if wanted != found["amount"]:
        yield Difference("amount", shown_amount(wanted), shown_amount(found["amount"]))


def _dial(wanted: Any, found: Mapping[str, Any]) -> Iterator[Difference]:
    dial: Dial = found["dial"]
    if wanted != (dial.kind.value if isinstance(wanted, str) else dial):
        yield Difference("dial", shown_dial(wanted) if isinstance(wanted, Dial) else wanted, shown_dial(dial))


def _there(wanted: Any, found: Mapping[str, Any]) -> Iterator[Difference]:
    if any(one not in found["guidelines"] for one in wanted):
        yield Difference("guidelines", list(wanted), found["guidelines"])


def _not_there(wanted: Any, found: Mapping[str, Any]) -> Iterator[Difference]:
    if any(one in found["guidelines"] for one in wanted):
        yield Difference("not_guidelines", list(wanted), found["guidelines"])


def _call_differences(wanted: Mapping[str, Any] | None, found: Mapping[str, Any]) -> Iterator[Difference]:
    for name, value in (wanted or {}).items():
        if name not in found or found[name] != value:
            yield Difference(f"call.{name}", value, found.get(name, "(not there)"))


_COMPARE: Mapping[str, Callable[[Any, Mapping[str, Any]], Iterator[Difference]]] = {
    "amount": _amount,
    "dial": _dial,
    "guidelines": _there,
    "not_guidelines": _not_there,
}
