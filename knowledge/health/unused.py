"""Articles and passages that no search has returned for a while. Pure.

A passage's id changes with its article, and a search returns several passages, however far off: what was never among
them is far from all that was asked. An article counts as found whatever its version was then.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from knowledge.health.dates import parse_day
from knowledge.health.report import Finding, Kind, Severity, plural
from knowledge.health.shelf import Article
from knowledge.types import Audience
from knowledge.usage import UsageSince

SEARCHES_PER_ARTICLE = 3
"""With fewer searches than this for each article, most articles are not found by chance."""
LEAST_DAYS = 14
OFTEN = 20
"""Passages of an article are looked at one by one once the article has been found so often."""
NEW_DAYS = 30
SHOWN = 200


def never_found(articles: Sequence[Article], usage: UsageSince, today: date, days: int) -> tuple[list[Finding], str]:
    """Findings, and a note if the record says too little to find anything (then there are none).

    Args:
        articles: all of them.
        usage: what was recorded in the period.
        today: the day of the report.
        days: length of the period.
    """
    if usage.first_day is None:
        return [], "No search has been recorded yet, so nothing can be said about what is never found."
    recorded = min(days, (today - usage.first_day).days + 1)
    needed = SEARCHES_PER_ARTICLE * len(articles)
    if recorded < min(LEAST_DAYS, days) or usage.searches < needed:
        told = f"so far {plural(usage.searches, 'search', 'searches')} on {plural(recorded, 'day')} counted"
        return [], f"{told}; what is never found can be said from {needed:,} searches on {LEAST_DAYS} days on."
    return list(_findings(articles, usage, today, recorded)), ""


def _findings(articles: Sequence[Article], usage: UsageSince, today: date, days: int) -> Iterator[Finding]:
    counts: dict[str, int] = defaultdict(int)
    for passage_id, count in usage.found.items():
        counts[passage_id.rsplit(":", 2)[0]] += count
    period = f"in {usage.searches:,} searches of the last {days} days"
    for audience in Audience:
        unseen = [a for a in articles if a.audience is audience and not counts[a.doc_id] and not _is_new(a, today)]
        if unseen:
            yield Finding(
                Kind.UNUSED,
                Severity.LOW,
                f"{len(unseen)} {audience} articles were never found {period}."
                + (f" {len(unseen) - SHOWN} are not listed." if len(unseen) > SHOWN else ""),
                "If customers ask for it, say it in their words (title, headings, `asked:`). If nobody does, remove it.",
                tuple(article.place() for article in unseen[:SHOWN]),
            )
    for article in articles:
        own = [passage for passage in article.passages if passage.passage_id in usage.found]
        missing = [passage for passage in article.passages if passage.passage_id not in usage.found]
        # Counted by the ids of this version: after an edit the record starts anew.
        if missing and sum(usage.found[passage.passage_id] for passage in own) >= OFTEN:
            yield Finding(
                Kind.UNUSED,
                Severity.LOW,
                f"The article was found often, {len(missing)} of its {len(article.passages)} passages never, {period}.",
                "Check whether their headings say what they are about; remove what nobody needs.",
                tuple(article.place(passage, passage.text) for passage in missing[:5]),
            )


def _is_new(article: Article, today: date) -> bool:
    day = parse_day(article.updated) if article.updated else None
    return day is not None and (today - day).days < NEW_DAYS
