"""Numbers in text, with what they count and how they bound it: `30 %`, `at least five days`, `€ 1,200`, `3 pm`. Pure.

Two texts agree on a number when value, unit and bound agree; a number without a unit agrees with any unit.
"""

import re
from dataclasses import dataclass

from knowledge.terms import FUNCTION_WORDS, WORD, stem

_ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
]
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
NUMBER_WORDS = {word: float(value) for value, word in enumerate(_ONES)}
NUMBER_WORDS |= {word: float(value) for word, value in _TENS.items()}
NUMBER_WORDS |= {f"{ten}-{one}": value + float(n) for ten, value in _TENS.items() for n, one in enumerate(_ONES[1:10], 1)}
NUMBER_WORDS |= {"hundred": 100.0, "thousand": 1000.0, "half": 50.0, "dozen": 12.0}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}

UNITS = {
    "%": "%", "percent": "%", "per cent": "%", "prozent": "%",
    "€": "eur", "eur": "eur", "euro": "eur", "$": "usd", "usd": "usd", "dollar": "usd", "£": "gbp", "gbp": "gbp", "pound": "gbp",
    "second": "second", "minute": "minute", "min": "minute", "hour": "hour", "hr": "hour", "h": "hour",
    "day": "day", "night": "night", "week": "week", "month": "month", "year": "year",
    "working day": "working day", "business day": "working day",
    "guest": "guest", "people": "guest", "person": "guest", "pet": "pet", "dog": "pet", "kg": "kg", "km": "km", "mb": "mb",
}  # fmt: skip
MEASURES = frozenset({*UNITS.values(), "clock"})
"""Units that can't stand for each other; the stem of any other word ("gift" in "5 gift cards") may be told otherwise."""
_UNIT = "|".join(sorted((re.escape(u) for u in UNITS if u.isalpha() or " " in u), key=len, reverse=True))
_WORD = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))

CLOCK = re.compile(r"\b(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m\b\.?|\b(\d{1,2}):(\d{2})\b", re.IGNORECASE)
AMOUNT = re.compile(
    rf"(?P<sign>[€$£])?\s?(?P<value>\d[\d,.\u202f']*\d|\d|\b(?:{_WORD})\b)(?:st|nd|rd|th)?\b"
    rf"(?:[\s-]+(?P<scale>{'|'.join(_SCALES)})\b)?[\s-]*(?P<unit>[€$£%]|(?:{_UNIT})s?\b)?",
    re.IGNORECASE,
)
HALF_HOUR = re.compile(r"\bhalf an hour\b", re.IGNORECASE)
_BOUNDS_BEFORE = {
    "min": "at least|minimum(?: is| of)?|no less than|not less than|no fewer than",
    "max": "at most|up to|maximum(?: is| of)?|no more than|not more than|within(?: the(?: first| last)?)?|limited to",
    "more": "more than|in excess of|over|above|longer than|older than|exceeds?",
    "less": "less than|fewer than|under|below|shorter than|younger than",
    "about": "about|around|approximately|roughly|almost|nearly",
    "from": "from|since|starting at",
    "until": "until|till",
    "after": "after",
    "before": "before",
}
_LOWER = frozenset({"min", "more", "from", "after"})
_UPPER = frozenset({"max", "less", "until", "before"})
_BEFORE = re.compile(
    "(?:" + "|".join(rf"(?P<{name}>\b(?:{words}))" for name, words in _BOUNDS_BEFORE.items()) + r")\s*(?:[:(]\s*)?$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"\s*(?:(?P<min>or (?:more|over|older|longer|above)\b|and (?:over|above|older)\b|\+)"
    r"|(?P<max>or (?:fewer|less|under|younger)\b))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and what it counts; `unit` is None where the text doesn't say.

    `bound` is empty for an exact number, or how the text bounds it: `min`, `max`, `more`, `less`, `about`,
    `from`, `until`, `after`, `before`.
    """

    value: float
    unit: str | None
    bound: str = ""

    def agrees(self, other: "Quantity") -> bool:
        """Same value, same bound, and no contradiction in the unit."""
        units_agree = self.unit is None or other.unit is None or self.unit == other.unit
        return abs(self.value - other.value) < 1e-9 and units_agree and self.bound == other.bound


@dataclass(frozen=True, slots=True)
class Reading:
    """A quantity and where it stands: `text[start:end]` of the text that `readings` gives back."""

    quantity: Quantity
    start: int
    end: int


def readings(text: str) -> tuple[str, list[Reading]]:
    """The text as it was read ("half an hour" is "30 minutes"), and every number in it: times of day, then the rest."""
    text = HALF_HOUR.sub("30 minutes", text)
    found = [Reading(Quantity(_minutes(m), "clock", _bound(text, m)), m.start(), m.end()) for m in CLOCK.finditer(text)]
    rest = CLOCK.sub(lambda m: " " * len(m[0]), text)
    for match in AMOUNT.finditer(rest):
        scale = _SCALES.get((match["scale"] or "").lower(), 1.0)
        for value in _values(match["value"]):
            quantity = Quantity(value * scale, _unit(rest, match), _bound(rest, match))
            found.append(Reading(quantity, match.start(), match.end()))
    return text, found


def quantities(text: str) -> list[Quantity]:
    """Every number of a text. A time of day counts as minutes since midnight with the unit `clock`."""
    return [reading.quantity for reading in readings(text)[1]]


def unsupported(claim: str, source: str) -> list[Quantity]:
    """The numbers of a claim that the source does not have."""
    known = quantities(source)
    return [q for q in quantities(claim) if not any(q.agrees(k) for k in known)]


def unfounded(claim: str, source: str) -> list[Quantity]:
    """The numbers of a claim that no number of the source can be: other values, other units of measure, opposite bounds.

    More is let through than `unsupported` lets: "at most 5 cards" may be the "up to 5 gift cards" of the source, or its
    "5 cards", and "one" is no number ("one that fits", "one click") unless the source counts the same thing otherwise.
    """
    known = quantities(source)
    text, read = readings(claim)
    wrong = []
    for found in read:
        one = found.quantity
        if _is_article(text[found.start : found.end]) and not any(one.unit and one.unit == k.unit for k in known):
            continue
        if not any(_may_be(one, k) for k in known):
            wrong.append(one)
    return wrong


def _is_article(text: str) -> bool:
    return bool(re.match(r"\s*one\b(?!-)", text, re.IGNORECASE)) and not any(scale in text.lower() for scale in _SCALES)


def _may_be(one: Quantity, other: Quantity) -> bool:
    differs = one.unit != other.unit and one.unit in MEASURES and other.unit in MEASURES
    opposite = any(one.bound in side and other.bound in far for side, far in ((_LOWER, _UPPER), (_UPPER, _LOWER)))
    return abs(one.value - other.value) < 1e-9 and not differs and not opposite


def _bound(text: str, match: re.Match[str]) -> str:
    later = _AFTER.match(text, match.end())
    earlier = _BEFORE.search(text[max(0, match.start() - 24) : match.start()])
    for found in (later, earlier):
        if found:
            return next(name for name, words in found.groupdict().items() if words)
    return ""


def _unit(text: str, match: re.Match[str]) -> str | None:
    """A known unit, else the stem of the content word that follows ("2 bedrooms"), else None."""
    if match["value"].lower() == "half":
        return "%"
    raw = match["unit"] or match["sign"]
    if raw is not None:
        raw = re.sub(r"\s+", " ", raw.lower())
        return UNITS.get(raw) or UNITS.get(raw.removesuffix("s")) or raw
    after = _AFTER.match(text, match.end())
    following = re.compile(r"[\s-]*([^\W\d_]+)").match(text, after.end() if after else match.end())
    if not following or not WORD.fullmatch(following[1]) or following[1].lower() in FUNCTION_WORDS:
        return None
    word = following[1].lower()
    return UNITS.get(word) or UNITS.get(word.removesuffix("s")) or stem(word)


def _values(raw: str) -> list[float]:
    word = NUMBER_WORDS.get(raw.lower())
    if word is not None:
        return [word]
    digits = re.sub(r"[\s\u202f']", "", raw).rstrip(".,")
    # A comma or a dot before exactly three digits groups thousands (but not after a lone zero); otherwise it is a
    # decimal mark.
    if not re.match(r"0[.,]", digits):
        digits = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", digits)
    try:
        return [float(digits.replace(",", "."))]
    except ValueError:  # a version, a date, a list without spaces
        return [float(run) for run in re.findall(r"\d+", raw)]


def _minutes(match: re.Match[str]) -> float:
    if match[4] is not None:
        return int(match[4]) * 60.0 + int(match[5])
    hour = int(match[1]) % 12 + (12 if match[3].lower() == "p" else 0)
    return hour * 60.0 + int(match[2] or 0)
