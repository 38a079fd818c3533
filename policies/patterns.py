"""How a message is read by patterns, which of them are safe to run on it, and how ids are. Pure."""

import re
import unicodedata
from collections.abc import Iterator

import regex

from policies.searching import ESCAPE, prepare, repeats_a_group, search, skeleton

WINDOW_CHARS = 4_000
"""The longest text that a pattern is given."""
OVERLAP_CHARS = 200
"""Consecutive windows share this much, so that a phrase on the border is seen."""
MAX_WINDOWS = 16
"""A message longer than about 60,000 characters is read from its start and its last window."""

_UNIFY = str.maketrans(dict.fromkeys("’‘‛`´ʼ′", "'") | dict.fromkeys("“”„«»″", '"') | dict.fromkeys("‐‑‒–—―−", "-"))
_SPACE = re.compile(r"\s+")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_PROBES = tuple(one * (chars // len(one)) for one in ("a", "a ", "1", "1 ") for chars in (40, WINDOW_CHARS))
"""Much of what a repetition finds: near to its end, and as much as there can be."""


def normalise(text: str) -> str:
    """Small letters without accents, plain apostrophes, quotes and dashes, single spaces, nothing invisible."""
    unified = unicodedata.normalize("NFKD", text.translate(_UNIFY).casefold())
    visible = "".join(c for c in unified if unicodedata.category(c) not in {"Mn", "Cf"})
    return _SPACE.sub(" ", visible).strip()


def windows(normalised: str) -> Iterator[str]:
    """The pieces that patterns are searched in, each at most `WINDOW_CHARS` long."""
    step = WINDOW_CHARS - OVERLAP_CHARS
    starts = list(range(0, max(1, len(normalised) - OVERLAP_CHARS), step))
    if len(starts) > MAX_WINDOWS:
        starts = [*starts[: MAX_WINDOWS - 1], len(normalised) - WINDOW_CHARS]
    for start in starts:
        yield normalised[start : start + WINDOW_CHARS]


def matches_glob(glob: str, name: str) -> bool:
    """Whether the whole of `name` is what `glob` says. `*` stands for anything, and nothing else is special.

    Every piece is taken where it comes first, so that no glob takes longer than its pieces times the name.
    """
    start, *rest = glob.split("*")
    if not rest:
        return name == start
    *pieces, end = rest
    if len(name) < len(start) + len(end) or not (name.startswith(start) and name.endswith(end)):
        return False
    at = len(start)
    for piece in pieces:
        found = name.find(piece, at, len(name) - len(end))
        if found < 0:
            return False
        at = found + len(piece)
    return True


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern, ready to search. Raises `ValueError` for one that is none."""
    try:
        made = re.compile(pattern)
        prepare(pattern)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}; correct it") from error
    return made


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that is broken, can never match, or could take for ever.

    Raises:
        ValueError: with what is wrong and what to write instead.
    """
    found = compiled(pattern)
    if found.search("") and found.search("\0"):
        raise ValueError("finds something in every message, whatever it says; write what must be there")
    literal = ESCAPE.sub("", pattern).replace("(?P<", "(?<")
    strange = [c for c in dict.fromkeys(literal) if c != " " and normalise(c) != c]
    if strange:
        plain = normalise(strange[0])
        raise ValueError(f"has {strange[0]!r}, but patterns read small letters without accents; write {plain!r}")
    if re.search(r"\.[*+]|\.\{\d*,\}", literal):
        raise ValueError("`.*` and `.+` are slow on a long message; write a limit, e.g. `.{0,40}`")
    if _nests_quantifiers(pattern):
        raise ValueError("a repeated group holds another repetition without a limit, which can take for ever; write a limit")
    if repeats_a_group(pattern) and _is_slow(pattern):
        raise ValueError("takes too long on a long message: a repeated group can be read in many ways; give it a smaller limit")


def _is_slow(pattern: str) -> bool:
    """Whether a search takes too long in a text that is made for it.

    That has much of what is repeated, and every word without which no search is begun.
    """
    words = " ".join(_LETTERS.findall(ESCAPE.sub(" ", pattern)))
    try:
        for one in _PROBES:
            search(pattern, f"{one}! {words} 1")
    except TimeoutError:
        return True
    return False


def _nests_quantifiers(pattern: str) -> bool:
    """True for shapes such as `(a+)*`: a group without a limit around a repetition without a limit."""
    text = skeleton(pattern)
    open_groups = [False]
    at = 0
    while at < len(text):
        if text[at] == "(":
            open_groups.append(False)
        elif text[at] == ")" and len(open_groups) > 1:
            unlimited_inside = open_groups.pop()
            if unlimited_inside and _is_unlimited(text, at + 1):
                return True
            open_groups[-1] = open_groups[-1] or unlimited_inside
        elif _is_unlimited(text, at):
            open_groups[-1] = True
        at += 1
    return False


def _is_unlimited(text: str, at: int) -> bool:
    return text[at : at + 1] in {"*", "+"} or re.match(r"\{\d*,\}", text[at:]) is not None
