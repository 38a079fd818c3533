"""One thing made wrong in a true sentence: numbers, dates, names, units, negations, conditions. For training and measuring."""

import itertools
import random
import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher

from agent.grounding.source import Source
from agent.grounding.wording import Kind, read

UNITS = {
    "hours": "days", "hour": "day", "days": "hours", "day": "hour", "nights": "days", "night": "stay", "minutes": "hours",
    "months": "weeks", "weeks": "months", "years": "months", "%": "€", "guests": "pets", "kg": "pounds",
}  # fmt: skip
BOUNDS = {
    "at least": "at most", "up to": "at least", "less than": "more than", "more than": "less than", "before": "after",
    "after": "before", "within": "after", "until": "after", "only": "also", "must": "can", "can": "must", "some": "all",
    "under": "over",
}  # fmt: skip
MONTHS = "January|February|March|April|June|July|August|September|October|November|December"
DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
NUMBER_WORDS = {
    "two": "three", "three": "five", "four": "six", "five": "seven", "six": "four", "seven": "nine", "eight": "six",
    "nine": "seven", "ten": "twelve", "twelve": "ten", "twenty": "thirty", "first": "second", "second": "third",
    "third": "fourth", "half": "quarter", "both": "all three", "once": "twice", "twice": "three times",
}  # fmt: skip
AFFIRMED = {
    "do not": "do", "does not": "does", "did not": "did", "is not": "is", "are not": "are", "was not": "was",
    "were not": "were", "cannot": "can", "can't": "can", "don't": "", "doesn't": "", "isn't": "is", "aren't": "are",
    "won't": "will", "not": "", "never": "always", "no": "a",
}  # fmt: skip
_CLAUSE = re.compile(
    r"(^if [^,]*, )|( (?:if|unless|only if|as long as|when|until|before|within|except|up to|per)\b[^,.;]*)", re.I
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_BARE_WORD = re.compile(r"[A-Za-z]+")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-zA-Z-]+(?: [A-Z][a-zA-Z-]+)*")
_NEGATED = re.compile(rf"\b({'|'.join(AFFIRMED)})\b")
_VERB = re.compile(r"\b(is|are|was|were|can|must|will|should|may|could|would|has been|have been)\b")
_PLAIN_VERB = re.compile(r"\b(?:you|they|we|it|he|she|who|which|that) ([a-z]+)\b")

Way = Callable[[str], Iterator[str]]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def swap(text: str, table: dict[str, str]) -> Iterator[str]:
    for old, new in table.items():
        pattern = rf"\b{old}\b" if old.isalpha() or " " in old else re.escape(old)
        if re.search(pattern, text, re.I):
            yield capital(re.sub(pattern, new, text, count=1, flags=re.I))


def other_number(text: str, dice: random.Random) -> Iterator[str]:
    for match in _NUMBER.finditer(text):
        new = str(int(re.sub(r"\D", "", match[0])) + dice.choice([1, 2, 5, 10]))
        yield text[: match.start()] + new + text[match.end() :]
    for old, new in NUMBER_WORDS.items():
        if re.search(rf"\b{old}\b", text):
            yield re.sub(rf"\b{old}\b", new, text, count=1)


def exchanged_numbers(text: str) -> Iterator[str]:
    for one, two in itertools.pairwise(_NUMBER.finditer(text)):
        if one[0] != two[0]:
            yield text[: one.start()] + two[0] + text[one.end() : two.start()] + one[0] + text[two.end() :]


def other_date(text: str, dice: random.Random) -> Iterator[str]:
    for names in (MONTHS, DAYS):
        for match in re.finditer(rf"\b({names})\b", text):
            yield text[: match.start()] + dice.choice([n for n in names.split("|") if n != match[0]]) + text[match.end() :]
    for match in re.finditer(r"\b(1[5-9]|20)\d\d\b", text):
        yield text[: match.start()] + str(int(match[0]) + dice.choice([-3, -1, 1, 2, 10])) + text[match.end() :]


def other_name(text: str, names: list[str], dice: random.Random) -> Iterator[str]:
    for match in _NAME.finditer(text):
        others = [n for n in names if n.lower() not in text.lower()]
        if others and not re.fullmatch(f"{MONTHS}|{DAYS}|I|If|The|May", match[0]):
            yield text[: match.start()] + dice.choice(others) + text[match.end() :]


def other_negation(text: str) -> Iterator[str]:
    if match := _NEGATED.search(text):
        yield re.sub(r"\s+", " ", text[: match.start()] + AFFIRMED[match[0]] + text[match.end() :])
    elif match := _VERB.search(text):
        yield text[: match.end()] + " not" + text[match.end() :]
    elif (match := _PLAIN_VERB.search(text)) and not match[1].endswith("ly"):
        yield f"{text[: match.start(1)]}do not {text[match.start(1) :]}"


def dropped_clauses(text: str) -> Iterator[str]:
    for match in _CLAUSE.finditer(text):
        yield capital(text[: match.start()] + text[match.end() :])


def cut_phrases(text: str) -> Iterator[str]:
    """Without the first of two facts that stand side by side: "fee" for "cleaning fee"."""
    found = list(_BARE_WORD.finditer(text))
    for one, two in itertools.pairwise(found):
        kinds = [read(m[0])[0].kind if read(m[0]) else Kind.FUNCTION for m in (one, two)]
        if text[one.end() : two.start()] == " " and all(kind in (Kind.CONTENT, Kind.NAME) for kind in kinds):
            yield capital(text[: one.start()] + text[two.start() :])


def promises(text: str) -> Iterator[str]:
    if re.search(r"refund", text, re.I) and "will" not in text:
        yield "We will refund you the full amount."
        yield "We'll " + re.sub(r"^(You get|If[^,]*, you get)", "refund you", text)


def names_in(texts: list[str]) -> list[str]:
    return sorted({match[0] for text in texts for match in _NAME.finditer(text)})


def corrupted(text: str, source: Source, dice: random.Random, most: int) -> Iterator[tuple[str, str]]:
    """Pairs of kind and wrong sentence, at most so many a kind. What is changed stood in the source."""
    names = names_in([sentence.text for sentence in source.sentences])
    kinds: dict[str, Way] = {
        "number": lambda t: itertools.chain(other_number(t, dice), exchanged_numbers(t)),
        "date": lambda t: other_date(t, dice),
        "name": lambda t: other_name(t, names, dice),
        "unit": lambda t: swap(t, UNITS),
        "negation": other_negation,
        "cut": cut_phrases,
        "condition": lambda t: itertools.chain(dropped_clauses(t), swap(t, BOUNDS)),
    }
    for kind, way in kinds.items():
        found = [new for new in dict.fromkeys(way(text)) if new != text and _was_known(text, new, source)]
        yield from ((kind, new) for new in dice.sample(found, min(most, len(found))))


def changed_words(old: str, new: str) -> set[int]:
    """Places of the words of `new` that a corruption has put in, or that stand where it took something away."""
    a, b = [w.stem for w in read(old)], [w.stem for w in read(new)]
    wrong: set[int] = set()
    for name, _, _, first, end in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if name == "delete":
            wrong |= {n for n in (first - 1, min(first, len(b) - 1)) if n >= 0}
        elif name != "equal":
            wrong |= set(range(first, end))
    return wrong


def _was_known(old: str, new: str, source: Source) -> bool:
    a, b = read(old), read(new)
    ops = SequenceMatcher(None, [w.stem for w in a], [w.stem for w in b], autojunk=False).get_opcodes()
    gone = [w for name, i, j, _, _ in ops if name in ("replace", "delete") for w in a[i:j]]
    return all(w.stem in source.stems for w in gone if w.is_fact)
