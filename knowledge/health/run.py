"""Reads a knowledge base and makes every check. The only part of health that reads anything."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from knowledge.base import KnowledgeBase
from knowledge.health.audiences import misplaced
from knowledge.health.blocks import Step
from knowledge.health.contradictions import contradictions
from knowledge.health.freshness import expired_sentences, stale_articles
from knowledge.health.languages import missing_translations
from knowledge.health.links import Directory, broken_links, find_links, leaking_links, unchecked_hosts
from knowledge.health.names import Names
from knowledge.health.report import Finding, HealthReport, ordered
from knowledge.health.shape import misshapen
from knowledge.health.shelf import Shelf, make_shelf
from knowledge.health.twins import near_duplicates
from knowledge.health.unused import never_found
from knowledge.types import DocumentId

Progress = Callable[[int, int, str], None]
"""Called with how much is done, how much there is, and the name of the check."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a company may set.

    Attributes:
        stale_days: an article not updated for so long is stale.
        unused_days: how far back searches count.
    """

    stale_days: int = 365
    unused_days: int = 90


def examine(
    base: KnowledgeBase, limits: Limits | None = None, now: datetime | None = None, on_progress: Progress | None = None
) -> HealthReport:
    """Every check over the whole knowledge base. Changes nothing.

    100,000 passages with vectors of 384 take some 500 MB and minutes; most of the time goes into comparing passages.

    Args:
        base: the knowledge base.
        limits: the defaults if None.
        now: the time of the report; the clock's if None.
        on_progress: told while the two long checks run.

    Raises:
        KnowledgeError: the index, the record of use or the embedding model can't be used.
    """
    limits, now, tell = limits or Limits(), now or datetime.now(UTC), on_progress or (lambda done, total, name: None)
    today = now.date()
    shelf = read_shelf(base)
    articles, names = shelf.articles, Names(shelf.articles)
    directory = Directory(articles)
    links = list(find_links(articles, directory))
    usage = base.usage.since(today - timedelta(days=limits.unused_days))
    unused, note = never_found(articles, usage, today, limits.unused_days)
    findings: list[Finding] = [
        *contradictions(articles, names, base.embedder.embed, _step(tell, "contradictions")),
        *leaking_links(links),
        *misplaced(articles),
        *broken_links(links, directory),
        *expired_sentences(articles, today),
        *stale_articles(articles, today, limits.stale_days),
        *near_duplicates(shelf, names, _step(tell, "duplicates")),
        *unused,
        *missing_translations(articles),
        *misshapen(articles),
    ]
    return HealthReport(
        made=now.isoformat(timespec="seconds"),
        documents=len(articles),
        passages=len(shelf.vectors),
        findings=ordered(findings),
        notes=tuple(text for text in (_empty_note(shelf), note if articles else "") if text),
        hosts=unchecked_hosts(links),
    )


def read_shelf(base: KnowledgeBase) -> Shelf:
    """Every article with its passages and vectors, page by page."""
    sources: dict[DocumentId, str] = {copy.doc_id: copy.source for copy in base.documents()}
    return make_shelf(base.everything(), sources)


def _empty_note(shelf: Shelf) -> str:
    return "" if shelf.articles else "The knowledge base is empty; fill it with `innkeeper ingest PATH`."


def _step(tell: Progress, name: str) -> Step:
    return lambda done, total: tell(done, total, name)
