"""The language of hard rules: CEL, by Google's own implementation. Pure; the only module that knows it.

An expression is compiled and checked once, with the names that it may use. It can't loop for long, call out, or change
anything. Beside CEL's own functions there are

    days_since(x), days_until(x)   whole days by the calendar of the company's time zone, from a date ("2026-11-20") or a
                                   time ("2026-11-20T10:00:00Z"); 0 on the day itself, negative on the other side of it
    days_after(x, n)               the date n days later, as text: days_after("2026-11-20", 3) == "2026-11-23"
    months_after("2026-08-31", 6)  the date so many calendar months later, here "2027-02-28"; for limits in months
    cents("12.50")                 an amount in words as an exact whole number of cents

Source: the Common Expression Language, language definition (cel-spec).
"""

import calendar
import contextvars
import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cel_expr_python import cel

MAX_CHARS = 2000
"""A longer expression is a mistake; the library itself bounds nesting (32) and steps."""
LONGEST_LIST = 1000
"""Of what a system tells: the time of `map` and `filter` grows with the square of it."""
NO_VALUE = "a time or a duration can be compared within an expression; to keep or send it write string(…)"
_FUNCTION_NAMES = ("days_since", "days_until", "days_after", "months_after", "cents")
RESERVED = frozenset({"now", "customer", "true", "false", "null", "in", "has", *_FUNCTION_NAMES})
"""Names that no fact, argument or value can have."""

_AMOUNT = re.compile(r"-?[0-9]{1,13}(?:\.[0-9]{1,2})?")
_AT = re.compile(r"<input>:(-?\d+):(-?\d+): (.*)")
_UNKNOWN_NAME = re.compile(r"undeclared reference to '([^'.]+)")


class ExpressionInvalid(ValueError):
    """An expression can't be used. The message says where and why."""


class Unevaluable(Exception):
    """An expression has no value for these facts: one is missing, or of another kind. No rule may count it as met."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The moment at which rules are judged, and whose calendar counts."""

    now: dt.datetime
    zone: ZoneInfo


_CLOCK: contextvars.ContextVar[Clock] = contextvars.ContextVar("clock")


class Expression:
    """A compiled expression.

    Args:
        text: CEL.
        names: of the values that it may use, beside `now` and `customer`.

    Raises:
        ExpressionInvalid: it is no CEL, names what there isn't, or mixes kinds of values.
    """

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str, names: Iterable[str] = ()) -> None:
        if len(text) > MAX_CHARS:
            raise ExpressionInvalid(f"is longer than {MAX_CHARS} characters; split it")
        self.text = text
        try:
            self._compiled = _environment(names).compile(text)
        except RuntimeError as error:
            raise ExpressionInvalid(_why(str(error), names)) from error

    @property
    def is_condition(self) -> bool:
        """Whether its value is true or false, as far as can be told beforehand."""
        return self._compiled.return_type() in (cel.Type.BOOL, cel.Type.DYN)

    @property
    def is_value(self) -> bool:
        """Whether its value is one that JSON has, as far as can be told beforehand: times and durations are none."""
        return self._compiled.return_type() not in (cel.Type.TIMESTAMP, cel.Type.DURATION, cel.Type.BYTES, cel.Type.TYPE)

    def holds(self, values: Mapping[str, Any], clock: Clock) -> bool:
        """Whether the condition is met. Raises `Unevaluable`, also if its value is neither true nor false."""
        value = self.value(values, clock)
        if not isinstance(value, bool):
            raise Unevaluable(f"`{self.text}` is neither true nor false")
        return value

    def value(self, values: Mapping[str, Any], clock: Clock) -> Any:
        """The value, as JSON has it. Raises `Unevaluable`."""
        if long := [name for name, one in values.items() if not _is_short(one)]:
            raise Unevaluable(f"`{self.text}`: {long[0]} holds a list of more than {LONGEST_LIST} entries")
        token = _CLOCK.set(clock)
        try:
            found = self._compiled.eval(data={**values, "now": clock.now})
        except RuntimeError as error:
            raise Unevaluable(f"`{self.text}`: {_short(str(error))}") from error
        finally:
            _CLOCK.reset(token)
        if found.type() in (cel.Type.ERROR, cel.Type.UNKNOWN):
            raise Unevaluable(f"`{self.text}`: {_short(str(found.value()))}")
        value = found.plain_value()
        if not _is_json(value):
            raise Unevaluable(f"`{self.text}` is no text, number, list or the like; {NO_VALUE}")
        return value


def _is_short(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_short(one) for one in value.values())
    return not isinstance(value, list) or (len(value) <= LONGEST_LIST and all(_is_short(one) for one in value))


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(one) for name, one in value.items())
    if isinstance(value, list):
        return all(_is_json(one) for one in value)
    return math.isfinite(value) if isinstance(value, float) else value is None or isinstance(value, str | int)


def _environment(names: Iterable[str]) -> cel.Env:
    known = {name: cel.Type.DYN for name in names}
    return cel.NewEnv(variables={**known, "customer": cel.Type.DYN, "now": cel.Type.TIMESTAMP}, functions=_FUNCTIONS)


def _days_since(moment: str) -> int:
    clock = _CLOCK.get()
    return (clock.now.astimezone(clock.zone).date() - _date(moment, clock.zone)).days


def _days_until(moment: str) -> int:
    return -_days_since(moment)


def _days_after(moment: str, days: int) -> str:
    return (_date(moment, _CLOCK.get().zone) + dt.timedelta(days=days)).isoformat()


def _months_after(moment: str, months: int) -> str:
    day = _date(moment, _CLOCK.get().zone)
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    # A month may be too short for the day; its last one stands for it.
    last = calendar.monthrange(year, month)[1]
    return dt.date(year, month, min(day.day, last)).isoformat()


def _date(moment: str, zone: ZoneInfo) -> dt.date:
    if len(moment) == len("2026-11-20"):
        return dt.date.fromisoformat(moment)
    read = dt.datetime.fromisoformat(moment)
    if read.tzinfo is None:
        raise ValueError(f"{moment} names no time zone")
    return read.astimezone(zone).date()


def cents(amount: str | int) -> int:
    """An amount in words, or in whole units, as cents.

    Raises:
        ValueError: it is no amount, or finer than a cent.
    """
    if not _AMOUNT.fullmatch(str(amount)):
        raise ValueError(f"{amount!s:.40} is no amount in whole cents")
    return int(Decimal(amount) * 100)


def _overloads(name: str, function: Any, *kinds: cel.Type) -> cel.FunctionDecl:
    return cel.FunctionDecl(
        name, [cel.Overload(f"{name}_{kind.name()}", cel.Type.INT, [kind], False, function) for kind in kinds]
    )


_FUNCTIONS = [
    cel.FunctionDecl(
        "days_after",
        [cel.Overload("days_after_string_int", cel.Type.STRING, [cel.Type.STRING, cel.Type.INT], False, _days_after)],
    ),
    _overloads("days_since", _days_since, cel.Type.STRING),
    _overloads("days_until", _days_until, cel.Type.STRING),
    cel.FunctionDecl(
        "months_after",
        [cel.Overload("months_after_STRING_INT", cel.Type.STRING, [cel.Type.STRING, cel.Type.INT], False, _months_after)],
    ),
    _overloads("cents", cents, cel.Type.STRING, cel.Type.INT),
]


def _why(error: str, names: Iterable[str]) -> str:
    """The library's message as a line of ours."""
    found = _AT.search(error)
    column, what = (found[2], found[3].removesuffix(" [INVALID_ARGUMENT]")) if found else ("-1", _short(error))
    unknown = _UNKNOWN_NAME.search(what)
    if unknown:
        known = ", ".join(sorted({*names, "customer", "now"}))
        what = f"there is no `{unknown[1]}`; known are {known}"
    what = re.sub(r" \(in container ''\)|Syntax error: ", "", what)
    what = re.sub(r" expecting .*", "", what)
    return what if column.startswith("-") else f"at character {column}: {what}"


def _short(error: str) -> str:
    short = re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", " ".join(error.split()))[:200]
    return _IN_OUR_WORDS.get(short, short)


_IN_OUR_WORDS = {
    "String to Timestamp conversion failed": "timestamp() takes a point in time such as 2026-11-20T15:00:00Z; of a day alone use "
    "days_since or days_until"
}
