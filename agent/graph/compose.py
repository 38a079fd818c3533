"""Words around verified claims: the reply with its citations, and the summary for a person. Pure."""

import datetime as dt
import re
from collections.abc import Sequence
from itertools import pairwise

from agent.graph.followup import latest_request
from agent.grounding.claims import Claim
from agent.grounding.passages import BOLD_LINE, heading
from agent.types import Citation, Message
from knowledge.types import Hit, Passage
from policies.engine import PolicyEngine

SUMMARY_PASSAGES = 3
_ITEM = re.compile(r"\s*([-*+•]|\d+[.)])\s")


def answer(claims: Sequence[Claim], hits: Sequence[Hit]) -> tuple[str, tuple[Citation, ...]]:
    """The reply: each claim with the [n] of its passage, quotes under their headings, and the citations in order of n."""
    numbers: dict[int, int] = {}
    quotes: dict[int, list[str]] = {}
    parts: list[str] = []
    above: Passage | None = None
    for claim in claims:
        n = numbers.setdefault(claim.hit, len(numbers) + 1)
        quotes.setdefault(claim.hit, []).append(claim.quote)
        text = _numbered(claim.text.strip("\n").rstrip(), n)
        if claim.is_quote:
            passage = hits[claim.hit].passage
            text, above = _under_heading(text, passage, above), passage
        parts.append(text)
    citations = tuple(
        Citation(
            n=n,
            doc_id=hits[i].passage.doc_id,
            passage_id=hits[i].passage.passage_id,
            title=hits[i].passage.title,
            url=hits[i].passage.url,
            quote=" … ".join(dict.fromkeys(quotes[i])),
        )
        for i, n in numbers.items()
    )
    return _joined(parts), citations


def _under_heading(text: str, passage: Passage, above: Passage | None) -> str:
    """A quote with the title and headings that it stands under, as far as they differ from those of the quote above.

    A list says nothing without its heading, or the opposite: "strikes" stands under "Events that are not covered".
    """
    if BOLD_LINE.match(text):  # a small section that shares a passage with another one brings its own
        line = passage.title if above is None or above.doc_id != passage.doc_id else ""
    elif above is None or above.doc_id != passage.doc_id:
        line = heading(passage)
    elif above.heading_path != passage.heading_path:
        line = " – ".join(passage.heading_path)
    else:
        line = ""
    return f"**{line}**\n\n{text}" if line else text


def _numbered(text: str, n: int) -> str:
    """The [n] ends the sentence; under a table or a list of several items it stands by itself, for it is of the whole."""
    last = text.splitlines()[-1] if text else ""
    apart = last.lstrip().startswith("|") or ("\n" in text and _ITEM.match(last))
    return f"{text}\n\n[{n}]" if apart else f"{text} [{n}]"


def _joined(parts: Sequence[str]) -> str:
    """Sentences run on; whatever has lines of its own is a paragraph of its own."""
    text = ""
    for before, part in pairwise(("", *parts)):
        is_block = any("\n" in p or _ITEM.match(p) for p in (before, part))
        text += (("\n\n" if is_block else " ") if before else "") + part
    return text


def handoff_words(policies: PolicyEngine, key: str, language: str, now: dt.datetime) -> str:
    """What a customer reads who is handed to a person; while nobody works it says that, too."""
    closed = policies.closed(now, language)
    text = policies.text(key, language)
    return f"{text}\n\n{closed}" if closed else text


def summary(messages: Sequence[Message], reason: str, hits: Sequence[Hit], due: dt.datetime | None = None) -> str:
    """For the person who takes over: the request in the customer's words, why, what was looked at, by when to answer."""
    lines = [f"Customer asks: {latest_request(messages).strip()}", f"Handed over because: {reason}."]
    if len(messages) > 1:
        lines.append(f"Messages so far: {len(messages)}.")
    seen = dict.fromkeys(h.passage.title for h in hits)
    if seen:
        lines.append("Looked at: " + "; ".join(list(seen)[:SUMMARY_PASSAGES]) + ".")
    if due is not None:
        lines.append(f"First answer due: {due.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC.")
    return "\n".join(lines)
