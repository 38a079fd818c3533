"""The shape of `hours.yaml`: when people work, and how soon they answer. Pure: the moment is given."""

import datetime as dt
import itertools
import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import StringConstraints, field_validator, model_validator

from policies.amounts import Span, seconds
from policies.condition import Identifier, Strict

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LOOK_AHEAD = 60
"""Who is closed longer than so many days isn't asked when they open again."""

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")
Hours = Annotated[str, StringConstraints(strip_whitespace=True)]
Holiday = dt.date | Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
"""A day, `2026-12-24`, or a day of every year, `12-25`."""


class Week(Strict):
    """When people work, each day as `09:00-17:30`, or several with commas. A day that isn't named is closed."""

    monday: Hours | None = None
    tuesday: Hours | None = None
    wednesday: Hours | None = None
    thursday: Hours | None = None
    friday: Hours | None = None
    saturday: Hours | None = None
    sunday: Hours | None = None

    @field_validator(*DAYS)
    @classmethod
    def _readable(cls, hours: str | None) -> str | None:
        if hours is not None:
            _read(hours)
        return hours

    @model_validator(mode="after")
    def _ever(self) -> "Week":
        if not any(getattr(self, day) for day in DAYS):
            raise ValueError("people never work; name at least one day, or write `always`")
        return self


class Sla(Strict):
    """How soon a person answers what is handed to them.

    Attributes:
        open: within so long, of the hours when people work or not: by the clock.
        closed: the same, counted from when they next work.
    """

    open: Span
    closed: Span


class HoursFile(Strict):
    """`hours.yaml`.

    Attributes:
        time_zone: of the company; its calendar counts for every rule, too.
        open: `always`, or the hours of a week.
        holidays: days on which nobody works.
        closed: canned text that a customer gets beside the words of a hand-off while nobody works.
        first_response: told to people with each hand-off.
    """

    time_zone: str = "UTC"
    open: Literal["always"] | Week = "always"
    holidays: tuple[Holiday, ...] = ()
    closed: Identifier | None = None
    first_response: Sla | None = None

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone `{name}`; write one such as Europe/Berlin") from error
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)

    def is_open(self, moment: dt.datetime) -> bool:
        """Whether people work then."""
        here = moment.astimezone(self.zone)
        minute = here.hour * 60 + here.minute
        return any(begin <= minute < end for begin, end in self._of_day(here.date()))

    def next_open(self, moment: dt.datetime) -> dt.datetime | None:
        """When people work next: the moment itself if they work then. None if not within `LOOK_AHEAD` days."""
        if self.is_open(moment):
            return moment
        here = moment.astimezone(self.zone)
        for ahead in range(LOOK_AHEAD + 1):
            day = here.date() + dt.timedelta(days=ahead)
            for begin, _ in self._of_day(day):
                opens = dt.datetime.combine(day, dt.time(begin // 60, begin % 60), self.zone)
                if opens > here:
                    return opens.astimezone(dt.UTC)
        return None

    def due(self, moment: dt.datetime) -> dt.datetime | None:
        """By when a person answers what is handed over then. None if nothing is promised, or nobody comes."""
        if self.first_response is None:
            return None
        if self.is_open(moment):
            return moment + dt.timedelta(seconds=seconds(self.first_response.open))
        opens = self.next_open(moment)
        return opens + dt.timedelta(seconds=seconds(self.first_response.closed)) if opens else None

    def _of_day(self, day: dt.date) -> list[tuple[int, int]]:
        """Minutes from midnight, in order."""
        if any(day == one or day.isoformat()[5:] == one for one in self.holidays):
            return []
        if not isinstance(self.open, Week):
            return [(0, 24 * 60)]
        hours: str | None = getattr(self.open, DAYS[day.weekday()])
        return _read(hours) if hours else []


ALWAYS = HoursFile()
"""What holds without the file."""


def _read(hours: str) -> list[tuple[int, int]]:
    spans = []
    for part in hours.split(","):
        found = _HOURS.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"`{part.strip()}` are no hours; write e.g. 09:00-17:30, or 09:00-12:00, 13:00-17:00")
        begin = int(found[1]) * 60 + int(found[2])
        end = int(found[3]) * 60 + int(found[4]) if found[3] else 24 * 60
        if end <= begin:
            raise ValueError(f"`{part.strip()}` ends before it begins; over midnight give each day its part, up to 24:00")
        spans.append((begin, end))
    if any(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans)):
        raise ValueError(f"`{hours}` overlap, or are out of order; put them in order")
    return spans
