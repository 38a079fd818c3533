"""The figures stand in the sample help centre's articles."""

from datetime import UTC, date, datetime, timedelta

import pytest

from agent.samples.bookings.terms import Price, Terms, quote, starts_at

CHECK_IN = date(2027, 3, 5)
BOOKED = datetime(2026, 10, 1, tzinfo=UTC)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
PRICE = Price(nights=10_000, cleaning=100, tourist_tax=10, service_fee=1)


def back(terms: Terms, left: timedelta, nights: int = 5, booked: datetime = BOOKED):
    return quote(terms, PRICE, nights, booked, CHECK_IN, starts_at(CHECK_IN) - left)


@pytest.mark.parametrize(
    ("terms", "steps"),
    [
        (Terms.FLEXIBLE, [(5 * DAY, 100), (24 * HOUR, 80), (0 * DAY, 40)]),
        (Terms.MODERATE, [(14 * DAY, 100), (7 * DAY, 75), (48 * HOUR, 50), (0 * DAY, 0)]),
        (Terms.FIRM, [(30 * DAY, 100), (14 * DAY, 50), (7 * DAY, 25), (0 * DAY, 0)]),
        (Terms.STRICT, [(60 * DAY, 100), (30 * DAY, 50), (0 * DAY, 0)]),
        (Terms.NON_REFUNDABLE, [(100 * DAY, 0), (0 * DAY, 0)]),
        (Terms.LONG_STAY, [(45 * DAY, 100), (0 * DAY, 0)]),
    ],
)
def test_each_step_holds_to_the_second(terms, steps):
    for (least, percent), below in zip(steps, [*[share for _, share in steps[1:]], None], strict=True):
        at = back(terms, least)
        assert at.nights == 100 * percent
        assert at.service_fee == (1 if percent == 100 else 0)
        assert (at.cleaning, at.tourist_tax) == (100, 10)
        if below is not None:
            assert back(terms, least - SECOND).nights == 100 * below
    assert back(terms, -SECOND).total == 0


def test_the_examples_of_the_articles():
    moderate = Price(60_000, 8_000, 0, 8_160)
    assert quote(Terms.MODERATE, moderate, 5, BOOKED, CHECK_IN, starts_at(CHECK_IN) - 3 * DAY).total == 38_000
    flexible = Price(40_000, 6_000, 0, 5_520)
    assert quote(Terms.FLEXIBLE, flexible, 4, BOOKED, CHECK_IN, starts_at(CHECK_IN) - 2 * DAY).total == 38_000


def test_of_a_long_stay_the_nights_after_the_first_thirty():
    assert back(Terms.LONG_STAY, 10 * DAY, nights=40).nights == 2_500
    assert back(Terms.LONG_STAY, 10 * DAY, nights=30).nights == 0


def test_the_grace_period():
    for terms, wanted in ((Terms.STRICT, 10_111), (Terms.NON_REFUNDABLE, 110)):
        assert back(terms, 7 * DAY, booked=starts_at(CHECK_IN) - 8 * DAY).total == wanted
    assert not back(Terms.STRICT, 7 * DAY - SECOND, booked=starts_at(CHECK_IN) - 7 * DAY).is_grace
    assert not back(Terms.STRICT, 7 * DAY, booked=starts_at(CHECK_IN) - 8 * DAY - SECOND).is_grace
