"""Which passages searches returned: counts for each passage and day, never a question. One small SQLite file.

The hot path adds to a dictionary. A timer writes what has come together, in a thread of its own, and `close` the rest;
a killed process loses at most the last `FLUSH_S` seconds. Several processes may write the same file. Days older than
`DAILY` are folded into months and months older than `KEEP` are dropped, so that the file has at most about
`DAILY + 13` rows for a passage, each of some 15 bytes.
"""

import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from knowledge.errors import IndexUnavailable
from knowledge.types import PassageId

FLUSH_S = 30.0
DAILY = timedelta(days=31)
KEEP = timedelta(days=400)
MAX_PENDING = 200_000
"""Passages in memory while the file can't be written; beyond, new ones are not counted until it can."""
BUSY_S = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS passage (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS found (day TEXT, passage INTEGER, count INTEGER NOT NULL, PRIMARY KEY (day, passage)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS searches (day TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UsageSince:
    """What was recorded from a day on.

    Attributes:
        first_day: the first day of the whole record that is known; None if nothing was recorded yet.
        searches: how many searches, in the time asked for.
        found: how often each passage was returned in that time; those that never were are not in it.
    """

    first_day: date | None
    searches: int
    found: Mapping[PassageId, int]


def _today() -> date:
    return datetime.now(UTC).date()


class UsageRecord:
    """Counts what searches return. Safe to share between threads; opens the file only to write or read."""

    def __init__(self, path: Path, flush_s: float = FLUSH_S, today: Callable[[], date] = _today) -> None:
        """Touches no file.

        Args:
            path: the SQLite file; made with its folder at the first write.
            flush_s: how long counts may stay in memory.
            today: the day, in UTC.
        """
        self._path = path
        self._flush_s = flush_s
        self._today = today
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._found: Counter[tuple[str, PassageId]] = Counter()
        self._searches: Counter[str] = Counter()
        self._timer: threading.Timer | None = None
        self._warned = False

    def found(self, ids: Iterable[PassageId]) -> None:
        """Count one search and what it returned, which may be nothing. Does no I/O and never fails."""
        day = self._today().isoformat()
        with self._lock:
            self._searches[day] += 1
            for passage_id in ids:
                if len(self._found) < MAX_PENDING or (day, passage_id) in self._found:
                    self._found[day, passage_id] += 1
            if self._timer is None:
                self._start_timer()

    def flush(self) -> bool:
        """Write what is in memory. False if it can't be written now; it is kept, and tried again later."""
        with self._writing:
            with self._lock:
                found, self._found = self._found, Counter()
                searches, self._searches = self._searches, Counter()
            if not searches:
                return True
            try:
                self._write(found, searches)
            except (sqlite3.Error, OSError) as error:
                with self._lock:
                    self._found.update(found)
                    self._searches.update(searches)
                self._warn(error)
                return False
            self._warned = False
            return True

    def close(self) -> None:
        """Stop the timer and write the rest. It may be used again."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self.flush()

    def since(self, day: date) -> UsageSince:
        """What was recorded on that day and later, by all processes; of a month that was folded, the whole month.

        Raises:
            IndexUnavailable: the file can't be read.
        """
        self.flush()
        if not self._path.exists():
            return UsageSince(None, 0, {})
        start = day.isoformat()
        # The row of a folded month bears its first day.
        folded = day.replace(day=1).isoformat() if day <= self._today() - DAILY else start
        try:
            with self._open() as db:
                first = db.execute("SELECT min(day) FROM searches").fetchone()[0]
                searches = db.execute("SELECT coalesce(sum(count), 0) FROM searches WHERE day >= ?", (folded,)).fetchone()[0]
                rows = db.execute(
                    "SELECT name, sum(count) FROM found JOIN passage ON id = passage WHERE day >= ? GROUP BY passage", (folded,)
                ).fetchall()
        except (sqlite3.Error, OSError) as error:
            message = f"the record of what was found, {self._path}, can't be read: {error}. Remove it to start a new one."
            raise IndexUnavailable(message) from error
        return UsageSince(date.fromisoformat(first) if first else None, searches, {PassageId(name): n for name, n in rows})

    def _write(self, found: Counter[tuple[str, PassageId]], searches: Counter[str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        names = sorted({passage_id for _, passage_id in found})
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO passage (name) VALUES (?) ON CONFLICT DO NOTHING", ((name,) for name in names))
            db.executemany(
                "INSERT INTO found SELECT ?, id, ? FROM passage WHERE name = ? "
                "ON CONFLICT DO UPDATE SET count = count + excluded.count",
                ((day, count, name) for (day, name), count in found.items()),
            )
            db.executemany(
                "INSERT INTO searches VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count", searches.items()
            )
            self._fold(db)
            db.execute("COMMIT")

    def _fold(self, db: sqlite3.Connection) -> None:
        """Old days become months, old months go, and passages that no row speaks of any more."""
        today = self._today()
        # Whole months only, so that a month is folded once and completely.
        keep_days_from = (today - DAILY).replace(day=1).isoformat()
        old = db.execute("SELECT 1 FROM searches WHERE day < ? AND day NOT LIKE '%-01' LIMIT 1", (keep_days_from,)).fetchone()
        if old:
            for table, columns in (("found", "passage"), ("searches", "")):
                extra = f"{columns}, " if columns else ""
                db.execute(
                    f"INSERT INTO {table} SELECT substr(day, 1, 8) || '01' AS month, {extra}sum(count) FROM {table} "
                    f"WHERE day < ? AND day NOT LIKE '%-01' GROUP BY {extra}month "
                    "ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    (keep_days_from,),
                )
                db.execute(f"DELETE FROM {table} WHERE day < ? AND day NOT LIKE '%-01'", (keep_days_from,))
        horizon = (today - KEEP).isoformat()
        dropped = sum(db.execute(f"DELETE FROM {table} WHERE day < ?", (horizon,)).rowcount for table in ("found", "searches"))
        if dropped:
            db.execute("DELETE FROM passage WHERE id NOT IN (SELECT passage FROM found)")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(_SCHEMA)
            yield db

    def _start_timer(self) -> None:
        self._timer = threading.Timer(self._flush_s, self._on_timer)
        self._timer.daemon = True
        self._timer.name = "usage-flush"
        self._timer.start()

    def _on_timer(self) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():
                return  # closed, or another one is running
            self._timer = None
        if not self.flush():
            with self._lock:
                if self._timer is None:
                    self._start_timer()

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "what searches found can't be recorded in %s: %s; it is kept in memory and tried again", self._path, error
            )
