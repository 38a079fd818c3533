"""What the reference helpdesk remembers, in one SQLite file: tickets, messages, deliveries to make, events received."""

import json
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tickets (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, subject TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting', created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, ticket_id TEXT NOT NULL REFERENCES tickets (id),
    author TEXT NOT NULL, text TEXT NOT NULL, created_at TEXT NOT NULL, run_id TEXT, state TEXT, event TEXT);
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, ticket_id TEXT NOT NULL, type TEXT NOT NULL,
    body BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting', error TEXT);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (state, due);
CREATE TABLE IF NOT EXISTS inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, webhook_id TEXT UNIQUE NOT NULL, type TEXT NOT NULL, ticket_id TEXT NOT NULL,
    data TEXT NOT NULL, received_at TEXT NOT NULL, repeats INTEGER NOT NULL DEFAULT 0);
"""
STATUS_AFTER: Mapping[str, str] = {
    "agent.reply.sent": "answered",
    "agent.reply.proposed": "approval",
    "agent.handoff.requested": "person",
}
"""Ticket status by the event that arrived."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook to Innkeeper that is not confirmed yet."""

    delivery_id: str
    body: bytes
    attempts: int


class DeskStore:
    """The file. Every method is one short transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def open_ticket(self, subject: str, ticket_id: str | None = None) -> str:
        """A new ticket's id. It is random if not given, since Innkeeper may remember tickets of an earlier file."""
        ticket_id = ticket_id or f"T-{secrets.token_hex(5).upper()}"
        self._db.execute(
            "INSERT INTO tickets (id, subject, created_at, updated_at) VALUES (?, ?, ?, ?)", (ticket_id, subject, *[now()] * 2)
        )
        return ticket_id

    def has_ticket(self, ticket_id: str) -> bool:
        """True if there is such a ticket."""
        return self._db.execute("SELECT 1 FROM tickets WHERE id = ?", (ticket_id,)).fetchone() is not None

    def add_message(self, ticket_id: str, author: str, text: str) -> str:
        """Keep what a customer or a person wrote, and the webhook that tells of it, in one step. Returns its id."""
        message_id, created_at = f"M-{secrets.token_hex(6).upper()}", now()
        data = {
            "system": "demo-desk",
            "ticket_id": ticket_id,
            "message_id": message_id,
            "author": {"kind": author},
            "visibility": "public",
            "text": text,
            "subject": self._column(ticket_id, "subject"),
        }
        with self._step():
            self._db.execute(
                "INSERT INTO messages (id, ticket_id, author, text, created_at) VALUES (?, ?, ?, ?, ?)",
                (message_id, ticket_id, author, text, created_at),
            )
            # Once a person has taken over, the ticket is theirs whoever writes next.
            self._touch(
                ticket_id, "waiting" if author == "customer" and self._column(ticket_id, "status") != "person" else "person"
            )
            self._owe(ticket_id, "ticket.message.created", created_at, data)
        return message_id

    def decide(self, ticket_id: str, run_id: str, *, approved: bool, text: str | None) -> bool:
        """Approve or decline a proposed reply. False if there is none that waits."""
        state = "approved" if approved else "declined"
        with self._step():
            changed = self._db.execute(
                "UPDATE messages SET state = ? WHERE ticket_id = ? AND run_id = ? AND state = 'proposed'",
                (state, ticket_id, run_id),
            ).rowcount
            if changed:
                self._touch(ticket_id, "waiting" if approved else "person")
                data = {"ticket_id": ticket_id, "run_id": run_id} | ({} if text is None else {"text": text})
                self._owe(ticket_id, f"agent.reply.{state}", now(), data)
        return bool(changed)

    def receive(self, webhook_id: str, kind: str, data: Mapping[str, Any]) -> bool:
        """Keep an event from Innkeeper and show it on its ticket. False, and only counted, if it is a repeat."""
        ticket_id, text = str(data["ticket_id"]), str(data.get("text") or "")
        with self._step():
            if self._db.execute("UPDATE inbox SET repeats = repeats + 1 WHERE webhook_id = ?", (webhook_id,)).rowcount:
                return False
            self._db.execute(
                "INSERT INTO inbox (webhook_id, type, ticket_id, data, received_at) VALUES (?, ?, ?, ?, ?)",
                (webhook_id, kind, ticket_id, json.dumps(data), now()),
            )
            self._db.execute(
                "INSERT INTO messages (id, ticket_id, author, text, created_at, run_id, state, event) "
                "VALUES (?, ?, 'bot', ?, ?, ?, ?, ?)",
                (
                    f"in:{webhook_id}",
                    ticket_id,
                    text,
                    now(),
                    str(data.get("run_id") or ""),
                    "proposed" if kind == "agent.reply.proposed" else "sent",
                    json.dumps({"type": kind} | dict(data)),
                ),
            )
            self._touch(ticket_id, STATUS_AFTER.get(kind, "waiting"))
        return True

    def due(self, at: float, most: int) -> list[Delivery]:
        """Deliveries to make now, oldest first."""
        rows = self._db.execute(
            "SELECT id, body, attempts FROM deliveries WHERE state = 'waiting' AND due <= ? ORDER BY number LIMIT ?", (at, most)
        )
        return [Delivery(row["id"], row["body"], row["attempts"]) for row in rows]

    def next_due(self) -> float | None:
        """When the next delivery is to be made, in seconds since 1970."""
        row = self._db.execute("SELECT MIN(due) AS due FROM deliveries WHERE state = 'waiting'").fetchone()
        return None if row["due"] is None else float(row["due"])

    def attempted(self, delivery_id: str, state: str, due: float = 0.0, error: str | None = None) -> None:
        """Keep how an attempt ended: `delivered`, `refused`, or `waiting` until `due`."""
        self._db.execute(
            "UPDATE deliveries SET attempts = attempts + 1, state = ?, due = ?, error = ? WHERE id = ?",
            (state, due, error, delivery_id),
        )

    def tickets(self) -> list[dict[str, Any]]:
        """Newest first, without their messages."""
        return [dict(row) for row in self._db.execute("SELECT * FROM tickets ORDER BY number DESC LIMIT 200")]

    def ticket(self, ticket_id: str) -> dict[str, Any] | None:
        """A ticket with its messages and its deliveries, oldest first."""
        row = self._db.execute("SELECT * FROM tickets WHERE id = ?", (ticket_id,)).fetchone()
        if row is None:
            return None
        messages = self._db.execute(
            "SELECT id, author, text, created_at, run_id, state, event FROM messages WHERE ticket_id = ? ORDER BY number",
            (ticket_id,),
        )
        deliveries = self._db.execute(
            "SELECT id, type, attempts, state, error FROM deliveries WHERE ticket_id = ? ORDER BY number", (ticket_id,)
        )
        return dict(row) | {
            "messages": [dict(m) | {"event": json.loads(m["event"]) if m["event"] else None} for m in messages],
            "deliveries": [dict(d) for d in deliveries],
        }

    def outcomes(self) -> list[dict[str, Any]]:
        """Every event that Innkeeper sent, oldest first, with how often it was repeated."""
        rows = self._db.execute("SELECT webhook_id, type, ticket_id, data, received_at, repeats FROM inbox ORDER BY number")
        return [dict(row) | {"data": json.loads(row["data"])} for row in rows]

    def forget(self, ticket_ids: Collection[str]) -> int:
        """Remove tickets with all that is kept of them, from the file itself, too. How many there were."""
        self._db.execute("PRAGMA secure_delete=ON")
        gone = 0
        with self._step():
            for one in ticket_ids:
                for table in ("messages", "deliveries", "inbox"):
                    self._db.execute(f"DELETE FROM {table} WHERE ticket_id = ?", (one,))
                gone += self._db.execute("DELETE FROM tickets WHERE id = ?", (one,)).rowcount
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def _column(self, ticket_id: str, name: Literal["subject", "status"]) -> str:
        return str(self._db.execute("SELECT subject, status FROM tickets WHERE id = ?", (ticket_id,)).fetchone()[name])

    def _touch(self, ticket_id: str, status: str) -> None:
        self._db.execute("UPDATE tickets SET status = ?, updated_at = ? WHERE id = ?", (status, now(), ticket_id))

    def _owe(self, ticket_id: str, kind: str, timestamp: str, data: Mapping[str, Any]) -> None:
        body = json.dumps({"type": kind, "timestamp": timestamp, "data": data}, ensure_ascii=False).encode()
        self._db.execute(
            "INSERT INTO deliveries (id, ticket_id, type, body) VALUES (?, ?, ?, ?)",
            (f"msg_{secrets.token_hex(12)}", ticket_id, kind, body),
        )

    @contextmanager
    def _step(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def now() -> str:
    """The time in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
