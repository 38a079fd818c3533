"""A claim laid over the sentences that it most likely rests on: for each of its words, what speaks for and against it. Pure.

One word is enough to make a sentence wrong, so each is looked at by itself: does it stand there, beside the same words,
with nothing that limits or turns round left out just before it? What these figures mean together a forest has learnt from
sentences with one thing made wrong (`agent.grounding.forest`).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from agent.grounding.source import Region, Source
from agent.grounding.wording import Kind, Word

FEATURES = (
    *("kind", "length", "in_region", "in_passage", "in_source", "in_heading", "in_question"),
    *("edit", "block", "block_there", "facts_there", "same_kind", "run_before", "run_after"),
    *("left_near", "left_farther", "left_anywhere", "right_near", "right_farther", "right_anywhere"),
    *("skipped", "skipped_negations", "skipped_bounds", "skipped_facts", "skipped_numbers"),
    *("negation_here", "negation_there", "bounds_here", "bounds_differ", "unit_agrees", "company", "context", "more_often"),
    *("position", "words", "run_share", "share", "bounds_before", "bounds_after", "words_after"),
)
FAR = 20
_EDITS = {"equal": 0.0, "replace": 1.0, "delete": 2.0}
_LIMITS = frozenset({Kind.BOUND})
_NEGATIONS = frozenset({Kind.NEGATION})
_NUMBERS = frozenset({Kind.NUMBER})
_TOPICS = frozenset({Kind.CONTENT, Kind.NAME})
_TAIL = 11


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of the claim and the stretch of the region that stands in its place: as difflib's opcodes."""

    name: str
    first: int
    end: int
    there: int
    there_end: int

    @property
    def equal(self) -> int:
        """How many words are the same."""
        return self.end - self.first if self.name == "equal" else 0


@dataclass(frozen=True)
class Alignment:
    """A claim over a region."""

    claim: tuple[Word, ...]
    region: Region
    source: Source
    question: frozenset[str]
    edits: tuple[Edit, ...]
    matched: dict[int, int]
    """Place in the claim -> place in the region, of words in runs that are the same."""
    standing: dict[str, list[int]] = field(repr=False)
    """Stem -> its places in the region."""

    @property
    def same(self) -> int:
        """How many words stand in the region in the same order."""
        return len(self.matched)

    def left_out(self) -> list[Word]:
        """Words of the region between the first and the last one that the claim shares."""
        if not self.matched:
            return []
        first, last = min(self.matched.values()), max(self.matched.values())
        taken = set(self.matched.values())
        return [word for n, word in enumerate(self.region.words[first:last], first) if n not in taken]


def align(claim: tuple[Word, ...], source: Source, region: Region, question: frozenset[str]) -> Alignment:
    """Lay a claim over a region.

    Args:
        claim: its words.
        source: all that is known.
        region: where the claim most likely comes from (`Source.region`).
        question: stems of what was asked.
    """
    here, there = [word.stem for word in claim], [word.stem for word in region.words]
    edits = tuple(Edit(*found) for found in SequenceMatcher(None, here, there, autojunk=False).get_opcodes())
    matched = {edit.first + n: edit.there + n for edit in edits if edit.name == "equal" for n in range(edit.end - edit.first)}
    standing: dict[str, list[int]] = {}
    for n, stem in enumerate(there):
        standing.setdefault(stem, []).append(n)
    return Alignment(claim, region, source, question, edits, matched, standing)


def word_rows(aligned: Alignment) -> tuple[list[list[float]], list[int]]:
    """A row of `FEATURES` for each word of the claim that is no mere function word, and its place in the claim."""
    told = [n for n, word in enumerate(aligned.claim) if word.kind is not Kind.FUNCTION]
    whole = _Whole(aligned)
    return [whole.row(n) for n in told], told


class _Whole:
    """What all words of one claim share."""

    def __init__(self, aligned: Alignment) -> None:
        self._a = aligned
        self._stems = {word.stem for word in aligned.claim}
        self._passage = frozenset().union(*(s.stems for s in aligned.source.sentences if s.passage == aligned.region.passage))
        count = max(1, len(aligned.claim))
        self._run_share = sum(edit.equal for edit in aligned.edits if edit.equal >= 3) / count
        self._share = sum(word.stem in aligned.standing for word in aligned.claim) / count
        self._more = Counter(w.stem for w in aligned.claim)
        self._more.subtract(Counter(w.stem for w in aligned.region.words))
        self._facts = [n for n, word in enumerate(aligned.claim) if word.is_fact]
        self._edit_of = {n: at for at, edit in enumerate(aligned.edits) for n in range(edit.first, edit.end)}
        ends = sorted(aligned.matched.values())
        words = aligned.region.words
        before = words[max(0, ends[0] - _TAIL - 1) : ends[0]] if ends else ()
        after = words[ends[-1] + 1 : ends[-1] + 1 + _TAIL] if ends else ()
        self._bounds_before = self._dropped(before, _LIMITS)
        self._bounds_after = self._dropped(after, _LIMITS)
        self._words_after = len(after)

    def row(self, n: int) -> list[float]:
        word, region = self._a.claim[n], self._a.region
        return [
            float(word.kind),
            float(len(word.text)),
            float(word.stem in region.stems),
            float(word.stem in self._passage),
            float(word.stem in self._a.source.stems),
            float(word.stem in self._a.source.headings[region.passage]),
            float(word.stem in self._a.question),
            *self._edit(n),
            *self._neighbour(n, [m for m in self._facts if m < n][-1:]),
            *self._neighbour(n, [m for m in self._facts if m > n][:1]),
            *self._skipped(n),
            *self._around(n),
            float(self._more[word.stem]),
            n / max(1, len(self._a.claim)),
            float(len(self._a.claim)),
            self._run_share,
            self._share,
            float(self._bounds_before),
            float(self._bounds_after),
            float(self._words_after),
        ]

    def _dropped(self, words: Sequence[Word], kinds: Collection[Kind]) -> int:
        return sum(word.kind in kinds and word.stem not in self._stems for word in words)

    def _edit(self, n: int) -> list[float]:
        at = self._edit_of[n]
        edit = self._a.edits[at]
        there = self._a.region.words[edit.there : edit.there_end] if edit.name == "replace" else ()
        before, after = self._runs_beside(n, at)
        return [
            _EDITS[edit.name],
            float(edit.end - edit.first),
            float(edit.there_end - edit.there),
            float(sum(word.kind is Kind.CONTENT for word in there)),
            float(any(word.kind is self._a.claim[n].kind for word in there)),
            float(before),
            float(after),
        ]

    def _runs_beside(self, n: int, at: int) -> tuple[int, int]:
        """How many words before and after this one are as in the region, without a break."""
        edits, edit = self._a.edits, self._a.edits[at]
        if edit.name == "equal":
            return n - edit.first, edit.end - 1 - n
        before = edits[at - 1].equal if at else 0
        after = edits[at + 1].equal if at + 1 < len(edits) else 0
        return before, after

    def _neighbour(self, n: int, other: list[int]) -> list[float]:
        """Is the next fact as near there as here? Near, how much farther in the region, how much farther anywhere."""
        if not other:
            return [1.0, 0.0, 0.0]
        here = abs(other[0] - n)
        one, two = self._a.claim[n].stem, self._a.claim[other[0]].stem
        region = [abs(a - b) for a in self._a.standing.get(one, ()) for b in self._a.standing.get(two, ())]
        places = self._a.source.places
        anywhere = [abs(i - j) for s, i in places.get(one, ()) for t, j in places.get(two, ()) if s == t]
        near, wide = min(region, default=99), min(anywhere, default=99)
        return [float(near <= here + 3), min(near, FAR + here) - here, min(wide, FAR + here) - here]

    def _skipped(self, n: int) -> list[float]:
        """What the region has between this word and the one before it that the claim shares, and the claim has not."""
        last = next((self._a.matched[m] for m in range(n - 1, -1, -1) if m in self._a.matched), None)
        there = self._a.matched.get(n)
        if last is None or there is None:
            return [0.0] * 5
        gap = [word for word in self._a.region.words[last + 1 : there] if word.stem not in self._stems]
        counts = (sum(word.kind in kinds for word in gap) for kinds in (_NEGATIONS, _LIMITS, _TOPICS, _NUMBERS))
        return [float(len(gap)), *map(float, counts)]

    def _around(self, n: int) -> list[float]:
        claim, region, word = self._a.claim, self._a.region.words, self._a.claim[n]
        there = self._a.matched.get(n, next(iter(self._a.standing.get(word.stem, ())), None))
        here = _bounds(claim, n)
        known = _bounds(region, there) if there is not None else set()
        return [
            float(_negated(claim, n)),
            float(there is not None and _negated(region, there)),
            float(len(here)),
            float(len(here ^ known)),
            self._unit(n),
            self._company(n),
            self._context(n),
        ]

    def _unit(self, n: int) -> float:
        """Whether the word after a number is the one that stands after it in the region."""
        claim, region = self._a.claim, self._a.region.words
        if claim[n].kind is not Kind.NUMBER:
            return 1.0
        unit = claim[n + 1].stem if n + 1 < len(claim) else ""
        places = self._a.standing.get(claim[n].stem, ())
        return float(any((region[at + 1].stem if at + 1 < len(region) else "") == unit for at in places))

    def _company(self, n: int) -> float:
        """The best share, anywhere in the source, of the topic words around this one that stand around it there."""
        claim = self._a.claim
        around = {w.stem for w in claim[max(0, n - 4) : n + 5] if w.kind in _TOPICS and w.stem != claim[n].stem}
        best = 0.0
        for at, place in self._a.source.places.get(claim[n].stem, ()):
            if not around:
                return 1.0
            there = {w.stem for w in self._a.source.sentences[at].words[max(0, place - 5) : place + 6]}
            best = max(best, len(around & there) / len(around))
        return best

    def _context(self, n: int) -> float:
        """The most of the two words on each side that stand on that side, anywhere in the source."""
        claim = self._a.claim
        left = [w.stem for w in claim[max(0, n - 2) : n]]
        right = [w.stem for w in claim[n + 1 : n + 3]]
        best = 0
        for at, place in self._a.source.places.get(claim[n].stem, ()):
            words = self._a.source.sentences[at].words
            before = {w.stem for w in words[max(0, place - 3) : place]}
            after = {w.stem for w in words[place + 1 : place + 4]}
            best = max(best, sum(s in before for s in left) + sum(s in after for s in right))
        return float(best)


def _negated(words: Sequence[Word], at: int) -> bool:
    """Whether a negation stands shortly before a word, or right after it."""
    return any(words[n].kind is Kind.NEGATION for n in range(max(0, at - 4), min(len(words), at + 2)) if n != at)


def _bounds(words: Sequence[Word], at: int) -> set[str]:
    return {word.stem for word in words[max(0, at - 3) : at + 4] if word.kind is Kind.BOUND}
