"""When each source was last brought in line, and which are due. Pure, but for the file that remembers it."""

import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import filelock

from knowledge.errors import IndexUnavailable
from knowledge.sources.kinds import BaseSource
from knowledge.types import SourceFailure, SourceResult, SyncReport

FILE = "sources.state.json"
MAX_BACKOFF = 8
"""A source that fails again and again is tried after so many times its `refresh`."""
LOCK_TIMEOUT_S = 10.0
MAX_FAILING = 1_000
"""Failing paths and URLs that are remembered of a source; of a site with more the time is not what matters."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is remembered of a source.

    Attributes:
        tried: when it was last synced, well or not.
        succeeded: when it was last synced well; None if never.
        failures: how many times in a row it has failed as a whole since then.
        failing: paths and URLs in it that could not be read at the last try, with the time of the first such try in a row.
    """

    tried: datetime
    succeeded: datetime | None = None
    failures: int = 0
    failing: Mapping[str, datetime] = field(default_factory=dict)


States = Mapping[str, SourceState]


def due(sources: Sequence[BaseSource], states: States, now: datetime) -> list[BaseSource]:
    """Those to sync now, in the order of the listing.

    A source is due once its `refresh` has passed since the last try; after each further failure in a row it is twice
    as long, at most `MAX_BACKOFF` times. A try in the future (a clock was set back) counts as long ago.
    """
    return [source for source in sources if _is_due(source, states.get(source.name), now)]


def _is_due(source: BaseSource, state: SourceState | None, now: datetime) -> bool:
    if source.refresh is None:
        return False
    if state is None or state.tried > now:
        return True
    return now - state.tried >= waits(source.refresh, state.failures)


def waits(refresh: timedelta, failures: int) -> timedelta:
    """How long to wait after a try that left so many failures in a row."""
    return refresh * min(MAX_BACKOFF, 1 << min(10, max(0, failures - 1)))


def noted(states: States, results: Iterable[SourceResult], now: datetime) -> dict[str, SourceState]:
    """The states after a sync. A source of which only some documents failed has succeeded."""
    after = dict(states)
    for result in results:
        if not result.name:
            continue
        before = after.get(result.name, SourceState(now))
        failing = _failing(before, result, now)
        after[result.name] = (
            replace(before, tried=now, failures=before.failures + 1, failing=failing)
            if result.is_broken
            else SourceState(now, succeeded=now, failing=failing)
        )
    return after


def _failing(before: SourceState, result: SourceResult, now: datetime) -> dict[str, datetime]:
    found = {failure.source: before.failing.get(failure.source, now) for failure in result.failed}
    # Of a source that broke off not everything was tried.
    kept = {**before.failing, **found} if result.is_broken else found
    return dict(list(kept.items())[:MAX_FAILING])


def with_since(report: SyncReport, states: States, now: datetime) -> SyncReport:
    """The report, with the day since when a path or URL has been failing where earlier syncs told of it already.

    Args:
        report: of the sync.
        states: after it, from `note_results`.
        now: the time of the sync, as it was given to `note_results`.
    """
    # An export of which several pages failed is one path: since when each of them fails isn't known.
    times = Counter((failure.origin, failure.source) for failure in report.failed)

    def told(failure: SourceFailure) -> SourceFailure:
        state = states.get(failure.origin)
        since = state.failing.get(failure.source, now) if state else now
        if since >= now or times[failure.origin, failure.source] > 1:
            return failure
        return replace(failure, reason=f"{failure.reason} (failing since {since.date().isoformat()})")

    results = tuple(replace(one, failed=tuple(map(told, one.failed))) for one in report.sources)
    return replace(report, failed=tuple(map(told, report.failed)), sources=results)


def load_states(data_dir: Path) -> dict[str, SourceState]:
    """What is remembered in a data folder. A file that is missing or damaged means nothing: everything is due then."""
    try:
        found = json.loads((data_dir / FILE).read_bytes())
        return {str(name): _state(entry) for name, entry in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def note_results(
    data_dir: Path, results: Iterable[SourceResult], now: datetime, kept: Collection[str] | None = None
) -> dict[str, SourceState]:
    """Write down how a sync went, in one step that a crash can't halve.

    Args:
        data_dir: the data folder.
        results: of the sync.
        now: with a time zone.
        kept: the only sources to remember from now on; all if None.

    Raises:
        IndexUnavailable: the data folder can't be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(data_dir / f"{FILE}.lock", timeout=LOCK_TIMEOUT_S):
            states = noted(load_states(data_dir), results, now)
            if kept is not None:
                states = {name: state for name, state in states.items() if name in kept}
            draft = data_dir / f"{FILE}.{os.getpid()}.tmp"
            draft.write_text(json.dumps({name: _row(state) for name, state in states.items()}, indent=1), encoding="utf-8")
            draft.replace(data_dir / FILE)
            return states
    except (OSError, filelock.Timeout) as error:
        raise IndexUnavailable(f"{data_dir / FILE} can't be written: {error}. Is the disk full?") from error


def _row(state: SourceState) -> dict[str, Any]:
    return {
        "tried": state.tried.isoformat(),
        "succeeded": state.succeeded.isoformat() if state.succeeded else None,
        "failures": state.failures,
        "failing": {name: since.isoformat() for name, since in state.failing.items()},
    }


def _state(entry: Mapping[str, Any]) -> SourceState:
    tried, succeeded = datetime.fromisoformat(str(entry["tried"])), entry.get("succeeded")
    failing = {str(name): datetime.fromisoformat(str(since)) for name, since in entry.get("failing", {}).items()}
    state = SourceState(
        tried, datetime.fromisoformat(str(succeeded)) if succeeded else None, int(entry.get("failures") or 0), failing
    )
    if any(moment.tzinfo is None for moment in (tried, *failing.values())):
        raise ValueError("a time without a zone")
    return state
