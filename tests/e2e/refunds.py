"""Guests with cancelled bookings, the rules for paying them back, and what the booking system and the ledger say in the end."""

import datetime as dt
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from agent.samples.bookings.store import BookingStore
from policies.load import default_folder

ACTION = "refund_booking"
_LEDGER = f"innkeeper:{{action:{ACTION}}}"


@dataclass(frozen=True)
class Guest:
    """Somebody who is owed `cents` for one booking, and writes in a ticket of their own."""

    number: int
    cents: int

    @property
    def booking_id(self) -> str:
        return f"MS-{200_000 + self.number}"

    @property
    def customer_id(self) -> str:
        return f"guest-{self.number}"

    @property
    def ticket(self) -> str:
        return f"R{self.number}"

    @property
    def money(self) -> str:
        """As the customer reads it."""
        return f"€{self.cents // 100}.{self.cents % 100:02}"

    @property
    def row(self) -> dict[str, Any]:
        """The booking: all of its price comes back."""
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        check_in = (now + dt.timedelta(days=30)).date()
        return {
            "booking_id": self.booking_id,
            "customer_id": self.customer_id,
            "email": f"{self.customer_id}@example.com",
            "home": "Harbour Loft, Porto",
            "status": "cancelled",
            "terms": "flexible",
            "booked_at": (now - dt.timedelta(days=40)).isoformat(),
            "check_in": check_in.isoformat(),
            "check_out": (check_in + dt.timedelta(days=4)).isoformat(),
            "guests": 2,
            "nights_cents": self.cents,
            "cleaning_cents": 0,
            "tourist_tax_cents": 0,
            "service_fee_cents": 0,
            "paid_cents": self.cents,
            "cancelled_at": now.isoformat(),
        }


def rules(folder: Path, per_day: int, above: int, timeout: str = "4h") -> Path:
    """The pack that ships with these limits, in cents. Its day has hours to go, and is the same for the whole test."""
    shutil.copytree(default_folder(), folder)
    _change(folder / "actions" / f"{ACTION}.yaml", "per_day: 20000", f"per_day: {per_day / 100:.2f}")
    _change(folder / "actions" / f"{ACTION}.yaml", "above: 500", f"above: {above / 100:.2f}")
    _change(folder / "actions" / f"{ACTION}.yaml", "timeout: 4h", f"timeout: {timeout}")
    noon = dt.datetime.now(dt.UTC).hour - 12
    _change(folder / "hours.yaml", "time_zone: Europe/Lisbon", f"time_zone: Etc/GMT{noon:+d}")
    return folder


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@dataclass(frozen=True)
class Books:
    """What the booking system itself has written down: the truth about money."""

    path: Path

    @classmethod
    def begin(cls, data_dir: Path, guests: Sequence[Guest]) -> "Books":
        """A new system that has these bookings."""
        path = data_dir / "demo-bookings.sqlite3"
        BookingStore(path).add_if_empty([guest.row for guest in guests])
        return cls(path)

    def add(self, guest: Guest) -> None:
        """One more booking, while the system runs."""
        row = guest.row
        with closing(sqlite3.connect(self.path, timeout=30)) as database, database:
            names, places = ", ".join(row), ", ".join("?" * len(row))
            database.execute(f"INSERT INTO bookings ({names}) VALUES ({places})", tuple(row.values()))

    def refunds(self) -> list[tuple[str, int]]:
        """Booking and cents of each refund that was carried out."""
        return self._rows("SELECT booking_id, amount_cents FROM refunds ORDER BY refund_id")

    def paid_back(self) -> dict[str, int]:
        """By booking, as it says itself."""
        return dict(self._rows("SELECT booking_id, refunded_cents FROM bookings WHERE refunded_cents > 0"))

    def keys(self) -> int:
        """How many calls were carried out: each has a key of its own."""
        return len(self._rows("SELECT key, request FROM answers"))

    def _rows(self, query: str) -> list[tuple[str, int]]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)) as database:
            return list(database.execute(query))


@dataclass(frozen=True)
class Accounts:
    """What the ledger says.

    Attributes:
        days: cents of all customers, of each day.
        calls: stage and cents of each call that is known.
        customers: cents of all customers' calls together.
    """

    days: tuple[int, ...]
    calls: tuple[tuple[str, int], ...]
    customers: int

    @classmethod
    def read(cls, url: str) -> "Accounts":
        with redis.Redis.from_url(url, decode_responses=True) as client:
            days = [int(client.get(key)) for key in client.scan_iter(f"{_LEDGER}:day:*")]
            calls = [client.hgetall(key) for key in client.scan_iter(f"{_LEDGER}:call:*")]
            members = [one for key in client.scan_iter(f"{_LEDGER}:of:*") for one in client.zrange(key, 0, -1)]
        return cls(
            tuple(days),
            tuple((call["stage"], int(call["amount"])) for call in calls),
            sum(int(member.partition(":")[0]) for member in members),
        )
