"""Searching with a pattern of the pack's, in bounded time.

A few repetitions in one another are enough for a search that takes years on a text of one line (catastrophic backtracking), and
customers choose the text. So a pattern that may be slow is searched by `regex`, which stops when its time is over (of the
processor, by its `timeout`); any other one takes the square of the text's length at most, and `re` is quicker.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import regex
import structlog

SLOWEST_S = 0.25
"""Of processor time for one text, a hundred times what the slowest pattern that ships needs for the longest one."""

ESCAPE = re.compile(r"\\.", re.DOTALL)
"""What stands for another sign, or for itself."""

_log = structlog.get_logger(__name__)
_CHOICE = re.compile(r"\[\^?\]?[^\]]*\]")
_OPTIONAL = re.compile(r"(?<![(*+?}])\?")
_MANY_OPTIONAL = 10
_REPEAT = re.compile(r"[*+]|\{(\d*)(?:(,)(\d*))?\}")


def search(pattern: str, text: str) -> re.Match[str] | None:
    """As `re.search`.

    Raises:
        TimeoutError: it takes too long to tell.
    """
    return next(finditer(pattern, text), None)


def finditer(pattern: str, text: str, *, any_case: bool = False) -> Iterator[re.Match[str]]:
    """As `re.finditer`. Raises as `search`."""
    made = _compiled(pattern, any_case)
    found: Iterator[re.Match[str]] = made.finditer(text, **_limit(made))
    return found


def is_all_of(pattern: str, text: str) -> bool:
    """As `re.fullmatch`. Raises as `search`."""
    made = _compiled(pattern, False)
    return made.fullmatch(text, **_limit(made)) is not None


def prepare(pattern: str) -> None:
    """Compile it, so that the first search need not. Raises `re.error` or `regex.error`."""
    _compiled(pattern, False)


def is_found(pattern: str, text: str) -> bool:
    """Whether it is there, or can't be told in time: a hard rule that may hold does."""
    try:
        return search(pattern, text) is not None
    except TimeoutError:
        _log.warning("pattern_too_slow", pattern=pattern)
        return True


def may_be_slow(pattern: str) -> bool:
    """Whether there may be many ways to find it in the same words: two things repeated, a group repeated, or many left out."""
    text = skeleton(pattern)
    repeats = sum(_is_many(repeat) for repeat in _REPEAT.finditer(text))
    return repeats > 1 or repeats_a_group(pattern) or len(_OPTIONAL.findall(text)) > _MANY_OPTIONAL


def repeats_a_group(pattern: str) -> bool:
    """Whether there is a group in it that may stand there several times."""
    text = skeleton(pattern)
    return any(text[repeat.start() - 1 : repeat.start()] == ")" and _is_many(repeat) for repeat in _REPEAT.finditer(text))


def skeleton(pattern: str) -> str:
    """The pattern with `x` for every escape and every choice of characters, so that the signs that are left are signs."""
    return _CHOICE.sub("x", ESCAPE.sub("x", pattern))


def _is_many(repeat: re.Match[str]) -> bool:
    if repeat[0] in "*+":
        return True
    most = repeat[3] if repeat[2] else repeat[1]
    return not most or int(most) > 1


@lru_cache(maxsize=2_000)
def _compiled(pattern: str, any_case: bool) -> Any:
    if may_be_slow(pattern):
        return regex.compile(pattern, regex.IGNORECASE if any_case else 0)
    return re.compile(pattern, re.IGNORECASE if any_case else 0)


def _limit(made: Any) -> dict[str, float]:
    return {} if isinstance(made, re.Pattern) else {"timeout": SLOWEST_S}
