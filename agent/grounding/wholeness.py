"""What a claim must keep whole of a sentence: phrases, what a number is of, signs, addresses. Pure, English.

A sentence can be made wrong with none but its own words: "assistance animals" without the first of them, "per pet per
night" without one "per". These rules look at what was cut, put elsewhere, or glued together.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from agent.grounding.source import pairs_of
from agent.grounding.wording import Kind, Word, read

_SIGN = re.compile(r"(?<![\w)%€$£])[€$£]?\s*([<>≤≥≈~±−–-]|(?:less|greater|more) than)\s*(?=[€$£]?\d)", re.IGNORECASE)
_ADDRESS = re.compile(r"\S*(?:@|://|www\.)\S*|\b[^\s.,;:!?()\"'“”]+(?:[./][^\s.,;:!?()\"'“”]+)+", re.IGNORECASE)
_ABBREVIATION = re.compile(r"(?:[a-z][./])+[a-z]\.?", re.IGNORECASE)
_DECIMAL = re.compile(r"[\d.,/:%€$£-]+")
_EDGES = ".,;:!?()[]<>\"'“”*_"
_CLAUSE = re.compile(
    r"[,;:.](?=\s|$)|[()–—!?]|\b(?:if|when|whenever|unless|but|because|so|which|that|who|while)\b", re.IGNORECASE
)
_RELATIVE = re.compile(r"\b(?:that|which|who|whose)\b((?:(?!\b(?:if|unless|but|and)\b)[^,.;:()])*)", re.IGNORECASE)
_PHRASE = re.compile(r"\b(?:under|with|for|in|at|on|of|by|about|to|from|within)\b[^,.;:]*$", re.IGNORECASE)
_POINTS = re.compile(r"^(?:it|this|that|they|these|those|he|she)\b", re.IGNORECASE)
_FOLLOWING = 2


def broken(claim: str, source: str, context: str) -> str:
    """The first thing that the claim has not kept whole, in words; empty if there is none.

    Args:
        claim: what is to be sent.
        source: the sentence that it is compared with.
        context: title and headings above that sentence.
    """
    return (
        added_sign(claim, source)
        or added_address(claim, f"{source} {context}")
        or _other_subject(claim, source, context)
        or _cut_phrase(claim, source)
        or _cut_relative(claim, source)
        or _number_of_another(claim, source)
    )


def added_sign(claim: str, source: str) -> str:
    """A minus or a "more than" before a number that stands without it in the source."""
    known = {sign.lower() for sign in _SIGN.findall(source)}
    added = next((sign for sign in _SIGN.findall(claim) if sign.lower() not in known), "")
    return f"sign added: {added!r}" if added else ""


def added_address(claim: str, source: str) -> str:
    """A mail address, a link or a path that does not stand in the source letter by letter."""
    known = {_address(found) for found in _ADDRESS.findall(source)}
    for found in map(_address, _ADDRESS.findall(claim)):
        plain = _DECIMAL.fullmatch(found) or _ABBREVIATION.fullmatch(found)
        if found and not plain and found not in known:
            return f"address not in the source: {found!r}"
    return ""


def _address(text: str) -> str:
    return text.strip(_EDGES).lower()


def _other_subject(claim: str, source: str, context: str) -> str:
    """A word of the heading alone, where it isn't told under which heading: as the subject it stands for another one.

    What the heading calls more fully may be called so: "travel insurance" under that title where the source has "insurance".
    """
    if _POINTS.match(source):
        return ""
    known = {word.stem for word in read(source)}
    fuller = set(pairs_of(read(context)))
    for clause in _clauses(claim):
        following = [*(word.stem for _, word in clause[1:]), ""]
        for (before, word), after in zip(clause, following, strict=False):
            is_fuller = after in known and (word.stem, after) in fuller
            if word.is_fact and word.stem not in known and not is_fuller and not _PHRASE.search(before):
                return f"stands only in the heading: {word.text!r}"
    return ""


def _clauses(text: str) -> Iterator[list[tuple[str, Word]]]:
    """The words of each clause, each with the text of the clause before it."""
    for clause in _CLAUSE.split(text):
        told, at = [], 0
        for word in read(clause):
            start = clause.lower().find(word.text, at)
            at = max(at, start)
            told.append((clause[:at], word))
        yield told


def _cut_phrase(claim: str, source: str) -> str:
    """A fact that stands right before another one ("assistance animals"), left out though the other is kept."""
    kept = {word.stem for word in read(claim)}
    for clause in _CLAUSE.split(source):
        words = read(clause)
        for first, second in pairwise(words):
            if _names_a_kind(first) and second.is_fact and second.stem in kept and first.stem not in kept:
                return f"left out of a phrase: {first.text!r}"
    return ""


def _names_a_kind(word: Word) -> bool:
    return word.kind in (Kind.CONTENT, Kind.NAME)


def _cut_relative(claim: str, source: str) -> str:
    """A clause that says which ones are meant ("stains that go beyond usual cleaning"), left out."""
    kept = {word.stem for word in read(claim)}
    for clause in _RELATIVE.findall(source):
        told = [word.stem for word in read(clause) if word.is_fact]
        if told and sum(stem in kept for stem in told) < 0.8 * len(told):
            return f"left out: {clause.strip()!r}"
    return ""


def _number_of_another(claim: str, source: str) -> str:
    """A number with other words after it than in the source: "per pet per stay" for "per pet per night"."""
    known = list(_after_numbers(source))
    for number, following in _after_numbers(claim):
        places = [after for n, after in known if n == number]
        if places and not any(_same_start(following, after) for after in places):
            return f"number {number} is of other words"
    return ""


def _same_start(here: list[str], there: list[str]) -> bool:
    """The first words are the same; where a price is "per" this "per" that, all up to the last of them."""
    if "per" in there:
        return _up_to_last_per(here) == _up_to_last_per(there)
    shared = min(len(here), len(there), _FOLLOWING)
    return here[:shared] == there[:shared]


def _up_to_last_per(words: list[str]) -> list[str]:
    last = max((n for n, word in enumerate(words) if word == "per"), default=-1)
    return words[: last + 2] if last >= 0 else []


def _after_numbers(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each number with the facts, and "per", that follow it in its clause up to the next number."""
    for clause in _CLAUSE.split(text):
        words = read(clause)
        for n, word in enumerate(words):
            if word.kind is Kind.NUMBER:
                following = []
                for later in words[n + 1 :]:
                    if later.kind is Kind.NUMBER:
                        break
                    if later.is_fact or later.text == "per":
                        following.append("per" if later.text == "per" else later.stem)
                yield word.stem, following
