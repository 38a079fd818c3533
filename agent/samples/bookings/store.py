"""Bookings in one SQLite file: a change and the answer to its key are written in one transaction."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

BUSY_S = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS bookings (
    booking_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, email TEXT NOT NULL, home TEXT NOT NULL, status TEXT NOT NULL,
    terms TEXT NOT NULL, booked_at TEXT NOT NULL, check_in TEXT NOT NULL, check_out TEXT NOT NULL, guests INTEGER NOT NULL,
    nights_cents INTEGER NOT NULL, cleaning_cents INTEGER NOT NULL, tourist_tax_cents INTEGER NOT NULL,
    service_fee_cents INTEGER NOT NULL, change_fee_cents INTEGER NOT NULL DEFAULT 0, paid_cents INTEGER NOT NULL,
    refunded_cents INTEGER NOT NULL DEFAULT 0, currency TEXT NOT NULL DEFAULT 'EUR', date_changes INTEGER NOT NULL DEFAULT 0,
    cancelled_at TEXT,
    CHECK (refunded_cents BETWEEN 0 AND paid_cents)
);
CREATE TABLE IF NOT EXISTS refunds (
    refund_id INTEGER PRIMARY KEY, booking_id TEXT NOT NULL REFERENCES bookings,
    amount_cents INTEGER NOT NULL CHECK (amount_cents > 0), reason TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, request TEXT NOT NULL, answer TEXT NOT NULL);
"""

Row = Mapping[str, Any]


class KeyReused(Exception):
    """The same key came with another request."""


class BookingStore:
    """Safe for threads and for several processes: each call has a connection of its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        with closing(self._open()) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)

    def add_if_empty(self, rows: Sequence[Row]) -> None:
        """The first bookings, unless there are any."""
        with self._changing() as database:
            if database.execute("SELECT 1 FROM bookings LIMIT 1").fetchone() is None:
                for row in rows:
                    _insert(database, "bookings", row)

    def of(self, customer_id: str) -> list[Row]:
        """A customer's bookings, the next stay first."""
        with closing(self._open()) as database:
            found = database.execute("SELECT * FROM bookings WHERE customer_id = ? ORDER BY check_in", (customer_id,))
            return [dict(row) for row in found]

    def get(self, booking_id: str) -> Row | None:
        """One booking, if there is one."""
        with closing(self._open()) as database:
            return _get(database, booking_id)

    def change(
        self, booking_id: str, key: str, request: str, decide: Callable[[Row | None], tuple[Row, Row | None, Row]]
    ) -> tuple[Row, bool]:
        """Change a booking once for each key.

        Args:
            booking_id: which.
            key: the answer that was given to it before is given again, and nothing is changed.
            request: what is asked, in full; another one with the same key is an error.
            decide: from the booking to what changes in it, the refund that is paid if any, and the answer. What it raises ends
                the change, and the key stays free.

        Returns:
            The answer, and whether it is a repeated one.

        Raises:
            KeyReused: the key was used for something else.
        """
        with self._changing() as database:
            known = database.execute("SELECT request, answer FROM answers WHERE key = ?", (key,)).fetchone()
            if known is not None:
                if known["request"] != request:
                    raise KeyReused
                return json.loads(known["answer"]), True
            changes, refund, answer = decide(_get(database, booking_id))
            for column, value in changes.items():
                database.execute(f"UPDATE bookings SET {column} = ? WHERE booking_id = ?", (value, booking_id))
            if refund is not None:
                _insert(database, "refunds", {"booking_id": booking_id, **refund})
            _insert(database, "answers", {"key": key, "request": request, "answer": json.dumps(answer)})
            return answer, False

    def refunds(self, booking_id: str) -> list[Row]:
        """What was paid back, oldest first."""
        with closing(self._open()) as database:
            found = database.execute(
                "SELECT amount_cents, reason, at FROM refunds WHERE booking_id = ? ORDER BY refund_id", (booking_id,)
            )
            return [dict(row) for row in found]

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._open()) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA synchronous = FULL")
        return database


def _get(database: sqlite3.Connection, booking_id: str) -> Row | None:
    row = database.execute("SELECT * FROM bookings WHERE booking_id = ?", (booking_id,)).fetchone()
    return None if row is None else dict(row)


def _insert(database: sqlite3.Connection, table: str, row: Row) -> None:
    columns, places = ", ".join(row), ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(row.values()))
