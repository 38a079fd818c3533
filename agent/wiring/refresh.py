"""Keeps the knowledge base in line with the listed sources while a worker runs."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from agent.errors import AgentError
from agent.telemetry import DOCUMENTS, REFRESHES, SOURCE_SUCCESS
from knowledge.base import KnowledgeBase
from knowledge.errors import KnowledgeError, ListingInvalid
from knowledge.refresh import due
from knowledge.sources.kinds import BaseSource
from knowledge.sources.opening import load_sources
from knowledge.sync import SyncOptions, SyncRunning, SyncStopped
from knowledge.types import SourceResult

log = structlog.get_logger(__name__)


class SourceRefresher:
    """Called every minute: syncs the sources that are due, one after the other, in a thread of its own.

    Over all workers of a data folder one sync runs at a time: who finds another one running leaves it to that.
    """

    def __init__(self, knowledge: KnowledgeBase, listing: Path, allow: Callable[..., None]) -> None:
        """Nothing is read yet.

        Args:
            knowledge: what to keep in line.
            listing: `sources.yaml`; read at every call, so that it may be changed, or appear, while the worker runs.
            allow: lets this process reach the hosts of these URLs.
        """
        self._knowledge = knowledge
        self._listing = listing
        self._allow = allow
        self._stop = threading.Event()
        self._told = ""

    async def __call__(self) -> None:
        """Sync what is due. Raises nothing of ours: what fails is logged, counted and tried again later."""
        for source in await asyncio.to_thread(self._due):
            if self._stop.is_set() or not await asyncio.to_thread(self._refresh, source):
                return

    def stop(self) -> None:
        """End a sync that is under way, between two documents; the next one mends what is half done."""
        self._stop.set()

    def _due(self) -> list[BaseSource]:
        sources = self._sources()
        states = self._knowledge.source_states()
        for source in sources:
            if (state := states.get(source.name)) and state.succeeded:
                # What another process has done counts, too.
                SOURCE_SUCCESS.labels(source.name).set(state.succeeded.timestamp())
        return due(sources, states, datetime.now(UTC))

    def _sources(self) -> tuple[BaseSource, ...]:
        if not self._listing.exists():
            return ()
        try:
            sources = load_sources(self._listing)
        except ListingInvalid as error:
            # Once for each state of the file, not every minute.
            if (told := str(error)) != self._told:
                log.error("sources_invalid", file=str(self._listing), problems=list(error.problems))
            self._told = told
            return ()
        self._told = ""
        return sources

    def _refresh(self, source: BaseSource) -> bool:
        """False if the others had better wait, too."""
        began = time.monotonic()
        try:
            self._allow(*source.reaches)
            report = self._knowledge.sync_sources([source], SyncOptions(is_stopped=self._stop.is_set))
        except SyncRunning:
            log.info("refresh_waits", source=source.name, reason="another sync is running")
            return False
        except SyncStopped:
            log.info("refresh_stopped", source=source.name)
            return False
        except (KnowledgeError, AgentError) as error:
            REFRESHES.labels("failed").inc()
            log.error("refresh_failed", source=source.name, error=type(error).__name__, detail=str(error))
            return True
        for result in report.sources:
            _tell(result, time.monotonic() - began)
        return True


def _tell(result: SourceResult, seconds: float) -> None:
    """Count and log, without a word of a document: a reason may quote one, unless it is that of the whole source."""
    counts = {
        "added": result.added,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "removed": result.removed,
        "failed": len(result.failed),
    }
    for name, count in counts.items():
        DOCUMENTS.labels(name).inc(count)
    REFRESHES.labels("failed" if result.is_broken else "ok").inc()
    event = {"source": result.name, **counts, "seconds": round(seconds, 1)}
    if result.is_broken:
        reasons = [failure.reason for failure in result.failed if failure.source == result.name]
        log.warning("refresh_failed", **event, detail=reasons[0] if reasons else "its root can't be read")
    else:
        SOURCE_SUCCESS.labels(result.name).set_to_current_time()
        log.info("refresh_done", **event)
