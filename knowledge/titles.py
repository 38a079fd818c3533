"""What a conversation has named, and how much of a title that is. Pure.

A question at the end of a conversation leans on what was named before it ("is there parking?", of a hotel that was
booked five turns ago). What was named is mostly what titles name; so the share of a title's rare words that were
said before tells the right place from its near-twins.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tantivy

FADING = 0.9
"""What a word said one turn earlier still counts; the place that was talked about last is the one that is meant."""


def terms(text: str) -> list[str]:
    """The words of a text as both the word index and titles are compared by: stemmed, without stop words, in order."""
    # A lone surrogate, which JSON may carry, would stop the analyzer.
    return analyzer().analyze(text.encode("utf-8", "replace").decode())


def named_in(earlier: Sequence[str]) -> dict[str, float]:
    """The terms of earlier turns, oldest first, each with how recent it is: 1 for the latest turn, fading to 0."""
    named: dict[str, float] = {}
    for distance, text in enumerate(reversed(earlier)):
        for term in terms(text):
            named.setdefault(term, FADING**distance)
    return named


def share(title: str, named: Mapping[str, float], frequency: Callable[[str], int], total: int) -> float:
    """How much of a title was named, 0 to 1, a rare word counting more than a common one.

    Args:
        title: the title.
        named: terms with how much each counts, 0 to 1.
        frequency: how many of the titles have a term.
        total: how many titles there are.
    """
    weights = {term: rarity(frequency(term), total) for term in terms(title)} if named else {}
    whole = sum(weights.values())
    return sum(weight * named.get(term, 0.0) for term, weight in weights.items()) / whole if whole > 0 else 0.0


def rarity(frequency: int, total: int) -> float:
    """Inverse document frequency as in BM25: log(1 + (N - n + 0.5) / (n + 0.5))."""
    return math.log1p((total - frequency + 0.5) / (frequency + 0.5))


@lru_cache(maxsize=1)
def analyzer() -> "tantivy.TextAnalyzer":
    """Words in lower case without accents, English stop words left out, stemmed."""
    import tantivy

    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stopword("english"))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )
