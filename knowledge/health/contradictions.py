"""Sentences of different articles that say the same with another number or date. Pure but for the embedder it is given.

Two sentences are compared only if they have the same kinds of numbers in the same order under the same bounds, turn
and limit alike, and name the same names. Of those that mean the same without their numbers one number may differ, not
more: where two do, they are two steps of one scale.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np

from knowledge.health.blocks import Step, near_pairs
from knowledge.health.names import Names
from knowledge.health.report import Finding, Kind, Severity
from knowledge.health.shelf import Article
from knowledge.health.statements import Statement, is_short, statements, turns
from knowledge.terms import content_terms
from knowledge.types import Vectors

SAME = 0.85
"""Cosine of two masked sentences from which on they may say the same."""
SAME_IN_SAME_WORDS = 0.7
"""The same if they have all content words in common: "Check-in is from …" and "You can check in from …" have 0.70."""
SURE = 0.95
SHARED = 0.5
"""Jaccard similarity of their content words."""
PATTERN = 0.5
"""Titles that share more than this of their words and differ in others are of one pattern: "Closing Savings Accounts"."""
BATCH = 256
_EXCLUDES = re.compile(
    r"\b(?:not|never)\s+(?:\w+\s+)?(?:cover|includ|allow|refund|possible|pa(?:y|id)|need|appl)|\bexclu|\bexcept|\bnon-",
    re.IGNORECASE,
)
_OPPOSITE = (("before", "after"), ("first", "last"))


def contradictions(
    articles: Sequence[Article],
    names: Names,
    embed: Callable[[Sequence[str]], Vectors],
    step: Step = lambda done, total: None,
) -> Iterator[Finding]:
    """One finding for each pair of articles and kind of number, the surest first.

    Args:
        articles: all of them.
        names: theirs.
        embed: float32 [n, d], L2-normalised, for n texts; called with the sentences that could contradict another.
        step: called with sentences embedded and sentences in all.
    """
    groups: dict[object, list[Statement]] = defaultdict(list)
    for statement in _without_scales(statements(articles, names)):
        groups[statement.key].append(statement)
    worth = [group for group in groups.values() if _could_contradict(group)]
    vectors = _embedded([s.masked for group in worth for s in group], embed, step)
    found: list[tuple[float, Statement, Statement]] = []
    for group in worth:
        rows = np.stack([vectors[s.masked] for s in group])
        for i, j, cosine in near_pairs(rows, SAME_IN_SAME_WORDS):
            if _contradict(group[i], group[j], cosine, names):
                found.append((cosine, group[i], group[j]))
    yield from _findings(found)


def _without_scales(found: Iterable[Statement]) -> Iterator[Statement]:
    """Leaves out what one article says several times with different numbers: that is a scale or a list of cases."""
    for _, of_article in groupby(found, key=lambda s: (s.article.doc_id, s.article.audience)):
        alike: dict[tuple[str, object], list[Statement]] = defaultdict(list)
        for statement in of_article:
            alike[statement.masked.casefold(), statement.turns].append(statement)
        for same in alike.values():
            if len({s.values for s in same}) == 1:
                yield same[0]


def _could_contradict(group: Sequence[Statement]) -> bool:
    return len({s.article.doc_id for s in group}) > 1 and len({s.values for s in group}) > 1


def _embedded(texts: Sequence[str], embed: Callable[[Sequence[str]], Vectors], step: Step) -> dict[str, Vectors]:
    distinct = sorted(set(texts), key=len)
    vectors: dict[str, Vectors] = {}
    for start in range(0, len(distinct), BATCH):
        part = distinct[start : start + BATCH]
        vectors.update(zip(part, embed(part), strict=True))
        step(min(start + BATCH, len(distinct)), len(distinct))
    return vectors


def _contradict(a: Statement, b: Statement, cosine: float, names: Names) -> bool:
    if a.article.doc_id == b.article.doc_id or _differing(a, b) != 1:
        return False
    return _is_same_subject(a, b, cosine) and not _are_siblings(a, b, names) and not _are_opposed(a, b)


def _differing(a: Statement, b: Statement) -> int:
    return sum(not one.equals(other) for one, other in zip(a.values, b.values, strict=True))


def _is_same_subject(a: Statement, b: Statement, cosine: float) -> bool:
    if cosine < SAME and a.terms != b.terms:
        return False
    shared = a.terms & b.terms
    only_a, only_b = a.terms - b.terms, b.terms - a.terms
    if not shared or len(shared) < SHARED * len(a.terms | b.terms):
        return False
    # "Cats stay free" is not "Dogs stay free": a word in place of another must hardly change the meaning.
    if only_a and only_b and cosine < SURE:
        return False
    if is_short(a) or is_short(b):
        # What "Start date: …" is the start of, only the title says.
        return _have_titles_alike(a, b)
    return True


def _have_titles_alike(a: Statement, b: Statement) -> bool:
    titles, others = set(content_terms(a.article.title)), set(content_terms(b.article.title))
    return len(titles & others) >= SHARED * len(titles | others) > 0


def _are_siblings(a: Statement, b: Statement, names: Names) -> bool:
    """Titles or headings of one pattern for different things: "Silver Card: Fees" and "Gold Card: Fees"."""
    pairs = [(a.article.title, b.article.title), (" ".join(a.passage.heading_path), " ".join(b.passage.heading_path))]
    return any(_name_different_things(one, other, names) for one, other in pairs)


def _name_different_things(one: str, other: str, names: Names) -> bool:
    if names.full_names(one) != names.full_names(other):
        return True
    terms, others = set(content_terms(one)), set(content_terms(other))
    shared, only_one, only_other = terms & others, terms - others, others - terms
    if not shared or not (only_one or only_other):
        return False
    is_pattern = len(shared) > PATTERN * min(len(terms), len(others)) and bool(only_one) and bool(only_other)
    return is_pattern or names.of_title(one) != names.of_title(other)


def _are_opposed(a: Statement, b: Statement) -> bool:
    """Under "What is not covered" the same sentence means the opposite."""
    under_a, under_b = turns(a.heading), turns(b.heading)
    if bool(_EXCLUDES.search(a.heading)) != bool(_EXCLUDES.search(b.heading)):
        return True
    return any({x, y} <= under_a ^ under_b for x, y in _OPPOSITE)


def _findings(found: Sequence[tuple[float, Statement, Statement]]) -> Iterator[Finding]:
    pairs: dict[frozenset[str], list[tuple[float, Statement, Statement]]] = defaultdict(list)
    for row in sorted(found, key=lambda row: -row[0]):
        pairs[frozenset((row[1].article.doc_id, row[2].article.doc_id))].append(row)
    for rows in pairs.values():
        cosine, a, b = rows[0]
        more = f" {len(rows) - 1} more pairs of sentences of theirs differ so." if len(rows) > 1 else ""
        yield Finding(
            Kind.CONTRADICTION,
            _severity(a, b, cosine),
            f"Two articles say the same, but with another {_what(a, b)}.{more}",
            "Find out which is right and correct the other. If both are, say in each when it holds.",
            (a.article.place(a.passage, a.text), b.article.place(b.passage, b.text)),
        )


def _severity(a: Statement, b: Statement, cosine: float) -> Severity:
    """Medium if the sentences may speak of two things: "The credit is valid for …" leaves open which credit."""
    leans = a.text.startswith("The ") and not _have_titles_alike(a, b)
    is_sure = cosine >= SURE and not (leans or is_short(a) or is_short(b) or len(a.terms) < 2)
    return Severity.HIGH if is_sure else Severity.MEDIUM


def _what(a: Statement, b: Statement) -> str:
    kind = next(one.kind for one, other in zip(a.values, b.values, strict=True) if not one.equals(other))
    names = {"date": "date", "time": "length of time", "clock": "time of day", "%": "percentage", "working day": "length of time"}
    return names.get(kind, "amount" if kind in {"eur", "usd", "gbp"} else "number")
