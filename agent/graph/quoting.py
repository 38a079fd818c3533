"""Which words of a passage to quote, when a quote says it better than the draft. Pure.

A quote is whole: the block (paragraph, list, table) around the sentence that answers, with the line
that introduces it, so that no condition is cut off. It is a verbatim span of the passage, or whole
lines of it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from agent.grounding.passages import BOLD_LINE, heading
from agent.ports import Embedder
from knowledge.sentences import split_sentences
from knowledge.terms import content_terms
from knowledge.types import Passage, Vectors

MAX_QUOTE_WORDS = 110
"""Of one block."""
MAX_WORDS = 150
"""Of all that is quoted of a document."""
HEADING_WEIGHT = 0.5
"""A sentence is read under its headings: this much of their vector is added to its own."""
SHARED_TERMS = 0.15
FOUND_FIRST = 0.05
HARDLY_FARTHER = 0.2
"""A further block is quoted if it is this close (cosine) to the nearest one."""

_ITEM = re.compile(r"^\s*([-*+•]|\d+[.)]|\|)\s*")
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_a-z]|[\"'(*\[€$£])")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list or table of a passage, verbatim."""

    text: str

    @property
    def is_lead_in(self) -> bool:
        """True for a line that only introduces what follows, and for the bold heading of a small section."""
        return self.text.rstrip().rstrip("*_").endswith(":") or bool(BOLD_LINE.fullmatch(self.text.strip()))

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


@dataclass(frozen=True, slots=True)
class Quote:
    """A span of a passage.

    `place` is the passage's among those given, `nearest` the sentence of the span that is nearest to what is asked, and
    `closeness` a cosine, with what it shares of the words.
    """

    place: int
    text: str
    closeness: float
    nearest: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    closeness: float
    place: int
    at: int  # among the blocks of its passage
    text: str
    nearest: str


def document_quotes(embedder: Embedder, asked: Sequence[str], passages: Sequence[Passage], most: int = 3) -> list[Quote]:
    """The blocks of a document that answer, in reading order; neighbours are one quote.

    Closeness is that of a block's best sentence, read under its title and headings. On the sample questions whose
    article was found, three blocks hold all key facts for 69 of 75; without headings for 64, and where only passages
    that the search itself brought are looked at, for 61.

    Args:
        embedder: the embedding model.
        asked: what is asked. Of a question that leans on an earlier one two texts: with that one, and alone.
        passages: of one document, the one that was found first in front.
        most: how many blocks at most.
    """
    read = [_Read(place, passage) for place, passage in enumerate(passages)]
    vectors = iter(embedder.embed([*asked, *(text for one in read for text in one.texts)]))
    wanted = np.mean([next(vectors) for _ in asked], axis=0)
    terms = frozenset(content_terms(asked[-1]))
    candidates = [c for one in read for c in one.candidates(wanted, terms, vectors)]
    candidates.sort(key=lambda one: -one.closeness)
    kept: list[_Candidate] = []
    for one in candidates:
        short = replace(one, text=_shorten(embedder, wanted, one.text))
        words = sum(len(k.text.split()) for k in kept) + len(short.text.split())
        if kept and (one.closeness < kept[0].closeness - HARDLY_FARTHER or words > MAX_WORDS):
            continue
        kept.append(short)
        if len(kept) == most:
            break
    return _in_reading_order(kept, passages)


class _Read:
    """A passage, cut into blocks and their sentences. `texts` are what is to be embedded."""

    def __init__(self, place: int, passage: Passage) -> None:
        self.place = place
        self.heading = heading(passage)
        # A passage may end with a line that introduces what stands in the next one: alone it says nothing.
        self.blocks = [block for block in blocks(passage.text) if not block.is_lead_in]
        self.sentences = [split_sentences(block.text, "en") or [block.text] for block in self.blocks]
        self.texts = [self.heading, *(s for own in self.sentences for s in own)]

    def candidates(self, wanted: Vectors, terms: frozenset[str], vectors: Iterator[Vectors]) -> Iterator[_Candidate]:
        """Each block with its closeness; `vectors` begin with those of `texts`."""
        above = HEADING_WEIGHT * next(vectors)
        for at, (block, own) in enumerate(zip(self.blocks, self.sentences, strict=True)):
            read = np.stack([next(vectors) for _ in own]) + above
            near = (read / np.maximum(np.linalg.norm(read, axis=1, keepdims=True), 1e-9)) @ wanted
            shared = [len(terms & set(content_terms(f"{self.heading} {s}"))) / max(1, len(terms)) for s in own]
            scores = [float(n) + SHARED_TERMS * s for n, s in zip(near, shared, strict=True)]
            best = int(np.argmax(scores))
            closeness = scores[best] + (0.0 if self.place else FOUND_FIRST)
            yield _Candidate(closeness, self.place, at, block.text, own[best])


def _in_reading_order(kept: Sequence[_Candidate], passages: Sequence[Passage]) -> list[Quote]:
    ordered = sorted(kept, key=lambda one: (passages[one.place].ordinal, one.at))
    quotes: list[Quote] = []
    for before, one in pairwise([None, *ordered]):
        assert one is not None
        if before and (before.place, before.at + 1) == (one.place, one.at):
            last = quotes.pop()
            closeness, nearest = max((last.closeness, last.nearest), (one.closeness, one.nearest))
            quotes.append(Quote(one.place, f"{last.text}\n\n{one.text}", closeness, nearest))
        else:
            quotes.append(Quote(one.place, one.text, one.closeness, one.nearest))
    return quotes


def _shorten(embedder: Embedder, wanted: Vectors, quote: str) -> str:
    """A quote that is too long is cut to its best whole lines; a list keeps its lead-in, a table its header."""
    if len(quote.split()) <= MAX_QUOTE_WORDS:
        return quote
    lines = [line for line in quote.splitlines() if line.strip()]
    if len(lines) < 2:
        return _best_sentences(embedder, wanted, quote)
    near = embedder.embed(lines) @ wanted
    order = sorted(range(len(lines)), key=lambda i: -float(near[i]))
    kept = _opening(lines)
    for i in order:
        if sum(len(lines[j].split()) for j in kept | {i}) > MAX_QUOTE_WORDS and i != order[0]:
            break
        kept.add(i)
    short = "\n".join(lines[i] for i in sorted(kept))
    return short if len(kept) > 1 else _best_sentences(embedder, wanted, short)


def _opening(lines: Sequence[str]) -> set[int]:
    """The lines without which the others can't be understood: the lead-in, the header of a table and its rule."""
    kept = {0} if Block(lines[0]).is_lead_in else set()
    rule = next((i for i, line in enumerate(lines) if _RULE.match(line)), None)
    return kept if rule is None else kept | {rule, max(0, rule - 1)}


def _best_sentences(embedder: Embedder, wanted: Vectors, line: str) -> str:
    """A long paragraph is cut to whole sentences that follow each other, around the best one."""
    if len(line.split()) <= MAX_QUOTE_WORDS:
        return line
    ends = [0, *(m.end() for m in _SENTENCE_END.finditer(line)), len(line)]
    parts = [line[a:b] for a, b in pairwise(ends) if line[a:b].strip()]
    closeness = [float(v) for v in embedder.embed(parts) @ wanted]
    first = last = int(np.argmax(closeness))
    while True:
        sides = [i for i in (first - 1, last + 1) if 0 <= i < len(parts)]
        sides = [i for i in sides if len("".join(parts[min(first, i) : max(last, i) + 1]).split()) <= MAX_QUOTE_WORDS]
        if not sides:
            return "".join(parts[first : last + 1]).strip()
        best = max(sides, key=lambda i: closeness[i])
        first, last = min(first, best), max(last, best)
