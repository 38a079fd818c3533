"""Is a text English? By its small words: enough to know whether an English model can read it. Pure."""

import re

_WORD = re.compile(r"[^\W\d_]+(?:['’]\w+)?")
SURELY_FOREIGN, SURELY_ENGLISH = 0.1, 0.25
"""Share of small words up to which a text is foreign, and from which it is English: most English questions reach it."""
SMALL_WORDS = frozenset(
    (
        *("the", "and", "what", "what's", "which", "whose", "whom", "who", "when", "where", "why", "how", "how's", "does", "did"),
        *("could", "should", "would", "been", "this", "that", "these", "those", "with", "from", "it's", "its", "they", "them"),
        *("their", "you", "you're", "your", "our", "we're", "i'm", "i've", "i'd", "i'll", "there", "about", "into", "then"),
        *("because", "after", "before", "isn't", "don't", "doesn't", "didn't", "can't", "won't", "any", "without"),
    )
)
"""Frequent English words that are not frequent in another language."""
SHARED_WORDS = frozenset(
    ("is", "are", "of", "to", "for", "i", "my", "can", "will", "not", "have", "get", "but", "than", "be", "it")
)
"""Frequent in others too, as "is" and "of" in Dutch, "for" in Danish, "will" in German, "to" in Polish, "can" in Turkish:
each counts half."""


def foreignness(text: str) -> float:
    """0 for English, 1 for a text with no or almost no small English words, between them where there are few.

    A few words without any ("refund policy") count as foreign.
    """
    words = [word.replace("’", "'") for word in _WORD.findall(text.lower())]
    if not words:
        return 0.0
    share = sum(1.0 if word in SMALL_WORDS else 0.5 * (word in SHARED_WORDS) for word in words) / len(words)
    return 1.0 - min(1.0, max(0.0, (share - SURELY_FOREIGN) / (SURELY_ENGLISH - SURELY_FOREIGN)))
