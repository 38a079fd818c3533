"""What in a request points at something else, and whether that was named. Pure but for the embedder.

"How long does this library keep books?" can't be answered by one who doesn't know which library; what was said before may
tell. English only: in other languages nothing is found to point.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.ports import Embedder
from knowledge.terms import FUNCTION_WORDS, content_terms, words

SENTENCES = 12
"""So many sentences before the request, the latest, may hold what a phrase points at."""
WORDS = 12
"""Of each of them. The whole of 40 tells no more (macro-F1 .627 both), and takes three times as long."""
EMPTY_WORDS = 4
"""More words than that say something even if each is empty: "when can we get in and when do we have to be out"."""
MOST_WORDS = 4
"""A noun phrase is read no further."""

_TOKEN = re.compile(r"[A-Za-z0-9][\w'’-]*|[^\s\w]")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")
_PRONOUN = re.compile(r"\b(it|its|they|them|their|he|him|his|she|her|this|that|these|those|there)\b", re.IGNORECASE)
_DEMONSTRATIVES = frozenset({"this", "that", "these", "those"})
_JOINS = frozenset("of for in to that which who between from with on at by".split())  # noqa: SIM905
_EXPLAINS = _JOINS | frozenset("behind about when where used i you we they is are".split())  # noqa: SIM905
"""After one of these, "the X" is told by what follows: "the fee for a permit", "the form that I sent"."""
_KNOWN_TO_ALL = frozenset(
    """
    world internet past future public time way same rest end beginning day year week month people country us uk usa web net
    law moment market
    """.split()  # noqa: SIM905
)
"""There is but one of these."""
_NAMES_NOTHING = frozenset({"case", "situation", "instance", "scenario", "example"})
""""In this case": what it is the case of, its own word never tells."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A noun phrase that takes for granted that one knows which: "this library", "the loan".

    `words` are those after "this" or "the"; `place` is the number of the sentence it stands in, from 0.
    """

    words: tuple[str, ...]
    demonstrative: bool
    place: int = 0


def sentences(text: str) -> list[str]:
    """Split at full stops and line ends: rough, and fast enough for the words of whole passages."""
    return [part for part in _SENTENCE_END.split(text) if part.strip()]


def references(text: str) -> list[Reference]:
    """Noun phrases after this, that, these, those; and after "the", if nothing in them or behind them says which."""
    return [found for place, sentence in enumerate(sentences(text)) for found in _references_of(sentence, place)]


def has_pronoun(text: str) -> bool:
    """True if a pronoun stands in it that may point back."""
    return bool(_PRONOUN.search(text))


def names_nothing(text: str) -> bool:
    """True if by itself it asks about nothing: a word or four without content, or one and what points elsewhere.

    "help", "how much is it?"; "Can I change it?".
    """
    terms = content_terms(text)
    points = has_pronoun(text) or bool(references(text))
    return (len(terms) <= 1 and points) or (not terms and len(words(text)) <= EMPTY_WORDS)


def unresolved(embedder: Embedder, request: str, earlier: Sequence[str]) -> float:
    """How far what the request points at is from all that was said before (1 - cosine); 0 if it points at nothing.

    That of the phrase which is farthest; 0 for one whose words stand together in a sentence. By words alone it tells less
    who must ask back: AUC .70, so .79 (mtrag_un_decisions).
    """
    said = [part for turn in earlier for part in sentences(turn)]
    own = sentences(request)
    open_ones = [ref for ref in references(request) if not _is_named(ref, [*said, *own[: ref.place]])]
    if not open_ones:
        return 0.0
    if any(ref.words[-1].lower() in _NAMES_NOTHING or (not said and not ref.place) for ref in open_ones):
        return 1.0
    heard = [" ".join(part.split()[:WORDS]) for part in said[-SENTENCES:]]
    before = [*heard, *own[: open_ones[-1].place]]
    vectors = embedder.embed([*(" ".join(ref.words) for ref in open_ones), *before])
    phrases, known = vectors[: len(open_ones)], vectors[len(open_ones) :]
    nearest = (np.max(known[: len(heard) + ref.place] @ phrase) for ref, phrase in zip(open_ones, phrases, strict=True))
    return 1.0 - float(min(nearest))


def _is_named(ref: Reference, before: Sequence[str]) -> bool:
    """True if all its words stand in one sentence said before."""
    terms = set(content_terms(" ".join(ref.words)))
    return ref.words[-1].lower() not in _NAMES_NOTHING and any(terms.issubset(content_terms(part)) for part in before)


def _references_of(sentence: str, place: int) -> list[Reference]:
    tokens = _TOKEN.findall(sentence)
    found: list[Reference] = []
    for start, token in enumerate(tokens, 1):
        demonstrative = token.lower() in _DEMONSTRATIVES
        if not demonstrative and token.lower() != "the":
            continue
        end = start
        while end < len(tokens) and end < start + MOST_WORDS and _may_be_of_a_name(tokens[end]):
            end += 1
        phrase = tuple(tokens[start:end])
        if phrase and (demonstrative or not _is_told(phrase, tokens[end].lower() if end < len(tokens) else "")):
            found.append(Reference(phrase, demonstrative, place))
    return found


def _is_told(phrase: Sequence[str], after: str) -> bool:
    """True if "the X" needs nothing said before: it is a name, or explained by what follows, or there is but one."""
    return any(word[0].isupper() for word in phrase) or after in _EXPLAINS or phrase[-1].lower() in _KNOWN_TO_ALL


def _may_be_of_a_name(token: str) -> bool:
    """True if it can belong to a noun phrase."""
    return token[0].isalpha() and token.lower() not in FUNCTION_WORDS and token.lower() not in _JOINS
