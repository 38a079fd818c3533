"""Calendar dates in text: `2024-03-01`, `1 March 2024`, `March 1st, 2024`, `1. März 2024`, `March 2024`. Pure.

Only dates with a year, and none written in digits and slashes, whose order of day and month is anybody's guess.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date

_MONTHS = (
    "january jan januar enero janvier gennaio",
    "february feb februar febrero février fevrier febbraio",
    "march mar märz maerz marzo mars",
    "april apr abril avril aprile",
    "may mai mayo maggio",
    "june jun juni junio juin giugno",
    "july jul juli julio juillet luglio",
    "august aug agosto août aout",
    "september sept sep septiembre septembre settembre",
    "october oct oktober octubre octobre ottobre",
    "november nov noviembre novembre",
    "december dec dezember diciembre décembre decembre dicembre",
)
"""English, German, Spanish, French, Italian."""
_NUMBER = {name: month for month, names in enumerate(_MONTHS, 1) for name in names.split()}
_NAME = "|".join(sorted(_NUMBER, key=len, reverse=True))
_DATE = re.compile(
    r"\b(?P<iso>(?P<y1>\d{4})-(?P<m1>\d{2})-(?P<d1>\d{2}))\b"
    rf"|\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s+(?:of\s+|de\s+)?(?P<m2>{_NAME})\.?,?\s+(?:de\s+)?(?P<y2>(?:19|20)\d{{2}})\b"
    rf"|\b(?P<m3>{_NAME})\.?\s+(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y3>(?:19|20)\d{{2}})\b"
    rf"|\b(?P<m4>{_NAME})\.?\s+(?:de\s+)?(?P<y4>(?:19|20)\d{{2}})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Dated:
    """A date and where it stands. A month without a day is its last day."""

    day: date
    start: int
    end: int


def dates(text: str) -> list[Dated]:
    """Every calendar date of a text, in order; what only looks like one (31 February) is left out."""
    found = ((_day(match), match) for match in _DATE.finditer(text))
    return [Dated(day, match.start(), match.end()) for day, match in found if day is not None]


def parse_day(text: str) -> date | None:
    """The day of an article's `updated`: an ISO date or time, or a date in words; None if it is none of them."""
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        found = dates(text)
        return found[0].day if found else None


def _day(match: re.Match[str]) -> date | None:
    if match["m4"] == "may":  # "we may 2024 times"
        return None
    try:
        if match["iso"]:
            return date(int(match["y1"]), int(match["m1"]), int(match["d1"]))
        if match["m4"]:
            year, month = int(match["y4"]), _NUMBER[match["m4"].lower()]
            return date(year, month, calendar.monthrange(year, month)[1])
        day, name, year_digits = match["d2"] or match["d3"], match["m2"] or match["m3"], match["y2"] or match["y3"]
        return date(int(year_digits), _NUMBER[name.lower()], int(day))
    except ValueError:
        return None
