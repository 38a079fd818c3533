"""What of a model's opinion counts: values that stand in the customer's own words, read from them by code. Pure.

The model only points at words. It gives a value of its own for one thing: a date that code can't read, in an action whose
question to the customer names it.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.graph.acting.arguments import MAX_CHARS, values_in
from agent.graph.acting.picking import MAX_QUOTE_CHARS, Quoted
from policies.action_parts import Argument
from policies.actions import Action, Kind
from policies.engine import PolicyEngine
from policies.expressions import Clock

DAYS_AHEAD = 731
"""A date that the model has worked out is today or within so many days. The action's own rules may allow less."""
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Words:
    """What this customer has written.

    Attributes:
        all: in this conversation, newest first.
        latest: since anybody else has, newest first: dates and amounts of older messages are about what was then.
    """

    all: tuple[str, ...]
    latest: tuple[str, ...]
    language: str
    clock: Clock


def values_of(action: Action, told: Mapping[str, Quoted], words: Words, worked_out: frozenset[str]) -> dict[str, Any]:
    """The values that count, by argument.

    Args:
        action: what the arguments are of.
        told: what the model says.
        words: the only place where a value can come from.
        worked_out: arguments for which a date that no reader understands is the model's to say, see `confirmed_dates`.
    """
    found: dict[str, Any] = {}
    for name, one in told.items():
        argument = action.arguments.get(name)
        message = None if argument is None else standing_in(one.quote, words.all if argument.type == "text" else words.latest)
        if argument is None or message is None:
            continue
        read = _read(argument, one.quote, words)
        if len(read) == 1 and (argument.type == "date" or read[0] in _read(argument, message, words)):
            found[name] = read[0]
        elif not read and name in worked_out and (day := _plausible(one.value, words.clock)) is not None:
            found[name] = day
    return found


def standing_in(quote: str, texts: Sequence[str]) -> str | None:
    """The first of the texts that a quote stands in, whole words and as it is; case and spaces don't count. None for none."""
    wanted = _bare(quote)
    if not 0 < len(wanted) <= MAX_QUOTE_CHARS:
        return None
    # No part of a longer number or word: "1 December" is not said in "11 December", nor "20" in "20.50".
    whole = re.compile(rf"(?<!\w)(?<!\d[.,:/-]){re.escape(wanted)}(?!\w)(?![.,:/-]\d)")
    return next((text for text in texts if whole.search(_bare(text[:MAX_CHARS]))), None)


def confirmed_dates(action: Action, policies: PolicyEngine) -> frozenset[str]:
    """The dates of an action that its question to the customer names, in every language that it is asked in."""
    confirm = action.say.confirm
    if action.kind is not Kind.CHANGE or action.requires.confirm != "explicit" or confirm is None:
        return frozenset()
    dates = (name for name, one in action.arguments.items() if one.type == "date")
    questions = policies.texts(confirm)
    return frozenset(name for name in dates if all(_names(question, name) for question in questions))


def open_arguments(action: Action, named: Mapping[str, Any], words: Words, worked_out: frozenset[str]) -> frozenset[str]:
    """The arguments that a model may still find: dates in words, and one of several that the customer has written."""
    missing = ((name, one) for name, one in action.arguments.items() if named.get(name) is None)
    return frozenset(name for name, one in missing if name in worked_out or _is_one_of_several(one, words))


def _is_one_of_several(argument: Argument, words: Words) -> bool:
    texts = words.all if argument.type == "text" else words.latest
    return any(len(_read(argument, text[:MAX_CHARS], words)) > 1 for text in texts[:1])


def _read(argument: Argument, text: str, words: Words) -> list[Any]:
    return list(dict.fromkeys(values_in(text[:MAX_CHARS], argument, words.language, words.clock)))


def _names(question: str, name: str) -> bool:
    return f"{{{name}}}" in question or f"{{{name}:date}}" in question


def _plausible(value: str, clock: Clock) -> str | None:
    if not _ISO_DAY.fullmatch(value.strip()):
        return None
    try:
        day = dt.date.fromisoformat(value.strip())
    except ValueError:
        return None
    today = clock.now.astimezone(clock.zone).date()
    return day.isoformat() if today <= day <= today + dt.timedelta(days=DAYS_AHEAD) else None


def _bare(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()
