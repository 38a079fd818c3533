"""Which words of a passage to quote, when a quote says it better than the draft. Pure.

A quote is whole: the block (paragraph, list, table) around the sentence that answers, with the line
that introduces it, so that no condition is cut off. It is a verbatim span of the passage, or whole
lines of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from agent.graph.terms import content_terms
from agent.ports import Embedder
from knowledge.sentences import split_sentences
from knowledge.types import Passage

MAX_QUOTE_WORDS = 110
NEARLY_AS_GOOD = 0.12
"""A second block is quoted too if its best sentence is this close (cosine) to the best one's."""
HARDLY_FARTHER = 0.2
FOUND_FIRST = 0.05
MAX_DOCUMENT_WORDS = 150

_ITEM = re.compile(r"^\s*([-*+•]|\d+[.)]|\|)\s*")
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_a-z]|[\"'(*\[€$£])")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list or table of a passage, verbatim."""

    text: str

    @property
    def is_lead_in(self) -> bool:
        """True for a line that only introduces what follows."""
        return self.text.rstrip().rstrip("*_").endswith(":")

    @property
    def is_listing(self) -> bool:
        """True if it is a list or a table."""
        return bool(_ITEM.match(self.text))


def blocks(text: str) -> list[Block]:
    """The blocks of a Markdown passage; a list or table stays together with its lead-in line."""
    found: list[Block] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        if not part.strip():
            continue
        joins = found and (found[-1].is_lead_in or (found[-1].is_listing and _ITEM.match(part)))
        if joins:
            found[-1] = Block(f"{found[-1].text}\n\n{part.rstrip()}")
        else:
            found.append(Block(part.rstrip()))
    return found


def best_quote(embedder: Embedder, question: str, text: str) -> tuple[str, float]:
    """The span of a passage that answers best, and its closeness to the question (cosine, -1 to 1).

    Next to the nearest block, a second one is taken if it is nearly as near and directly follows or
    precedes it, as long as the whole stays short.
    """
    # A passage may end with a line that introduces what stands in the next one: alone it says nothing.
    candidates = [block for block in blocks(text) if not block.is_lead_in]
    if not candidates:
        return "", 0.0
    closeness = _closeness(embedder, question, candidates)
    best = int(np.argmax(closeness))
    first, last = best, best
    for other in (best + 1, best - 1):
        if not 0 <= other < len(candidates) or closeness[other] < closeness[best] - NEARLY_AS_GOOD:
            continue
        longer = candidates[min(first, other) : max(last, other) + 1]
        if sum(len(b.text.split()) for b in longer) <= MAX_QUOTE_WORDS:
            first, last = min(first, other), max(last, other)
    quote = "\n\n".join(b.text for b in candidates[first : last + 1])
    return _shorten(embedder, question, quote), closeness[best]


def document_quotes(embedder: Embedder, question: str, passages: Sequence[Passage], most: int) -> list[tuple[int, str]]:
    """The best span of each passage of a document that answers, at most so many, in reading order.

    The nearest span alone holds the wanted fact half of the time; with those that are hardly farther it mostly does.

    Args:
        embedder: the embedding model.
        question: what is asked.
        passages: of one document, in the order in which they were found.
        most: how many spans at most; together they stay short.

    Returns:
        Index of the passage, and the span.
    """
    found = []
    for place, passage in enumerate(passages):
        quote, closeness = best_quote(embedder, question, passage.text)
        if quote:
            found.append((closeness + (FOUND_FIRST if place == 0 else 0.0), place, quote))
    found.sort(key=lambda one: -one[0])
    kept: list[tuple[int, str]] = []
    for closeness, place, quote in found[:most]:
        words = sum(len(q.split()) for _, q in kept) + len(quote.split())
        if kept and (closeness < found[0][0] - HARDLY_FARTHER or words > MAX_DOCUMENT_WORDS):
            continue
        kept.append((place, quote))
    return sorted(kept, key=lambda one: passages[one[0]].ordinal)


def _closeness(embedder: Embedder, question: str, candidates: Sequence[Block]) -> list[float]:
    per_block = [split_sentences(block.text, "en") or [block.text] for block in candidates]
    vectors = embedder.embed([question, *(s for sentences in per_block for s in sentences)])
    terms = set(content_terms(question))
    scores: list[float] = []
    start = 1
    for sentences in per_block:
        near = vectors[start : start + len(sentences)] @ vectors[0]
        start += len(sentences)
        shared = [len(terms & set(content_terms(s))) / len(terms) if terms else 0.0 for s in sentences]
        scores.append(max(float(n) + 0.15 * s for n, s in zip(near, shared, strict=True)))
    return scores


def _shorten(embedder: Embedder, question: str, quote: str) -> str:
    """A quote that is too long is cut to its best whole lines; a list keeps its lead-in, a table its header."""
    if len(quote.split()) <= MAX_QUOTE_WORDS:
        return quote
    lines = [line for line in quote.splitlines() if line.strip()]
    if len(lines) < 2:
        return _best_sentences(embedder, question, quote)
    near = embedder.embed([question, *lines])
    order = sorted(range(len(lines)), key=lambda i: -float(near[i + 1] @ near[0]))
    kept = _opening(lines)
    for i in order:
        if sum(len(lines[j].split()) for j in kept | {i}) > MAX_QUOTE_WORDS and i != order[0]:
            break
        kept.add(i)
    short = "\n".join(lines[i] for i in sorted(kept))
    return short if len(kept) > 1 else _best_sentences(embedder, question, short)


def _opening(lines: Sequence[str]) -> set[int]:
    """The lines without which the others can't be understood: the lead-in, the header of a table and its rule."""
    kept = {0} if Block(lines[0]).is_lead_in else set()
    rule = next((i for i, line in enumerate(lines) if _RULE.match(line)), None)
    return kept if rule is None else kept | {rule, max(0, rule - 1)}


def _best_sentences(embedder: Embedder, question: str, line: str) -> str:
    """A long paragraph is cut to whole sentences that follow each other, around the best one."""
    if len(line.split()) <= MAX_QUOTE_WORDS:
        return line
    ends = [0, *(m.end() for m in _SENTENCE_END.finditer(line)), len(line)]
    parts = [line[a:b] for a, b in pairwise(ends) if line[a:b].strip()]
    near = embedder.embed([question, *parts])
    closeness = [float(v) for v in near[1:] @ near[0]]
    first = last = int(np.argmax(closeness))
    while True:
        sides = [i for i in (first - 1, last + 1) if 0 <= i < len(parts)]
        sides = [i for i in sides if len("".join(parts[min(first, i) : max(last, i) + 1]).split()) <= MAX_QUOTE_WORDS]
        if not sides:
            return "".join(parts[first : last + 1]).strip()
        best = max(sides, key=lambda i: closeness[i])
        first, last = min(first, best), max(last, best)
