"""Articles that are too long, all but empty, without headings, or without a title of their own. Pure."""

import re
from collections.abc import Iterator, Sequence

from knowledge.chunk import words
from knowledge.health.report import Finding, Kind, Severity
from knowledge.health.shelf import Article

LONG_WORDS = 3_000
"""About ten minutes of reading; more than one question is answered there."""
EMPTY_WORDS = 8
_ANSWERS = re.compile(r"\d")
"""A short text with a number in it mostly says something: a time, a price, a limit."""
NO_HEADING_WORDS = 500
"""Half a screen more than a page: passages then have nothing but the title to say what they are about."""
_NO_TITLE = frozenset(
    [
        *("", "untitled", "untitled document", "no title", "title", "document", "new page", "new document", "new article"),
        *("index", "readme", "home", "page", "test", "draft", "todo", "tbd"),
        *("ohne titel", "sin título", "sans titre", "senza titolo"),
    ]
)
_FILE_NAME = re.compile(r"\S+\.(?:md|markdown|html?|txt|pdf|docx?|odt)|[^\W_]+(?:_[^\W_]+)+|\d+", re.IGNORECASE)
_BOLD_LINE = re.compile(r"^\s*(?:\*\*|__)[^*_\n]+(?:\*\*|__)\s*$", re.MULTILINE)


def misshapen(articles: Sequence[Article]) -> Iterator[Finding]:
    """One finding for each article and fault."""
    for article in articles:
        length = sum(words(passage.text) for passage in article.passages)
        if not _has_title(article):
            yield Finding(
                Kind.SHAPE,
                Severity.MEDIUM,
                f"The title {article.title!r} says nothing about the article." if article.title.strip() else "There is no title.",
                "Give it a title in the words of those who ask for it; search and citations rest on it.",
                (article.place(),),
            )
        if _is_empty(article):
            yield Finding(
                Kind.SHAPE,
                Severity.MEDIUM,
                f"Has no text to speak of: {_substance(article)} words besides title and headings.",
                "Write it, or remove it, unless that is all there is to say.",
                (article.place(article.passages[0], article.passages[0].text),),
            )
        if length > LONG_WORDS:
            yield Finding(
                Kind.SHAPE,
                Severity.LOW,
                f"{length:,} words; the limit is {LONG_WORDS:,}.",
                "Split it into articles of one subject each.",
                (article.place(),),
            )
        if length > NO_HEADING_WORDS and not _has_headings(article):
            yield Finding(
                Kind.SHAPE,
                Severity.LOW,
                f"{length:,} words without any heading.",
                "Put a heading over each part, so that passages say what they are about.",
                (article.place(),),
            )


def _has_title(article: Article) -> bool:
    title = article.title.strip()
    return title.casefold() not in _NO_TITLE and not _FILE_NAME.fullmatch(title)


def _is_empty(article: Article) -> bool:
    """A short answer under a question is a good one, as in any list of questions and answers."""
    substance = _substance(article)
    says_something = article.title.rstrip().endswith("?") or any(_ANSWERS.search(p.text) for p in article.passages)
    return substance < (1 if says_something else EMPTY_WORDS)


def _substance(article: Article) -> int:
    """Words that only repeat the title or a heading don't count."""
    said = {article.title.strip().casefold()} | {h.casefold() for p in article.passages for h in p.heading_path}
    lines = [line.strip() for passage in article.passages for line in passage.text.splitlines()]
    return sum(words(line) for line in lines if line.strip("#* _").casefold() not in said)


def _has_headings(article: Article) -> bool:
    return any(passage.heading_path or _BOLD_LINE.search(passage.text) for passage in article.passages)
