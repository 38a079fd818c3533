"""Public articles that read as if they were written for agents. Pure.

Only wording that customers are hardly ever addressed in: what is found is a question to the author, not a verdict.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knowledge.health.report import Finding, Kind, Severity
from knowledge.health.shelf import Article
from knowledge.sentences import split_sentences
from knowledge.types import Audience, Passage

_CUSTOMER = r"(?:customers?|guests?|users?|clients?|members?|callers?|cardholders?|hosts?)"


@dataclass(frozen=True, slots=True)
class Sign:
    """Wording that gives an article for agents away."""

    pattern: re.Pattern[str]
    severity: Severity
    seen: str


_TITLE = Sign(
    re.compile(
        r"^\W*(?:internal|agents? only|staff only|confidential|intern|interno|interne)\b\s*(?:[:\-–—|)\]]|$)"
        r"|[(\[](?:internal|agents? only|staff only|confidential)(?: use)?(?: only)?[)\]]",
        re.IGNORECASE,
    ),
    Severity.HIGH,
    "is headed as internal",
)
_SIGNS = (
    Sign(
        re.compile(
            r"\b(?:do not|don['’]t|never|must not|should not|may not)\s+(?:\w+\s+){0,3}?(?:tell|disclose|reveal|share|"
            rf"mention|inform|promise|admit|show|name|offer|communicate)\b[^.;:!?]{{0,80}}?\b(?:to|with|the|any|a)\s+(?:the\s+)?{_CUSTOMER}\b",
            re.IGNORECASE,
        ),
        Severity.HIGH,
        "says what customers must not be told",
    ),
    Sign(
        re.compile(r"\b(?:for internal use|internal use only|not for customers|agents? only|staff only)\b", re.IGNORECASE),
        Severity.HIGH,
        "says that it is for internal use",
    ),
    Sign(
        re.compile(
            r"\b(?:the\s+)?(?:(?:support|service|human)\s+)?(?:agents?|representatives?|csrs?)\s+"
            r"(?:must|should|shall|needs? to|ha(?:s|ve) to|are required to|is required to)\b(?! not (?:ask|be able))",
            re.IGNORECASE,
        ),
        Severity.MEDIUM,
        "tells agents what to do",
    ),
    Sign(
        re.compile(
            rf"\b(?:verify|confirm|ask|check|inform|tell|advise|remind|transfer|explain to|apologi[sz]e to)\s+"
            rf"(?:that\s+)?the\s+{_CUSTOMER}(?:['’]s)?\b",
            re.IGNORECASE,
        ),
        Severity.LOW,
        "speaks about the customer to somebody else",
    ),
    Sign(
        re.compile(r"(?<![\w/.@-])`?[a-z]+(?:_[a-z0-9]+)+`?\s*\(|(?<![\w/.@=&?-])`?[a-z]{3,}(?:_[a-z0-9]+){2,}\b(?![/.@=])"),
        Severity.MEDIUM,
        "names a tool or function",
    ),
)
_WEAK_TIMES = 3
"""A single "tell the host" is for guests; three are a procedure."""


def misplaced(articles: Sequence[Article]) -> Iterator[Finding]:
    """One finding for each public article with signs, at the worst severity of them, with a quote for each sign."""
    for article in articles:
        if article.audience is not Audience.PUBLIC:
            continue
        seen = _signs(article)
        if not seen:
            continue
        severities = list(Severity)
        worst = min((sign.severity for sign, _, _ in seen), key=severities.index)
        shown = {sign.seen: (passage, quote) for sign, passage, quote in reversed(seen)}
        told = ", ".join(dict.fromkeys(sign.seen for sign, _, _ in seen))
        yield Finding(
            Kind.AUDIENCE,
            worst,
            f"A public article that may be meant for agents: it {told}.",
            "If it is for agents, set “audience: internal”. If not, say it in words for customers.",
            tuple(article.place(passage, quote) for passage, quote in (shown[name] for name in reversed(shown))),
        )


def _signs(article: Article) -> list[tuple[Sign, Passage, str]]:
    found: list[tuple[Sign, Passage, str]] = []
    if _TITLE.pattern.search(article.title):
        found.append((_TITLE, article.passages[0], article.title))
    for passage in article.passages:
        found += [(_TITLE, passage, heading) for heading in passage.heading_path if _TITLE.pattern.search(heading)]
        if any(sign.pattern.search(passage.text) for sign in _SIGNS):
            for sentence in split_sentences(passage.text, "en"):
                found += [(sign, passage, sentence) for sign in _SIGNS if sign.pattern.search(sentence)]
    weak = [row for row in found if row[0].severity is Severity.LOW]
    strong = [row for row in found if row[0].severity is not Severity.LOW]
    return found if len(weak) >= _WEAK_TIMES else strong
