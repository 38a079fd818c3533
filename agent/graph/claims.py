"""Is a sentence supported by a passage? Deterministic checks first, likeness last. Pure.

A claim is a sentence of a draft. It may be sent only if one passage that the customer may see supports
it: its numbers, names, negation and conditions agree with the best matching sentence of the passage,
nearly all of its content words stand there, and the meanings are close. Wording that overlaps is not
support when a condition differs: "You get a full refund" is in the words of "You get a full refund if
you cancel five days before", and is wrong.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.graph import quantities
from agent.graph.terms import WORD, content_terms, stem, words
from knowledge.types import Vectors

# Set by tests/bench/bench_claims.py on the people's judgements of BEGIN (dev) and on corrupted sample
# sentences: at these values few supported paraphrases pass, and hardly an unsupported one.
MIN_PRECISION = 0.85
MIN_SIMILARITY = 0.70

_NEGATION = re.compile(
    r"\b(not|no|never|none|cannot|without|neither|nor|nobody|nothing|unable|n't|kein\w*|nicht|nie|ne|pas|sin|nunca|non|nao)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(if|unless|only|until|except|provided|as long as|before|after|within|at least|at most|up to|more than|less than|"
    r"fewer than|under|over|when|while|once|during|without|other than|between|for bookings|for stays|from)\b([^,.;:()]*)",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"^\s*(yes|no|sure|of course|certainly|absolutely)\b[\s,.!:;–-]*", re.IGNORECASE)
_COURTESY = re.compile(
    r"^(hi|hello|hey|dear|thanks?|thank you|you're welcome|i hope (this|that) helps|let me know if|feel free to|"
    r"please let (me|us) know|have a (nice|great|good)|best regards|kind regards|i'm happy to help|happy to help|"
    r"i understand|sorry to hear)\b[^0-9€$£%]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that may be sent. `hit` is the index of its passage among the hits."""

    text: str
    hit: int
    quote: str
    support: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check of one sentence against one passage found. `reason` says why not, for the trace."""

    supported: bool
    support: float
    sentence: int
    reason: str = ""


def is_courtesy(sentence: str) -> bool:
    """A greeting or a closing, which needs no source. A promise or a number is never courtesy."""
    return bool(_COURTESY.match(sentence.strip())) and not re.search(r"\b(will|refund|promise|guarantee)\b", sentence, re.I)


def without_yes_no(sentence: str) -> str:
    """The sentence without a leading yes or no, which can't be checked against a passage."""
    rest = _YES_NO.sub("", sentence)
    return rest[:1].upper() + rest[1:]


def check(claim: str, context: str, sentences: Sequence[str], similarities: Vectors) -> Finding:
    """Check one claim against one passage.

    Args:
        claim: the sentence.
        context: title and headings of the passage: words that its sentences take for granted.
        sentences: the sentences of the passage.
        similarities: cosine similarity of the claim to each of them, float32 [n].
    """
    if not sentences or not content_terms(claim):
        return Finding(False, 0.0, 0, "nothing to compare")
    scores = [_precision(claim, s + " " + context) + float(sim) for s, sim in zip(sentences, similarities, strict=True)]
    best = int(np.argmax(scores))
    source = sentences[best]
    window = " ".join([context, *sentences[max(0, best - 1) : best + 2]])
    support = min(_precision(claim, window), float(similarities[best]))
    reason = _disagreement(claim, source, window)
    if reason:
        return Finding(False, support, best, reason)
    if _precision(claim, window) < MIN_PRECISION:
        return Finding(False, support, best, "words that the passage does not have")
    if float(similarities[best]) < MIN_SIMILARITY:
        return Finding(False, support, best, "meaning too far from the passage")
    return Finding(True, support, best)


def _disagreement(claim: str, source: str, window: str) -> str:
    """The first hard contradiction, in words, or an empty string."""
    if wrong := quantities.unsupported(claim, window):
        return f"number {wrong[0].value:g} is not in the passage"
    if missing := names(claim) - {w.lower() for w in WORD.findall(window)}:
        return f"name {sorted(missing)[0]!r} is not in the passage"
    if is_negated(claim) != is_negated(source):
        return "negation differs"
    if dropped := dropped_condition(claim, source):
        return f"condition left out: {dropped!r}"
    return ""


def is_negated(sentence: str) -> bool:
    """True if an odd number of negations stands in the sentence."""
    return len(_NEGATION.findall(sentence)) % 2 == 1


def dropped_condition(claim: str, source: str) -> str:
    """A condition of the source that the claim does not keep; empty if it keeps all."""
    kept = set(content_terms(claim)) | {stem(w) for w in words(claim)}
    for marker, clause in _CONDITION.findall(source):
        terms = content_terms(clause)
        if terms and sum(t in kept for t in terms) < 0.6 * len(terms):
            return f"{marker}{clause}".strip()
    return ""


def names(sentence: str) -> set[str]:
    """Capitalised words that don't open the sentence, lower case: names of people, places, products."""
    found = list(WORD.finditer(sentence))[1:]
    return {m[0].lower() for m in found if m[0][0].isupper() and m[0].lower() not in {"i", "i'm", "i'll", "i've"}}


def _precision(claim: str, source: str) -> float:
    """Share of the claim's content terms that the source has (0 to 1)."""
    terms = content_terms(claim)
    known = set(content_terms(source))
    return sum(t in known for t in terms) / len(terms) if terms else 0.0
