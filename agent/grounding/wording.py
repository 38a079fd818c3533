"""Words as the check of claims compares them: stems, and what kind of word each one is. Pure, English."""

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from knowledge.quantities import NUMBER_WORDS
from knowledge.terms import FUNCTION_WORDS, stem

SAME = {
    "reserv": "book",
    "reimburs": "refund",
    "payment": "pay",
    "paid": "pay",
    "chosen": "choos",
    "written": "write",
    "sent": "send",
    "told": "tell",
    "kept": "keep",
    "receiv": "get",
}
"""Other words for the same thing, as stems. Only what no customer could take for something else."""


class Kind(IntEnum):
    """What a word does in a sentence. The numbers stand in the trained forests: append, never renumber."""

    CONTENT = 0
    NAME = 1
    NUMBER = 2
    NEGATION = 3
    BOUND = 4
    MODAL = 5
    SELF = 6
    FUNCTION = 7


FACTS = frozenset({Kind.CONTENT, Kind.NAME, Kind.NUMBER})
"""Kinds of words that say what a sentence is about."""

_NEGATION = frozenset(
    """
    not no never none cannot without neither nor nobody nothing unable non cant wont dont doesnt isnt arent didnt couldnt
    wasnt werent hasnt havent
    """.split()  # noqa: SIM905
)
_BOUND = frozenset(
    """
    if unless only until till except provided before after within least most up more less fewer under over when whenever
    while once during between per each every where outside inside some many usually normally often typically sometimes
    generally may might could almost mostly likely all any both solely exclusively about around approximately first last
    """.split()  # noqa: SIM905
)
_MODAL = frozenset(
    """
    must should can need needs required require requires have will would shall allowed possible optional or
    """.split()  # noqa: SIM905
)
_SELF = frozenset(("i", "me", "my", "mine", "myself", "im", "i'm", "i've", "i'd", "i'll"))
_DATES = frozenset(
    """
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday
    """.split()  # noqa: SIM905
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*(?:[.,:]\d+)*|\d[\d.,:]*")
_GROUPED = re.compile(r"[.,](?=\d{3}(?:\D|$))")
_OPENS = frozenset('.!?:"“•-*|')


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `stem` is what is compared: numbers as digits, all negations as `not`."""

    stem: str
    kind: Kind
    text: str

    @property
    def is_fact(self) -> bool:
        """True for a content word, a name or a number."""
        return self.kind in FACTS

    @property
    def weight(self) -> float:
        """How much its absence matters: long words, names and numbers tell more."""
        return 1.0 + min(len(self.stem), 10) / 10 + (0.5 if self.kind in (Kind.NAME, Kind.NUMBER) else 0.0)


@lru_cache(maxsize=20_000)
def read(text: str) -> tuple[Word, ...]:
    """The words of a text, in order."""
    return tuple(_word(match[0].replace("’", "'"), text[: match.start()].rstrip()[-1:]) for match in _WORD.finditer(text))


def spans(text: str) -> list[tuple[int, int]]:
    """Where each of those words stands, in characters."""
    return [match.span() for match in _WORD.finditer(text)]


def _word(raw: str, before: str) -> Word:
    text = raw.lower()
    kind = _kind(text)
    if kind is Kind.NUMBER:
        return Word(_digits(text), kind, text)
    if kind is Kind.NEGATION:
        return Word("not", kind, text)
    if raw[0].isupper():
        if text in _DATES:
            kind = Kind.NUMBER
        elif kind is Kind.CONTENT and before and before not in _OPENS:
            kind = Kind.NAME
    root = stem(text)
    return Word(SAME.get(root, root), kind, text)


def _kind(text: str) -> Kind:
    if text in _NEGATION or text.endswith("n't"):
        return Kind.NEGATION
    if text in NUMBER_WORDS or any(c.isdigit() for c in text):
        return Kind.NUMBER
    for known, kind in ((_BOUND, Kind.BOUND), (_MODAL, Kind.MODAL), (_SELF, Kind.SELF), (FUNCTION_WORDS, Kind.FUNCTION)):
        if text in known:
            return kind
    return Kind.CONTENT


def _digits(text: str) -> str:
    if text in NUMBER_WORDS and text != "half":
        return f"{NUMBER_WORDS[text]:g}"
    return _GROUPED.sub("", text).rstrip(".,:")
