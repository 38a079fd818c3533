"""The booking system's HTTP API. It does what an operator of the company may do, and checks little: rules are the policies' work.

What it does check is what no such system would let pass: whose booking it is where that is said, that there is one to change,
and that nobody gets more money back than was paid.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from agent.samples.bookings.store import BookingStore, KeyReused, Row
from agent.samples.bookings.terms import Price, Terms, quote, starts_at

CHANGE_FEE_CENTS = 2_500
CHANGE_FREE = timedelta(days=7)
"""Source: `knowledge/samples/help_centre/bookings/change-dates.md`."""

Decide = Callable[[Row, datetime], tuple[Row, Row | None]]
"""From a booking and the time to what changes in it, and the refund that is paid if any."""
Cents = Annotated[int, Field(ge=0, description="integer cents of the booking's currency")]
CustomerId = Annotated[str | None, Query(max_length=100, description="whose booking it must be")]
Key = Annotated[
    str, Header(alias="Idempotency-Key", min_length=1, max_length=200, description="a repeat with the same key changes nothing")
]


class Booking(BaseModel):
    """One booking."""

    booking_id: str
    customer_id: str
    email: str
    home: str
    status: Literal["confirmed", "cancelled", "completed"]
    terms: Terms
    booked_at: AwareDatetime
    check_in: date
    check_in_at: AwareDatetime
    check_out: date
    nights: int
    guests: int
    nights_cents: Cents
    cleaning_cents: Cents
    tourist_tax_cents: Cents
    service_fee_cents: Cents
    change_fee_cents: Cents
    total_cents: Cents
    paid_cents: Cents
    refunded_cents: Cents
    currency: str
    date_changes: int
    cancelled_at: AwareDatetime | None


class CancellationQuote(BaseModel):
    """What cancelling now would give back by the terms of the booking; of a cancelled one what it gave a right to."""

    booking_id: str
    terms: Terms
    is_grace_period: bool
    nights_cents: Cents
    cleaning_cents: Cents
    tourist_tax_cents: Cents
    service_fee_cents: Cents
    refund_cents: Cents
    currency: str


class Asked(BaseModel):
    """What a change is asked with."""

    model_config = ConfigDict(extra="forbid")


class NewDates(Asked):
    """Another stay."""

    check_in: date
    check_out: date


class Refund(Asked):
    """Money back."""

    amount_cents: Annotated[int, Field(gt=0, le=100_000_000, description="integer cents of the booking's currency")]
    reason: Annotated[str, Field(min_length=1, max_length=200)] = "goodwill"


def create_bookings(store: BookingStore, token: SecretStr, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> FastAPI:
    """The service. Every call but `/healthz` and the document needs the token as a bearer's."""
    bearer = HTTPBearer(auto_error=False)

    def let_in(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        if given is None or not hmac.compare_digest(given.credentials.encode(), token.get_secret_value().encode()):
            raise HTTPException(401, "the token is missing or wrong", {"WWW-Authenticate": "Bearer"})

    app = FastAPI(title="Bookings of Marlowe Stays", version="1", docs_url=None, redoc_url=None)
    guarded: dict[str, Any] = {"dependencies": [Depends(let_in)]}

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    _add_reads(app, store, now, guarded)
    _add_changes(app, store, now, guarded)
    return app


def _add_reads(app: FastAPI, store: BookingStore, now: Callable[[], datetime], guarded: Mapping[str, Any]) -> None:
    @app.get("/bookings", operation_id="list_bookings", summary="A customer's bookings, the next stay first", **guarded)
    def list_bookings(customer_id: Annotated[str, Query(max_length=100)]) -> list[Booking]:
        return [_booking(row) for row in store.of(customer_id)]

    @app.get("/bookings/{booking_id}", operation_id="get_booking", summary="One booking", **guarded)
    def get_booking(booking_id: str, customer_id: CustomerId = None) -> Booking:
        return _booking(_found(store.get(booking_id), customer_id))

    @app.get(
        "/bookings/{booking_id}/cancellation",
        operation_id="quote_cancellation",
        summary="What cancelling this booking now would give back, or has given",
        **guarded,
    )
    def quote_cancellation(booking_id: str, customer_id: CustomerId = None) -> CancellationQuote:
        row = _found(store.get(booking_id), customer_id)
        return _quote(row, datetime.fromisoformat(row["cancelled_at"]) if row["cancelled_at"] else now())


def _add_changes(app: FastAPI, store: BookingStore, now: Callable[[], datetime], guarded: Mapping[str, Any]) -> None:
    def change(booking_id: str, customer_id: str | None, key: str, asked: object, decide: Decide) -> Booking:
        def decided(row: Row | None) -> tuple[Row, Row | None, Row]:
            known = _found(row, customer_id)
            changes, refund = decide(known, now())
            return changes, refund, _booking({**known, **changes}).model_dump(mode="json")

        try:
            answer, _ = store.change(booking_id, key, json.dumps([booking_id, customer_id, asked], sort_keys=True), decided)
        except KeyReused:
            raise HTTPException(422, "this key was used for another request") from None
        return Booking.model_validate(answer)

    @app.post("/bookings/{booking_id}/dates", operation_id="change_dates", summary="Move a stay to other dates", **guarded)
    def change_dates(booking_id: str, asked: NewDates, key: Key, customer_id: CustomerId = None) -> Booking:
        return change(booking_id, customer_id, key, ["dates", asked.model_dump(mode="json")], partial(_moved, asked))

    @app.post("/bookings/{booking_id}/cancel", operation_id="cancel_booking", summary="Cancel; pays nothing back", **guarded)
    def cancel_booking(booking_id: str, key: Key, customer_id: CustomerId = None) -> Booking:
        return change(booking_id, customer_id, key, ["cancel"], _cancelled)

    @app.post("/bookings/{booking_id}/refund", operation_id="refund", summary="Pay money back for a booking", **guarded)
    def refund(booking_id: str, asked: Refund, key: Key, customer_id: CustomerId = None) -> Booking:
        return change(booking_id, customer_id, key, ["refund", asked.model_dump(mode="json")], partial(_paid_back, asked))


def _moved(asked: NewDates, row: Row, now: datetime) -> tuple[Row, None]:
    nights = (asked.check_out - asked.check_in).days
    if nights < 1:
        raise HTTPException(422, "check-out comes after check-in")
    _needs_confirmed(row)
    is_late = starts_at(date.fromisoformat(row["check_in"])) - now < CHANGE_FREE
    return {
        "check_in": asked.check_in.isoformat(),
        "check_out": asked.check_out.isoformat(),
        "nights_cents": row["nights_cents"] * nights // _nights(row),
        "change_fee_cents": row["change_fee_cents"] + (CHANGE_FEE_CENTS if is_late else 0),
        "date_changes": row["date_changes"] + 1,
    }, None


def _cancelled(row: Row, now: datetime) -> tuple[Row, None]:
    _needs_confirmed(row)
    return {"status": "cancelled", "cancelled_at": now.isoformat(timespec="seconds")}, None


def _paid_back(asked: Refund, row: Row, now: datetime) -> tuple[Row, Row]:
    refunded = row["refunded_cents"] + asked.amount_cents
    if refunded > row["paid_cents"]:
        raise HTTPException(422, "that is more than was paid")
    paid_back = {"amount_cents": asked.amount_cents, "reason": asked.reason, "at": now.isoformat(timespec="seconds")}
    return {"refunded_cents": refunded}, paid_back


def _found(row: Row | None, customer_id: str | None) -> Row:
    """Another customer's booking is none: whether it exists is not told."""
    if row is None or (customer_id is not None and row["customer_id"] != customer_id):
        raise HTTPException(404, "there is no such booking")
    return row


def _needs_confirmed(row: Row) -> None:
    if row["status"] != "confirmed":
        raise HTTPException(422, "only a confirmed booking can be changed")


def _nights(row: Row) -> int:
    return (date.fromisoformat(row["check_out"]) - date.fromisoformat(row["check_in"])).days


def _price(row: Row) -> Price:
    return Price(row["nights_cents"], row["cleaning_cents"], row["tourist_tax_cents"], row["service_fee_cents"])


def _booking(row: Row) -> Booking:
    check_in_at = starts_at(date.fromisoformat(row["check_in"]))
    total = _price(row).total + row["change_fee_cents"]
    return Booking.model_validate({**row, "nights": _nights(row), "check_in_at": check_in_at, "total_cents": total})


def _quote(row: Row, now: datetime) -> CancellationQuote:
    found = quote(
        Terms(row["terms"]),
        _price(row),
        _nights(row),
        datetime.fromisoformat(row["booked_at"]),
        date.fromisoformat(row["check_in"]),
        now,
    )
    return CancellationQuote(
        booking_id=row["booking_id"],
        terms=Terms(row["terms"]),
        is_grace_period=found.is_grace,
        nights_cents=found.nights,
        cleaning_cents=found.cleaning,
        tourist_tax_cents=found.tourist_tax,
        service_fee_cents=found.service_fee,
        refund_cents=found.total,
        currency=row["currency"],
    )
