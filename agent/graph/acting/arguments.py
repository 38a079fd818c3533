"""What the customer has named: values of an action's arguments in their own words. Pure; nothing is made up.

A value stands in a message of the customer's, or it isn't one. Where two different ones stand there, none is taken.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dateparser

from policies.action_parts import Argument
from policies.expressions import Clock, cents
from policies.patterns import normalise
from policies.searching import finditer, is_all_of

MAX_CHARS = 4_000
"""Of a message, what values are looked for in."""

DATE_CHARS = 600
"""Of a message, what dates in words are looked for in: that takes time."""

_SIGN = r"(?:€|eur|euros?|usd|dollars?|gbp|pounds?|chf|\$|£)"
_NUMBER = r"([0-9]{1,7})(?:[.,]([0-9]{2}))?"
# No part of a longer number: of "1 500" or "1'500" neither end is an amount.
_BEFORE, _AFTER = r"(?<![\w.,'’-])", r"(?![\w-]|[.,'’]\d|\s\d{3})"
_ALONE = rf"{_BEFORE}(?<!\d\s){_NUMBER}"
_MONEY = re.compile(rf"{_BEFORE}{_SIGN}\s?{_NUMBER}{_AFTER}|{_ALONE}\s?{_SIGN}(?!\w)", re.IGNORECASE)
_BARE = re.compile(rf"{_ALONE}{_AFTER}")
_ISO = re.compile(r"(?<![\d-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")
_DOTTED = re.compile(r"\d\.\d")
_ORDERS = {"en": ("DMY", "MDY"), "zh": ("YMD",)}
"""How a date in figures alone is read. In English 5/6 is May or June: two different days, so none is taken if both are still to
come. With dots it is the day that comes first everywhere."""
_HAN = re.compile(r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})[日号]")


def read_arguments(
    arguments: Mapping[str, Argument], messages: Sequence[str], language: str, clock: Clock, asked: str | None = None
) -> dict[str, Any]:
    """The values that these messages name, by argument.

    Args:
        arguments: of the action.
        messages: the customer's, newest first; an older one counts only where no newer one names the value.
        language: of the customer.
        clock: for dates without a year, and "tomorrow".
        asked: the argument that was just asked for. A date or an amount is taken where it was asked for, or where the action
            has only one of its kind.
    """
    found: dict[str, Any] = {}
    for name, argument in arguments.items():
        alike = [one for one in arguments.values() if one.type == argument.type]
        if argument.type != "text" and len(alike) > 1 and asked != name:
            continue
        for message in messages[:1] if argument.type != "text" else messages:
            values = list(dict.fromkeys(values_in(message[:MAX_CHARS], argument, language, clock, was_asked=asked == name)))
            if len(values) == 1:
                found[name] = values[0]
            if values:
                break
    return found


def values_in(message: str, argument: Argument, language: str, clock: Clock, *, was_asked: bool = False) -> Iterable[Any]:
    """All values that a text names for an argument, in order. `was_asked`: a number without a currency is an amount, too."""
    if argument.type == "date":
        return _dates(message, language, clock)
    if argument.type == "amount":
        named = [(one[0] or one[2], one[1] or one[3]) for one in _MONEY.findall(message)]
        if not named and was_asked:
            named = _BARE.findall(message)
        return [cents(f"{whole}.{part or '00'}") for whole, part in named]
    if argument.pattern is not None:
        found = finditer(rf"(?<!\w)(?:{argument.pattern})(?!\w)", message, any_case=True)
        try:
            return [_in_case(argument.pattern, one[0]) for one in found]
        except TimeoutError:
            return []  # it is asked for
    said = normalise(message)
    return [value for value in argument.only if re.search(rf"(?<!\w){re.escape(normalise(value))}(?!\w)", said)]


def _in_case(pattern: str, value: str) -> str:
    """As the pattern writes it, whatever case the customer has taken."""
    return next((one for one in (value, value.upper(), value.lower()) if is_all_of(pattern, one)), value)


def _dates(message: str, language: str, clock: Clock) -> list[str]:
    """As `2026-11-20`. What has no day of its own ("in June", "at 5") is none."""
    today = clock.now.astimezone(clock.zone).replace(tzinfo=None)
    written = [(year, month, day) for year, month, day in _ISO.findall(message)]
    written += [
        (year or _next_year(today.date(), int(month), int(day)), month, day) for year, month, day in _HAN.findall(message)
    ]
    found = [one for one in (_day(*parts) for parts in written) if one]
    if found or written:
        return found
    # Loads the words of two hundred languages, in half a second: most processes never read a date.
    from dateparser.search import search_dates

    settings = {"RELATIVE_BASE": today, "PREFER_DATES_FROM": "future", "REQUIRE_PARTS": ["day", "month"]}
    known = language if language in _LANGUAGES else "en"
    days: list[str] = []
    for order in _ORDERS.get(known, ("DMY",)):
        pairs = search_dates(message[:DATE_CHARS], languages=[known], settings={**settings, "DATE_ORDER": order}) or []
        named = [(text, moment) for text, moment in pairs if any(c.isdigit() for c in text) or len(text) > 5]
        days += [moment.date().isoformat() for text, moment in named if order == "DMY" or not _DOTTED.search(text)]
    return [day for day in days if day >= today.date().isoformat()] or days


def _day(year: int | str, month: str, day: str) -> str | None:
    try:
        return dt.date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def _next_year(today: dt.date, month: int, day: int) -> int:
    """The year in which such a day comes next."""
    return today.year + ((month, day) < (today.month, today.day))


_LANGUAGES = frozenset(dateparser.data.languages_info.language_order)
