"""Articles that nearly say the same in nearly the same words. Pure.

Near means both: vectors with a high cosine, and shared runs of words. What differs in a name or a number was
written twice on purpose (one page for each product); whether the numbers should differ is for `contradictions`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from knowledge.chunk import words as count_words
from knowledge.health.blocks import Step, near_pairs
from knowledge.health.names import Names
from knowledge.health.report import Finding, Kind, Severity
from knowledge.health.shelf import Article, Shelf
from knowledge.quantities import NUMBER_WORDS
from knowledge.terms import words
from knowledge.types import Passage

NEAR = 0.75
"""Titles weigh in the vectors (`points`): two copies under titles that share no word come to about 0.8. Words decide."""
SHARED = 0.6
"""Jaccard similarity of runs of RUN words; a passage with one word in twenty changed has about 0.75."""
RUN = 3
MIN_WORDS = 25
"""A shorter passage is a phrase ("Contact us at …") that may stand in many places."""
SHOWN = 12
"""Articles named in a finding; the rest is counted."""


def near_duplicates(shelf: Shelf, names: Names, step: Step = lambda done, total: None) -> Iterator[Finding]:
    """One finding for each set of articles that share passages, those that share most first."""
    rows = list(shelf.passages())
    clusters = _clusters(rows, shelf, names, step)
    by_articles: dict[tuple[int, ...], list[list[int]]] = defaultdict(list)
    order = {id(article): n for n, article in enumerate(shelf.articles)}
    for cluster in clusters:
        key = tuple(sorted({order[id(rows[i][0])] for i in cluster}))
        by_articles[key].append(cluster)
    for key, shared in sorted(by_articles.items(), key=lambda item: (-len(item[1]), item[0])):
        yield _finding([shelf.articles[n] for n in key], rows, shared)


def _clusters(rows: Sequence[tuple[Article, Passage]], shelf: Shelf, names: Names, step: Step) -> list[list[int]]:
    """Places of passages that are copies of each other, across articles: union of all pairs (Tarjan 1975)."""
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j, _ in near_pairs(shelf.vectors, NEAR, step):
        (a, one), (b, other) = rows[i], rows[j]
        # Already joined pairs are passed over, so a footer in 1,000 articles costs 1,000 comparisons and not half a million.
        if a.doc_id == b.doc_id or root(i) == root(j) or names.of_title(a.title) != names.of_title(b.title):
            continue
        if _is_copy(one.text, other.text, names):
            parent[root(j)] = root(i)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(rows)):
        groups[root(i)].append(i)
    return [group for group in groups.values() if len(group) > 1]


def _is_copy(one: str, other: str, names: Names) -> bool:
    a, b = words(one), words(other)
    if min(len(a), len(b)) < MIN_WORDS or _overlap(_runs(a), _runs(b)) < SHARED:
        return False
    only_a, only_b = set(a) - set(b), set(b) - set(a)
    return not (_tells_apart(only_a, names) and _tells_apart(only_b, names))


def _tells_apart(only: set[str], names: Names) -> bool:
    return any(word[0].isdigit() or word in NUMBER_WORDS for word in only) or bool(names.of(*only))


def _runs(found: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(found[i : i + RUN]) for i in range(len(found) - RUN + 1)}


def _overlap(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b) if a and b else 0.0


def _finding(articles: Sequence[Article], rows: Sequence[tuple[Article, Passage]], shared: Sequence[Sequence[int]]) -> Finding:
    shortest = min(articles, key=lambda article: sum(count_words(p.text) for p in article.passages))
    covered = {rows[i][1].passage_id for cluster in shared for i in cluster if rows[i][0] is shortest}
    is_whole = len(covered) == len(shortest.passages)
    first = {id(rows[i][0]): rows[i] for cluster in reversed(shared) for i in reversed(cluster)}
    shown = [first[id(article)] for article in articles][:SHOWN]
    what = "One passage stands" if len(shared) == 1 else f"{len(shared)} passages stand"
    return Finding(
        Kind.DUPLICATE,
        Severity.MEDIUM if is_whole else Severity.LOW,
        f"{what} nearly word for word in {len(articles)} articles"
        + (f"; that is all of “{shortest.title}”." if is_whole else ".")
        + (f" {len(articles) - SHOWN} more are not listed." if len(articles) > SHOWN else ""),
        "Keep one and remove the other, or link to it, so that they can't drift apart."
        if len(articles) == 2
        else "Keep it in one article and link to that from the others, so that they can't drift apart.",
        tuple(article.place(passage, passage.text) for article, passage in shown),
    )
