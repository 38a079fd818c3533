"""Numbers in text, with what they count: `30 %`, `five days`, `€ 1,200`, `3 pm`. Pure.

Two texts agree on a number when value and unit agree; a number without a unit agrees with any unit.
"""

import re
from dataclasses import dataclass

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
]
NUMBER_WORDS = {word: float(value) for value, word in enumerate([*_ONES, "eighteen", "nineteen", "twenty"])}
NUMBER_WORDS |= {"thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0, "ninety": 90.0}
NUMBER_WORDS |= {"hundred": 100.0, "half": 50.0, "dozen": 12.0}

UNITS = {
    "%": "%", "percent": "%", "per cent": "%", "prozent": "%",
    "€": "eur", "eur": "eur", "euro": "eur", "$": "usd", "usd": "usd", "dollar": "usd", "£": "gbp", "gbp": "gbp", "pound": "gbp",
    "minute": "minute", "min": "minute", "hour": "hour", "hr": "hour", "h": "hour", "day": "day", "night": "night",
    "week": "week", "month": "month", "year": "year", "working day": "working day", "business day": "working day",
    "guest": "guest", "people": "guest", "person": "guest", "pet": "pet", "dog": "pet", "kg": "kg", "km": "km", "mb": "mb",
}  # fmt: skip
_UNIT = "|".join(sorted((re.escape(u) for u in UNITS if u.isalpha() or " " in u), key=len, reverse=True))
_WORD = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))

CLOCK = re.compile(r"\b(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m\b\.?|\b(\d{1,2}):(\d{2})\b", re.IGNORECASE)
AMOUNT = re.compile(
    rf"(?P<sign>[€$£])?\s?(?P<value>\d[\d,.\u202f']*\d|\d|\b(?:{_WORD})\b)(?:st|nd|rd|th)?[\s-]*(?P<unit>[€$£%]|(?:{_UNIT})s?\b)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and what it counts; `unit` is None where the text doesn't say."""

    value: float
    unit: str | None

    def agrees(self, other: "Quantity") -> bool:
        """Same value, and no contradiction in the unit."""
        return abs(self.value - other.value) < 1e-9 and (self.unit is None or other.unit is None or self.unit == other.unit)


def quantities(text: str) -> list[Quantity]:
    """Every number of a text. A time of day counts as minutes since midnight with the unit `clock`."""
    found = [Quantity(_minutes(m), "clock") for m in CLOCK.finditer(text)]
    for match in AMOUNT.finditer(CLOCK.sub(" ", text)):
        value = _value(match["value"])
        if value is None:
            continue
        unit = match["unit"] or match["sign"]
        if match["value"].lower() == "half":
            unit = "%"
        found.append(Quantity(value, _unit(unit)))
    return found


def unsupported(claim: str, source: str) -> list[Quantity]:
    """The numbers of a claim that the source does not have."""
    known = quantities(source)
    return [q for q in quantities(claim) if not any(q.agrees(k) for k in known)]


def _unit(raw: str | None) -> str | None:
    if raw is None:
        return None
    raw = re.sub(r"\s+", " ", raw.lower())
    return UNITS.get(raw) or UNITS.get(raw.removesuffix("s")) or raw


def _value(raw: str) -> float | None:
    word = NUMBER_WORDS.get(raw.lower())
    if word is not None:
        return word
    digits = re.sub(r"[\s\u202f']", "", raw).rstrip(".,")
    # A comma or a dot before exactly three digits groups thousands; otherwise it is a decimal mark.
    digits = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", digits).replace(",", ".")
    try:
        return float(digits)
    except ValueError:
        return None


def _minutes(match: re.Match[str]) -> float:
    if match[4] is not None:
        return int(match[4]) * 60.0 + int(match[5])
    hour = int(match[1]) % 12 + (12 if match[3].lower() == "p" else 0)
    return hour * 60.0 + int(match[2] or 0)
