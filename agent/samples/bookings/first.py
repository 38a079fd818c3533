"""The first bookings of the sample company, as seen from a day. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from agent.samples.bookings.terms import Price, Terms, starts_at

ANNA, BEN = ("guest-anna", "anna@example.com"), ("guest-ben", "ben@example.com")


def first_bookings(now: datetime) -> list[dict[str, Any]]:
    """A handful, with check-ins counted from `now`."""
    return list(_bookings(now))


def _bookings(now: datetime) -> Iterator[dict[str, Any]]:
    five = Price(60_000, 8_000, 1_200, 8_160)
    yield _booking("MS-104211", ANNA, "Harbour Loft, Porto", Terms.MODERATE, five, now, days=20, nights=5, guests=2)
    yield _booking("MS-104212", ANNA, "Mill House, Bruges", Terms.NON_REFUNDABLE, five, now, days=9, nights=5, guests=2)
    four = Price(40_000, 6_000, 800, 5_520)
    yield _booking("MS-104213", BEN, "Garden Flat, Lyon", Terms.FLEXIBLE, four, now, days=3, nights=4, guests=1)
    yield _booking("MS-104214", BEN, "Villa Corvara, Bolzano", Terms.STRICT, Price(280_000, 20_000, 9_600, 36_000), now, days=45)
    yield _booking(
        "MS-103877", BEN, "Old Pharmacy, Ghent", Terms.FIRM, four, now, days=-30, nights=4, guests=2, status="completed"
    )


def _booking(
    booking_id: str, who: tuple[str, str], home: str, terms: Terms, price: Price, now: datetime, *, days: int, **more: Any
) -> dict[str, Any]:
    check_in = (now + timedelta(days=days)).date()
    nights = int(more.get("nights", 7))
    return {
        "booking_id": booking_id,
        "customer_id": who[0],
        "email": who[1],
        "home": home,
        "status": more.get("status", "confirmed"),
        "terms": terms.value,
        "booked_at": (min(now, starts_at(check_in)) - timedelta(days=40)).isoformat(timespec="seconds"),
        "check_in": check_in.isoformat(),
        "check_out": (check_in + timedelta(days=nights)).isoformat(),
        "guests": more.get("guests", 8),
        "nights_cents": price.nights,
        "cleaning_cents": price.cleaning,
        "tourist_tax_cents": price.tourist_tax,
        "service_fee_cents": price.service_fee,
        "paid_cents": price.total,
    }
