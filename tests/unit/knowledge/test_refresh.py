from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from knowledge.refresh import SourceState, due, noted, waits, with_since
from knowledge.sources.kinds import FolderSource
from knowledge.types import SourceFailure, SourceResult, SyncReport

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def source(name: str = "a", refresh: timedelta | None = HOUR) -> FolderSource:
    return FolderSource(name=name, path=Path("/docs"), refresh=refresh)


@pytest.mark.parametrize(
    ("state", "is_due"),
    [
        (None, True),
        (SourceState(NOW - HOUR, NOW - HOUR), True),
        (SourceState(NOW - HOUR / 2, NOW - HOUR / 2), False),
        (SourceState(NOW - HOUR, failures=1), True),
        (SourceState(NOW - HOUR, failures=2), False),
        (SourceState(NOW - 2 * HOUR, failures=2), True),
        (SourceState(NOW - 7.9 * HOUR, failures=90), False),
        (SourceState(NOW - 8 * HOUR, failures=90), True),
        (SourceState(NOW + HOUR, NOW + HOUR), True),
    ],
)
def test_due(state: SourceState | None, is_due: bool):
    assert bool(due([source()], {"a": state} if state else {}, NOW)) is is_due


def test_a_source_that_a_person_refreshes_is_never_due():
    assert due([source(refresh=None)], {}, NOW) == []


def test_due_keeps_the_order_of_the_list():
    assert [s.name for s in due([source("b"), source("a")], {}, NOW)] == ["b", "a"]


def test_waiting_doubles_up_to_eight_times():
    assert [waits(HOUR, n) / HOUR for n in range(7)] == [1, 1, 2, 4, 8, 8, 8]


def test_failures_add_up_until_a_success():
    broken, good = SourceResult("a", is_broken=True), SourceResult("a", added=1)
    states = noted(noted({"a": SourceState(NOW - HOUR, NOW - HOUR)}, [broken], NOW), [broken], NOW)
    assert states["a"] == SourceState(NOW, NOW - HOUR, 2)
    assert noted(states, [good], NOW)["a"] == SourceState(NOW, NOW, 0)


def test_what_was_ingested_by_path_is_not_remembered():
    assert noted({}, [SourceResult("")], NOW) == {}


def test_a_failure_is_told_with_the_day_since_when_it_lasts():
    failure = SourceFailure("http://wiki.intra/a", "answered HTTP 500", "a")
    bad = SourceResult("a", failed=(failure,))
    report = SyncReport(failed=(failure,), sources=(bad,))
    first = noted({}, [bad], NOW)
    assert with_since(report, first, NOW) == report
    later = NOW + 48 * HOUR
    broken = noted(first, [SourceResult("a", is_broken=True)], NOW + HOUR)
    told = with_since(report, noted(broken, [bad], later), later)
    assert [one.reason for one in (*told.failed, *told.sources[0].failed)] == ["answered HTTP 500 (failing since 2026-01-02)"] * 2
    mended = noted(noted(first, [SourceResult("a", unchanged=1)], NOW + HOUR), [bad], later)
    assert with_since(report, mended, later) == report
    twice = SyncReport(failed=(failure, failure))
    assert with_since(twice, noted(first, [bad], later), later) == twice
