"""Articles that nobody has looked at for long, and sentences that time has overtaken. Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import date

from knowledge.health.dates import Dated, dates, parse_day
from knowledge.health.report import Finding, Kind, Severity
from knowledge.health.shelf import Article
from knowledge.sentences import split_sentences

_UNTIL = re.compile(
    r"\b(?:until|till|valid (?:through|to)|through|up to(?: and including)?|no later than|not later than|ends? on|"
    r"expires? on|bis(?: zum| einschließlich)?|hasta el|jusqu['’]au|fino al)\s*(?:the\s+)?\**$",
    re.IGNORECASE,
)
_TO_COME = re.compile(
    r"\b(?:will|going to|upcoming|coming soon|soon|planned|is due|are due|scheduled|expected to|wird|werden|próximo|sera|sarà)\b",
    re.IGNORECASE,
)
_STARTING = re.compile(
    r"\b(?:on|from|starting|starting from|beginning|as of|as from|effective|by|in|ab(?: dem)?|am|desde el|à partir du|dal)\s*"
    r"(?:the\s+)?\**$",
    re.IGNORECASE,
)


def stale_articles(articles: Sequence[Article], today: date, stale_days: int) -> Iterator[Finding]:
    """Articles last updated more than `stale_days` days ago, without a date, or with one that can't be read."""
    undated: list[Article] = []
    old: list[tuple[date, Article]] = []
    for article in articles:
        if not article.updated:
            undated.append(article)
        elif (day := parse_day(article.updated)) is None:
            yield Finding(
                Kind.STALE,
                Severity.LOW,
                f"`updated` is {article.updated!r}, which can't be read as a date.",
                "Write it as 2026-01-31.",
                (article.place(),),
            )
        elif (today - day).days > stale_days:
            old.append((day, article))
    for day, article in sorted(old, key=lambda row: (row[0], row[1].doc_id)):
        age = (today - day).days
        yield Finding(
            Kind.STALE,
            Severity.MEDIUM if age > 2 * stale_days else Severity.LOW,
            f"Last updated on {day.isoformat()}, {age} days ago (the limit is {stale_days}).",
            "Read it through; correct it or confirm it by a new `updated`, or remove it.",
            (article.place(),),
        )
    if undated:
        yield Finding(
            Kind.STALE,
            Severity.LOW,
            f"{len(undated)} of {len(articles)} articles don't say when they were last updated.",
            "Give each an `updated` date, so that its age can be seen.",
            tuple(article.place() for article in undated),
        )


def expired_sentences(articles: Sequence[Article], today: date) -> Iterator[Finding]:
    """Sentences in which something ends or will happen on a day that is past."""
    for article in articles:
        for passage in article.passages:
            if not dates(passage.text):
                continue
            for sentence in split_sentences(passage.text, "en"):
                if found := _overtaken(sentence, today):
                    day, what = found
                    yield Finding(
                        Kind.EXPIRED,
                        Severity.MEDIUM,
                        f"{what} {day.isoformat()}, {(today - day).days} days ago.",
                        "Say what holds now, or remove the sentence.",
                        (article.place(passage, sentence),),
                    )


def _overtaken(sentence: str, today: date) -> tuple[date, str] | None:
    for dated in dates(sentence):
        if dated.day >= today:
            continue
        before = sentence[max(0, dated.start - 40) : dated.start]
        if _UNTIL.search(before):
            return dated.day, "Speaks of something that ended on"
        if _STARTING.search(before) and _TO_COME.search(_around(sentence, dated)):
            return dated.day, "Speaks of something to come on"
    return None


def _around(sentence: str, dated: Dated) -> str:
    """The sentence without quotation, which may report what somebody wrote at the time."""
    rest = sentence[: dated.start] + sentence[dated.end :]
    return re.sub(r"[\"“„«][^\"”“»]*[\"”“»]", " ", rest)
