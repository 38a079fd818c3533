"""What the widget shows: messages as plain values, made of text and trees, never of HTML. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from agent.channels.desk_markup import Tree, tree
from agent.types import Citation, Decision, OutboxEntry, Outcome

HANDOFF = "__handoff__"
"""The quick reply that asks for a person."""
Shown = dict[str, Any]

_MARKS = r"(?:\s*\[\d+\])"
_SENTENCE_END = re.compile(
    rf"(?<=[.!?…؟]){_MARKS}*\s+(?![a-zà-ÿ]|\[\d+\])"  # not in "e.g. this", nor before the marks of the sentence
    rf"|(?<=[。！？]){_MARKS}*\s*(?=\S)(?!\[\d+\])"
    rf"|{_MARKS}+\s+(?=\S)"
)


def customer_message(message_id: str, text: str, at: str, client_id: str | None) -> Shown:
    """What the customer wrote, as they wrote it: it is not Markdown."""
    return _message(message_id, "customer", text, plain_tree(text), at) | {"client_id": client_id}


def person_message(message_id: str, text: str, at: str, name: str | None) -> Shown:
    """What a person of the company wrote; not Markdown either."""
    return _message(message_id, "person", text, plain_tree(text), at) | {"name": name}


def assistant_message(entry: OutboxEntry, options: Sequence[str]) -> Shown:
    """What the assistant says, whole.

    Args:
        entry: the outcome.
        options: what may be answered, each a quick reply.
    """
    outcome = entry.outcome
    shown = _message(entry.outbox_id, "assistant", outcome.answer, tree(outcome.answer), entry.created_at)
    replies: list[Shown] = [{"label": option, "value": option} for option in options]
    if is_unsure(outcome):
        replies.append({"label": None, "value": HANDOFF})
    return shown | {
        "lang": outcome.language or None,
        "citations": [citation(one) for one in outcome.citations],
        "quick_replies": replies,
        "feedback": None,
    }


def is_unsure(outcome: Outcome) -> bool:
    """True if a person may be what the customer wants next."""
    return not outcome.sure or outcome.decision in (Decision.CLARIFY, Decision.REFUSE)


def citation(one: Citation) -> Shown:
    """A citation; its link only if a browser may follow it. `tree` shows the quote, which is Markdown as the article is."""
    return {"n": one.n, "title": one.title, "url": safe_url(one.url), "quote": one.quote, "tree": tree(one.quote)}


def safe_url(url: str | None) -> str | None:
    """The address if it is one of the web; None for everything else, `javascript:` above all."""
    if url is None or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return url if is_web else None


def plain_tree(text: str) -> Tree:
    """Text as paragraphs and line breaks, whatever it looks like."""
    return [["p", *_lines(block)] for block in re.split(r"\n\s*\n", text.strip()) if block]


def pieces(text: str) -> list[Tree]:
    """A reply in the pieces that are shown one after the other: a sentence, or a block that isn't made of sentences."""
    return [[piece] for block in tree(text) for piece in _sentences(block)]


def _sentences(block: Any) -> Iterator[Any]:
    if not (isinstance(block, list) and block[0] == "p" and len(block) == 2 and isinstance(block[1], str)):
        yield block
        return
    start = 0
    for end in _SENTENCE_END.finditer(block[1]):
        yield ["p", block[1][start : end.end()].strip()]
        start = end.end()
    if start < len(block[1]):
        yield ["p", block[1][start:]]


def _lines(block: str) -> Iterator[Any]:
    for n, line in enumerate(block.split("\n")):
        if n:
            yield ["br"]
        yield line


def _message(message_id: str, role: str, text: str, shown: Tree, at: str) -> Shown:
    return {
        "id": message_id,
        "role": role,
        "text": text,
        "tree": shown,
        "at": at,
        "lang": None,
        "citations": [],
        "quick_replies": [],
        "client_id": None,
        "name": None,
    }
