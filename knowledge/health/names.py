"""Which words are names here: of products, places, plans. Learned from how the articles themselves write them. Pure.

A title such as "Flexible Cancellation Policy" has a capital on every word. Inside the sentences of all articles
"policy" is mostly written small and "Flexible" mostly not; so the latter is a name. ("tRuEcasIng", Lita et al. 2003.)
In languages that write all nouns with a capital, more counts as a name than is one; what hangs on it then reports less.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from knowledge.health.shelf import Article
from knowledge.terms import FUNCTION_WORDS, stem, words

NAME_SHARE = 0.5
"""A word that is written with a capital in more than this share of the places where it needs none is a name."""
COMMON_SHARE = 0.3
"""The company's own name, in so many of the articles, tells nothing apart."""
_INSIDE = re.compile(r"(?<=[a-zà-ÿ0-9,;)%] )[*_`\"“']*([A-Za-zÀ-ÿ][\w'’-]*)")
"""A word that doesn't open a sentence or a line: one space and a small letter or a comma stand before it."""
_RUN = re.compile(r"[A-ZÀ-Þ][\w'’-]*(?: (?:\([^)]*\)|[A-ZÀ-Þ][\w'’-]*))*")
_MENU = re.compile(r"\*\*[^*\n]+ (?:>|›|→) [^*\n]+\*\*|\*\*[^*\n]+\*\*")
"""Bold text is often a button or a menu, whose capitals are those of the screen."""


class Names:
    """The names of a set of articles, as stems."""

    def __init__(self, articles: Sequence[Article]) -> None:
        capital: Counter[str] = Counter()
        small: Counter[str] = Counter()
        homes: Counter[str] = Counter()
        for article in articles:
            text = "\n".join([passage.text for passage in article.passages])
            for match in _INSIDE.finditer(_MENU.sub(" ", text)):
                for part in (word for word in words(match[1]) if not word[0].isdigit()):
                    (capital if match[1][0].isupper() else small)[stem(part)] += 1
            homes.update({stem(word) for word in words(f"{article.title}\n{text}")})
        most = max(COMMON_SHARE * len(articles), 10)
        self._small = frozenset(small)
        self._names = frozenset(
            name
            for name, count in capital.items()
            if count > NAME_SHARE * (count + small[name]) and homes[name] <= most and name not in FUNCTION_WORDS
        )
        self._common = frozenset(name for name, count in homes.items() if count > most)

    def of(self, *texts: str) -> frozenset[str]:
        """The names in these texts, as stems."""
        return frozenset(s for text in texts for word in words(text) if (s := stem(word)) in self._names)

    def of_title(self, *texts: str) -> frozenset[str]:
        """The same for titles and headings, where a capitalised word that no sentence writes small counts as well."""
        found = set(self.of(*texts))
        for word in _capitalised(texts):
            if (s := stem(word)) not in self._small and s not in self._common and word not in FUNCTION_WORDS:
                found.add(s)
        return frozenset(found)

    def full_names(self, title: str) -> frozenset[tuple[str, ...]]:
        """Runs of capitalised words with a name among them: "Business Gold Rewards Card" is not "Gold Rewards Card"."""
        runs = (tuple(stem(word) for word in words(match[0])) for match in _RUN.finditer(title))
        return frozenset(run for run in runs if self._names.intersection(run))


def _capitalised(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        for match in re.finditer(r"\b[A-ZÀ-Þ][\w'’-]*", text):
            yield from words(match[0])
