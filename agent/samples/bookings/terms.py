"""The sample company's cancellation policies: what a guest gets back before check-in. Pure.

Source: the articles in `knowledge/samples/help_centre/cancellations`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

CHECK_IN = time(16, 0)
"""Days are counted back from this time on the day of check-in; every home is taken to lie in UTC."""
GRACE = timedelta(hours=24)
GRACE_LEAST = timedelta(days=7)
LONG_STAY_NIGHTS = 30


class Terms(StrEnum):
    """The policy that was shown when the booking was made."""

    FLEXIBLE = "flexible"
    MODERATE = "moderate"
    FIRM = "firm"
    STRICT = "strict"
    LONG_STAY = "long_stay"
    NON_REFUNDABLE = "non_refundable"


_STEPS: dict[Terms, tuple[tuple[timedelta, int], ...]] = {
    Terms.FLEXIBLE: ((timedelta(days=5), 100), (timedelta(hours=24), 80), (timedelta(0), 40)),
    Terms.MODERATE: ((timedelta(days=14), 100), (timedelta(days=7), 75), (timedelta(hours=48), 50)),
    Terms.FIRM: ((timedelta(days=30), 100), (timedelta(days=14), 50), (timedelta(days=7), 25)),
    Terms.STRICT: ((timedelta(days=60), 100), (timedelta(days=30), 50)),
    Terms.LONG_STAY: ((timedelta(days=45), 100),),
    Terms.NON_REFUNDABLE: (),
}
"""Per cent of the nights' price from this long before check-in."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a booking costs, in cents."""

    nights: int
    cleaning: int
    tourist_tax: int
    service_fee: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.nights + self.cleaning + self.tourist_tax + self.service_fee


@dataclass(frozen=True, slots=True)
class Quote:
    """What cancelling now would give back.

    Attributes:
        is_grace: True within the first day after booking, with a week to go.
        nights, cleaning, tourist_tax, service_fee: cents.
    """

    is_grace: bool
    nights: int
    cleaning: int
    tourist_tax: int
    service_fee: int

    @property
    def total(self) -> int:
        """All of it, in cents."""
        return self.nights + self.cleaning + self.tourist_tax + self.service_fee


def starts_at(check_in: date) -> datetime:
    """When check-in begins."""
    return datetime.combine(check_in, CHECK_IN, UTC)


def quote(terms: Terms, price: Price, nights: int, booked_at: datetime, check_in: date, now: datetime) -> Quote:
    """What cancelling at `now` would give back; nothing once check-in has begun."""
    left = starts_at(check_in) - now
    if left < timedelta(0):
        return Quote(is_grace=False, nights=0, cleaning=0, tourist_tax=0, service_fee=0)
    is_grace = terms is not Terms.NON_REFUNDABLE and now - booked_at <= GRACE and left >= GRACE_LEAST
    percent = 100 if is_grace else next((share for least, share in _STEPS[terms] if left >= least), 0)
    back = price.nights * percent // 100
    if terms is Terms.LONG_STAY and percent == 0:
        back = price.nights * max(0, nights - LONG_STAY_NIGHTS) // nights
    return Quote(is_grace, back, price.cleaning, price.tourist_tax, price.service_fee if percent == 100 else 0)
