"""From what a helpdesk holds to clean text. Pure."""

import re
from datetime import UTC, datetime
from functools import cache

import lxml.html
from lxml import etree
from mailparser_reply.parser import EmailMessage

from agent.channels.helpdesks.marks import is_marked
from agent.channels.intake import MAX_TEXT, clean_text, html_to_text

LANGUAGES = ["en", "de", "es", "fr", "pt", "it", "nl", "pl"]
"""Whose "On … wrote:" lines are known."""
NO_TEXT = "(a message without text)"
MAX_RAW = 2_000_000
"""Characters of a message that are read at all; far more than `MAX_TEXT`, since HTML is mostly marks."""
LONGEST_LINE = 250
"""Of a line that says whom the words below it are from."""
KEPT_END = 40
"""Characters; a reference and the words before it are fewer."""
_QUOTES = "//blockquote[@type='cite'] | //*[contains(concat(' ', @class, ' '), ' gmail_quote ')]"


def text_of_html(html: str) -> str:
    """What a reader sees, without what a mail program quotes of earlier messages."""
    try:
        root = lxml.html.document_fromstring(
            html.encode(errors="replace"), parser=lxml.html.HTMLParser(encoding="utf-8", no_network=True)
        )
    except etree.ParserError:
        return ""
    quotes = root.xpath(_QUOTES)
    for quote in quotes:
        if quote.getparent() is not None:
            quote.drop_tree()
    return html_to_text(lxml.html.tostring(root, encoding="unicode") if quotes else html)


def newest_words(text: str) -> str:
    """What the writer has added: without quoted earlier messages. The whole text if nothing else is left."""
    lines = text.split("\n")
    # Anybody can write a line on which these patterns take hours: their time grows with the square of its length.
    short = [line.strip() if len(line) <= LONGEST_LINE else "x" for line in lines]
    found = _quote_headers().search("\n".join(short))
    if found is None:
        return text
    header = found.group()
    before = found.string[: found.end() - len(header.lstrip("\n"))].count("\n")
    return "\n".join(lines[:before]).strip() or text


@cache
def _quote_headers() -> re.Pattern[str]:
    # The library's own parser also looks for signatures and disclaimers, which nobody needs here.
    pattern: re.Pattern[str] = EmailMessage(text="", languages=[*LANGUAGES]).HEADER_REGEX
    return pattern


def said(text: str | None = None, html: str | None = None, *, mail: bool = False) -> str:
    """A message's words, clean and bounded; never empty.

    Args:
        text: plain text, used if it has words.
        html: taken else.
        mail: it came by mail, so earlier messages may be quoted in it.
    """
    words = clean_text((text or "")[:MAX_RAW]) or clean_text(text_of_html((html or "")[:MAX_RAW]))
    words = bounded(words)
    if mail:
        words = clean_text(newest_words(words))
    if not words:
        return NO_TEXT
    return bounded(words)


def bounded(words: str) -> str:
    """At most `MAX_TEXT` characters. What ends in a reference keeps it: by that ours are found before they are sent again."""
    end = words[-KEPT_END:] if is_marked(words) else ""
    return words if len(words) <= MAX_TEXT else f"{words[: MAX_TEXT - len(end) - 1]}…{end}"


def utc(value: str | int | float | datetime) -> str:
    """A time as ISO 8601 in UTC, from ISO 8601 or seconds since 1970. A time without a zone is UTC.

    Raises:
        ValueError: it is no time.
    """
    if isinstance(value, (int, float)):
        at = datetime.fromtimestamp(value, UTC)
    else:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
