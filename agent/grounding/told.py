"""A whole reply beside its passages and its question, in words as they are written. Pure.

Of each word, whatever it does in its sentence: what a reply adds to its passages shows better so than in its claims, which
leave out a greeting and an opening yes or no. "Yes" to "Do you ...?" says something of the writer, whatever comes after it.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from agent.grounding.features import YES_NO
from knowledge import quantities

OF_TOLD = (
    *("words_known", "pairs_known", "triples_known", "letters_known", "length", "source_length", "share_of_source"),
    *("words_unknown", "words_unknown_and_not_asked", "source_told", "numbers_unknown", "pointers_unknown"),
    *("opening_known", "opens_with_yes_no", "asked", "asked_you", "asked_yes_no", "yes_no_to_you", "yes_no_to_yes_no"),
    *("yes_no_to_others", "words_of_question"),
)
_LONGEST = 3.0
"""Of a reply in lengths of its source."""
_LETTERS = 5
_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"[.!]")
_YOU = frozenset({"you", "your", "yours", "u"})
_POINTERS = frozenset("it he she they this that these those its his her their him them".split())  # noqa: SIM905
"""Words for what stands elsewhere: one that the passages lack stands for something that the writer has in mind."""
_OPENS_YES_NO = frozenset(
    "do does did is are was were have has had can could will would should may".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Told:
    """A whole reply, greetings and all, with the question and what its passages say."""

    reply: str
    question: str
    passages: str


def told_figures(told: Told) -> list[float]:
    """The figures `OF_TOLD`."""
    said, asked = _words(told.reply), set(_words(told.question))
    source = _read(told.passages)
    unknown = [word for word in said if word not in source.words]
    letters = _letters(said)
    return [
        1 - len(unknown) / max(1, len(said)),
        _share(list(pairwise(said)), source.pairs),
        _share(list(zip(said, said[1:], said[2:], strict=False)), source.triples),
        _share(letters, source.letters),
        math.log1p(len(said)),
        math.log1p(source.length),
        min(_LONGEST, len(said) / max(1, source.length)),
        math.log1p(len(unknown)),
        math.log1p(sum(word not in asked for word in unknown)),
        len(source.words.intersection(said)) / max(1, len(source.words)),
        float(len(quantities.unsupported(told.reply, told.passages))),
        float(sum(word in _POINTERS for word in unknown)),
        float(bool(said) and said[0] in source.words),
        *_opening(said, told.question.lower()),
        len(asked.intersection(said)) / max(1, len(set(said))),
    ]


def _opening(said: Sequence[str], question: str) -> list[float]:
    """Does the reply open with yes or no, what is asked, and both together."""
    yes_no = bool(said) and said[0] in YES_NO
    asks, you = "?" in question, not _YOU.isdisjoint(_words(question))
    parts = [_words(part) for part in _SENTENCE_END.split(question) if "?" in part]
    for_yes_no = any(words and words[0] in _OPENS_YES_NO for words in parts)
    both = (yes_no and you, yes_no and for_yes_no, yes_no and asks and not you)
    return [float(one) for one in (yes_no, asks, you, for_yes_no, *both)]


@dataclass(frozen=True, slots=True)
class _Source:
    length: int
    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    triples: frozenset[tuple[str, str, str]]
    letters: frozenset[str]


@lru_cache(maxsize=32)
def _read(passages: str) -> _Source:
    words = _words(passages)
    triples = frozenset(zip(words, words[1:], words[2:], strict=False))
    return _Source(len(words), frozenset(words), frozenset(pairwise(words)), triples, frozenset(_letters(words)))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _letters(words: Sequence[str]) -> list[str]:
    """Each five letters in a row, so that other endings of a word count in part."""
    text = " ".join(words)
    return [text[n : n + _LETTERS] for n in range(len(text) - _LETTERS + 1)]


def _share(found: Sequence[object], known: frozenset[Any]) -> float:
    return sum(one in known for one in found) / max(1, len(found))
