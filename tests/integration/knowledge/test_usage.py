import sqlite3
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase
from knowledge.errors import IndexUnavailable
from knowledge.types import PassageId, Query
from knowledge.usage import UsageRecord

DAY = date(2026, 6, 15)
A, B = PassageId("pets:0123:0"), PassageId("a: b:0123:1")
REPOSITORY = Path(__file__).parents[3]


class Calendar:
    def __init__(self) -> None:
        self.day = DAY

    def __call__(self) -> date:
        return self.day


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "usage.sqlite3"


def test_before_any_search_there_is_no_record_and_no_file(file: Path):
    record = UsageRecord(file)
    assert record.since(DAY).first_day is None
    record.close()
    assert not file.exists()


def test_counts_add_up_over_records_of_one_file(file: Path):
    for _ in range(2):
        record = UsageRecord(file, today=Calendar())
        record.found([A, B])
        record.found([A])
        record.found([])
        record.close()
    seen = UsageRecord(file).since(DAY)
    assert (seen.first_day, seen.searches, seen.found) == (DAY, 6, {A: 4, B: 2})


def test_only_the_time_asked_for_is_counted(file: Path):
    calendar = Calendar()
    record = UsageRecord(file, today=calendar)
    record.found([A])
    calendar.day = date(2026, 6, 20)
    record.found([B])
    seen = record.since(date(2026, 6, 16))
    record.close()
    assert (seen.first_day, seen.searches, seen.found) == (DAY, 1, {B: 1})


def test_the_file_holds_ids_and_days_and_no_words_of_a_question(base: KnowledgeBase, docs: Path, data: Path):
    base.sync([docs])
    hits = base.search(Query("Can I take my zebra along?"))
    base.close()
    raw = b"".join(path.read_bytes() for path in data.glob("usage.sqlite3*"))
    assert b"zebra" not in raw
    assert set(base.usage.since(date(2020, 1, 1)).found) == {hit.passage.passage_id for hit in hits}
    base.close()


def test_a_timer_writes_without_being_asked(file: Path):
    record = UsageRecord(file, flush_s=0.01)
    record.found([A])
    deadline = time.monotonic() + 30
    while not file.exists() or not UsageRecord(file).since(date(2020, 1, 1)).searches:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    record.close()


def test_threads_and_processes_lose_nothing(file: Path):
    code = (
        "import sys; from pathlib import Path; from knowledge.usage import UsageRecord\n"
        "r = UsageRecord(Path(sys.argv[1]))\n"
        "for _ in range(20):\n    r.found(['pets:0123:0']); assert r.flush()\n"
        "r.close()\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, str(file)], cwd=REPOSITORY) for _ in range(3)]
    record = UsageRecord(file)
    threads = [threading.Thread(target=lambda: [record.found([A]) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.wait() for child in children] == [0, 0, 0]
    seen = record.since(date(2020, 1, 1))
    record.close()
    assert (seen.searches, seen.found) == (860, {A: 860})


def test_old_days_become_months_and_old_months_go(file: Path):
    calendar = Calendar()
    record = UsageRecord(file, today=calendar)
    for day in (date(2025, 1, 10), date(2026, 2, 1), date(2026, 2, 3), date(2026, 2, 20), DAY):
        calendar.day = day
        record.found([B] if day.year == 2025 else [A])
        assert record.flush()
    record.close()
    db = sqlite3.connect(file)
    assert db.execute("SELECT day, count FROM searches ORDER BY day").fetchall() == [("2026-02-01", 3), ("2026-06-15", 1)]
    assert db.execute("SELECT name FROM passage").fetchall() == [(A,)]
    db.close()
    assert record.since(date(2026, 2, 15)).found == {A: 4}
    assert record.since(date(2026, 6, 1)).found == {A: 1}
    record.close()


def test_a_search_goes_on_when_nothing_can_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "data").write_text("a file where the folder should be")
    record = UsageRecord(tmp_path / "data" / "usage.sqlite3", today=Calendar())
    record.found([A])
    assert not record.flush()
    assert not record.flush()
    assert len(caplog.records) == 1
    (tmp_path / "data").unlink()
    assert record.since(DAY).found == {A: 1}
    record.close()


def test_a_broken_file_says_what_to_do(file: Path):
    file.parent.mkdir()
    file.write_bytes(b"no database " * 100)
    with pytest.raises(IndexUnavailable, match="Remove it to start a new one"):
        UsageRecord(file).since(DAY)
