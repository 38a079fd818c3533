"""A claim and its evidence side by side, each word marked with what is plain to see of it. Pure.

A small reader gets the marks beside the text, so that it need not learn from examples that two words are the same.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

from agent.grounding.source import Source, pairs_of
from agent.grounding.wording import Kind, Word, read, spans
from knowledge.pair_input import Mark, Marked

FLAGS = 34
"""Marks are below this. They stand in the trained adapter: append, never renumber."""
_GROUP = {Kind.FUNCTION: 0, Kind.NUMBER: 2, Kind.NEGATION: 3, Kind.BOUND: 3, Kind.MODAL: 3}
_STATES = 6
_OF_EVIDENCE = 1 + 4 * _STATES
_LONGEST_SWAP = (6, 8)
"""Stretches of so many words of claim and evidence may stand for each other."""


def marked(claim: str, evidence: str, near: frozenset[str], source: Source, question: frozenset[str]) -> Marked:
    """Mark both texts.

    Args:
        claim: one sentence.
        evidence: what it may rest on.
        near: stems of the passages that the evidence is from.
        source: all that is known.
        question: stems of what was asked.
    """
    here, there = read(claim), read(evidence)
    mine, theirs = [word.stem for word in here], [word.stem for word in there]
    beside = _beside(mine, theirs)
    standing: dict[str, list[int]] = {}
    for at, stem in enumerate(theirs):
        standing.setdefault(stem, []).append(at)
    stands = frozenset(theirs)
    pairs = frozenset(pairs_of(there))
    flags = [
        1 + _GROUP.get(word.kind, 1) * _STATES + _state(here, n, (stands, near, source.stems, question), pairs)
        for n, word in enumerate(here)
    ]
    equal = {b for a, b in beside if mine[a] == theirs[b]}
    told = frozenset(mine)
    others = [
        _OF_EVIDENCE + 3 * (0 if n in equal else 1 if word.stem in told else 2) + max(0, _GROUP.get(word.kind, 1) - 1)
        for n, word in enumerate(there)
    ]
    return Marked(
        claim,
        evidence,
        tuple(Mark(*span, flag) for span, flag in zip(spans(claim), flags, strict=True)),
        tuple(Mark(*span, flag) for span, flag in zip(spans(evidence), others, strict=True)),
        tuple((a, b) for a, stem in enumerate(mine) for b in standing.get(stem, ())),
        tuple(beside),
    )


def _state(words: Sequence[Word], n: int, known: tuple[frozenset[str], ...], pairs: frozenset[tuple[str, str]]) -> int:
    """0 beside the same neighbour in the evidence, 1 in it, 2 near it, 3 anywhere, 4 only in the question, 5 nowhere."""
    stem = words[n].stem
    place = next((at for at, stems in enumerate(known) if stem in stems), 4)
    if place:
        return place + 1
    before = n > 0 and (words[n - 1].stem, stem) in pairs
    after = n + 1 < len(words) and (stem, words[n + 1].stem) in pairs
    return 0 if before or after else 1


def _beside(mine: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for name, a, a_end, b, b_end in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if name == "equal":
            found += [(a + n, b + n) for n in range(a_end - a)]
        elif name == "replace" and a_end - a <= _LONGEST_SWAP[0] and b_end - b <= _LONGEST_SWAP[1]:
            found += [(x, y) for x in range(a, a_end) for y in range(b, b_end)]
    return found
