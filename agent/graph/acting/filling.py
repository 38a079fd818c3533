"""Values in approved words: amounts and dates as the customer's language writes them. Pure."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency

from policies.expressions import Clock

LONGEST = 200
"""Characters of a value. What the company's systems say is shown, and nothing that could pass for more than a value."""

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)((?:\.[A-Za-z][A-Za-z0-9_]*)*)(?::(money|date))?\}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


class Unfillable(Exception):
    """A text has a place for what the company's systems did not say."""


def fill_text(text: str, values: Mapping[str, Any], language: str, currency: str | None, clock: Clock) -> str:
    """Put the values into their places, in one pass.

    Args:
        text: an approved text, its `{company}` filled.
        values: of the action, JSON values.
        language: of the text.
        currency: ISO 4217, for `:money`, which takes cents.
        clock: its zone is the one that times are told in.

    Raises:
        Unfillable: a value is missing, or of a kind that can't be told.
    """
    locale = _locale(language)

    def put(found: re.Match[str]) -> str:
        value = _at(values, found[1], found[2])
        if found[3] == "money":
            return _money(value, currency, locale, found[0])
        if found[3] == "date":
            return _date(value, locale, clock, found[0])
        if value is None or isinstance(value, dict | list):
            raise Unfillable(f"{found[0]} has no value that can be told")
        return one_line(str(value))

    return _PLACE.sub(put, text)


def told_by(texts: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """What these texts tell of the values: each place of them, and what would stand there."""
    places = (found for text in texts for found in _PLACE.finditer(text))
    return {f"{found[1]}{found[2]}": _at(values, found[1], found[2]) for found in places}


def one_line(text: str) -> str:
    """A value on one line, without what can't be seen, and no longer than `LONGEST`."""
    line = " ".join(_UNPRINTED.sub(" ", text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _at(values: Mapping[str, Any], name: str, path: str) -> Any:
    found: Any = values.get(name)
    for part in path.split(".")[1:]:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _money(value: Any, currency: str | None, locale: Locale, place: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or currency is None:
        raise Unfillable(f"{place} is no amount in cents")
    return str(format_currency(Decimal(value) / 100, currency, locale=locale))


def _date(value: Any, locale: Locale, clock: Clock, place: str) -> str:
    try:
        if _DAY.fullmatch(str(value)):
            return str(format_date(dt.date.fromisoformat(value), "long", locale=locale))
        moment = dt.datetime.fromisoformat(str(value))
    except ValueError as error:
        raise Unfillable(f"{place} is no date") from error
    if moment.tzinfo is None:
        raise Unfillable(f"{place} names no time zone")
    return str(format_datetime(moment.astimezone(clock.zone), "long", locale=locale))


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")
