"""Names of people, places and products in a text, by their capitals, and whether two texts speak of the same one. Pure.

In languages that write all nouns with a capital, more counts as a name than is one; what hangs on it errs on the safe side.
"""

import re
from collections.abc import Iterable

from knowledge.terms import FUNCTION_WORDS, content_terms, stem, words

_NAME = re.compile(r"(?<=[\w,)] )[A-Z][\w-]*")
_RUN = re.compile(r"\b[A-Z][\w-]*(?: [A-Z][\w-]*)+")


def names(sentence: str) -> set[str]:
    """Capitalised words that don't open the sentence, lower case."""
    return {word for name in _NAME.findall(sentence) for word in words(name) if word not in FUNCTION_WORDS}


def unknown_names(question: str, texts: Iterable[str]) -> set[str]:
    """Names in the question that no text speaks of: the tourist tax of Rome is not that of Lisbon."""
    known = {term for text in texts for term in content_terms(text)}
    return {name for name in names(question) if stem(name) not in known}


def is_of_a_namesake(question: str, text: str) -> bool:
    """True if the question names something of which the text knows only a namesake with a longer name.

    "Platinum Rewards Card" is not "Business Platinum Rewards Card". A text that has the name by itself as well, or not
    at all, is not of a namesake.
    """
    known = list(_runs(text))
    for name in _runs(question):
        bearers = [run for run in known if any(run[i : i + len(name)] == name for i in range(len(run)))]
        if bearers and all(run[: len(name)] != name for run in bearers):
            return True
    return False


def _runs(text: str) -> Iterable[list[str]]:
    """Capitalised words that follow each other, two or more, lower case, without function words in front."""
    for match in _RUN.finditer(text):
        run = match[0].lower().split()
        while run and run[0] in FUNCTION_WORDS:
            run.pop(0)
        if len(run) > 1:
            yield run
