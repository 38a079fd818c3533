"""Is a sentence supported by a passage? Deterministic checks first, likeness last. Pure.

A claim is a sentence of a draft. It may be sent only if one sentence of a passage that the customer may see says the
same: all its content words stand there (or in the headings), nothing contradicts (`agreement`), the meanings are close.

Measured by `python -m tests.bench.bench_claims BEGIN/data.jsonl` with the packaged encoder. 9,886 corrupted sentences of
the sample help centre are refused at 98.7% (number changed 100%, unit 100%, bound or modal 100%, negation 100%, promise
100%, heading with a "not" left out 99.4%, name 99.8%, fee 99.6%, another article 99.5%, clause dropped 99.4%, numbers
exchanged 98.8%, roles 96.3%, a word cut from a phrase 95.2%; some of what passes means the same, such as "hosts and
guests"). 77% of the true sentences and their rewritings pass; most of the others stand under a heading with a condition or
a "not". On 1,200 replies of BEGIN: precision 0.95, recall 0.27. What is refused is not lost: `verifier` asks its forests, and
the passage is quoted instead.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.grounding.agreement import content, disagreement
from knowledge.types import Vectors

MIN_PRECISION = 1.0
"""Share of a claim's content words that the sentence or the headings must have."""
MIN_SIMILARITY = 0.70
"""Cosine. On the same figures 0.0 gives recall 0.33 for precision 0.92 and lets 0.08% more of the corrupted pass."""

FREER = "words that the sentence does not have"
FARTHER = "meaning too far from the sentence"
"""Reasons that say only that these rules can't tell; any other one is a contradiction in the sentence's own words."""
NO_CLAIM = "no claim, or nothing to compare it with"

_YES_NO = re.compile(
    r"^\s*(yes|no|sure|of course|certainly|absolutely)\b(?=\s*[,.!:;–-]|\s+(?:you|the|it|we|they)\b)[\s,.!:;–-]*", re.IGNORECASE
)
_FIRST_PERSON = re.compile(r"\b(I(?!-\d)|I['’](?:m|ll|ve|d)|me|my|mine|myself)\b|\bi['’](?:m|ll|ve|d)\b")
_ASIDE = re.compile(
    r"^\s*(?:(?:just|please|do) )?(?:note|keep in mind|be aware|remember) that\s+|^\s*unfortunately,?\s+"
    r"|(?:^\s*|(?<=so )|(?<=but ))i['’]m afraid,?(?: that)?\s+|,\s*i['’]m afraid\b(?:,(?=\s))?",
    re.IGNORECASE,
)
_MARKER = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*•])\s+|(?<=:)\s*\d{1,2}[.)]\s*$")
_LEANS = re.compile(r"\s*(otherwise|in (that|this) case|then|after that|before that|instead)\b", re.IGNORECASE)
_COURTESY = re.compile(
    r"^(?:hi|hello|hey|dear|thanks?|thank you|you're welcome|i hope (?:this|that) helps|let me know if|feel free to|"
    r"please let (?:me|us) know|have a (?:nice|great|good)|best regards|kind regards|i'm happy to help|happy to help|"
    r"i understand|sorry to hear)\b[^0-9€$£%]*$"
    r"|^(?:i['’]m |we['’]re |i am |we are )?(?:(?:so|very|really|truly) )?sorry(?:,? (?:(?:to hear|about) (?:that|this|it)|"
    r"that must (?:be|have been) (?:an? )?\w+|for (?:that|this|the (?:inconvenience|trouble|delay|wait))))?[.!]*$"
    r"|^\d{1,2}[.)]$"
    r"|^(?:i |we )?hope (?:(?:this|that) (?:helps|answers your question|puts your mind at ease)|"
    r"(?:you['’]re|you are|it['’]s) (?:safe|well|okay|ok|nothing serious))[.!]*$",
    re.IGNORECASE,
)
"""The open-ended ones are dropped from what is sent, whatever else they say; the others may say nothing else."""


_UNKNOWING = re.compile(
    r"\b(?:I|we)(?: am|'m)? (?:do not|don['’]t|cannot|can['’]t|could not|couldn['’]t|am not able|unable|am unable|neither)\b"
    r".*\b(?:have|know|find|provide|answer|information|able|sure|determine)"
    r"|^(?:sorry|apolog|I(?:['’]m| am) sorry|I apologi[sz]e|unfortunately, I)"
    r"|\b(?:documents?|passages?|context|information provided) (?:do|does|did) not (?:include|contain|say|mention|have|provide)"
    r"|\bno (?:specific )?information\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that may be sent. `hit` is the index of its passage among the hits.

    `is_quote`: a span of the passage as it stands, to be read under the passage's headings.
    """

    text: str
    hit: int
    quote: str
    support: float
    is_quote: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check of one sentence against one passage found. `reason` says why not, for the trace."""

    supported: bool
    support: float
    sentence: int
    reason: str = ""


def is_courtesy(sentence: str) -> bool:
    """A greeting, a closing, or a list's marker by itself, which need no source. A promise or a number is never courtesy."""
    return bool(_COURTESY.match(sentence.strip())) and not re.search(r"\b(will|refund|promise|guarantee)\b", sentence, re.I)


def is_unknowing(sentence: str) -> bool:
    """True if the writer says that they don't know: no claim about the world, and nothing that a passage could support."""
    return bool(_UNKNOWING.search(sentence))


def without_yes_no(sentence: str) -> str:
    """The sentence without a leading yes or no, which can't be checked against a passage."""
    rest = _YES_NO.sub("", sentence)
    return rest[:1].upper() + rest[1:]


def bare(sentence: str) -> str:
    """The sentence without what says nothing by itself: a list's marker, a yes or no, "please note that", "I'm afraid"."""
    rest = _ASIDE.sub("", without_yes_no(_MARKER.sub("", sentence)))
    return rest[:1].upper() + rest[1:]


def is_claim(sentence: str, known: str = "") -> bool:
    """False for a question, a lead-in, and for what the model says of itself. "Download my data" may be a label in `known`."""
    if sentence.rstrip().endswith(":") or "?" in sentence:
        return False
    of_itself = [sentence[match.start() :] for match in _FIRST_PERSON.finditer(sentence)]
    return all(_is_label(text, known) for text in of_itself) and bool(content(sentence))


def _is_label(text: str, known: str) -> bool:
    """True if a text begins with "my" and a word that stand so in what is known."""
    first, *rest = " ".join(text.split()[:2]).rstrip(".,;:!)'\"").split(" ")
    return first.lower() == "my" and bool(rest) and f"{first} {rest[0]}" in known


def check(claim: str, context: str, sentences: Sequence[str], likeness: Callable[[], Vectors]) -> Finding:
    """Check one claim against one passage.

    Args:
        claim: the sentence.
        context: title and headings of the passage: words that its sentences take for granted.
        sentences: the sentences of the passage.
        likeness: gives the cosine similarity of the claim to each of them, float32 [n]; called only if one has all of its words.
    """
    claim = _ASIDE.sub("", claim)
    if not sentences or not is_claim(claim, " ".join(sentences)):
        return Finding(False, 0.0, 0, NO_CLAIM)
    if _LEANS.match(claim):
        return Finding(False, 0.0, 0, FREER)
    shares = [share(claim, f"{sentence} {context}") for sentence in sentences]
    if max(shares) < MIN_PRECISION:
        return Finding(False, max(shares), 0, FREER)
    similarities = likeness()
    order = np.argsort([-(s + float(near)) for s, near in zip(shares, similarities, strict=True)], kind="stable")
    findings = [_compare(claim, context, sentences, int(at), shares[int(at)], float(similarities[int(at)])) for at in order]
    return next((f for f in findings if f.supported), findings[0])


def _compare(claim: str, context: str, sentences: Sequence[str], at: int, words_found: float, similarity: float) -> Finding:
    support = min(words_found, similarity)
    if words_found < MIN_PRECISION:
        return Finding(False, support, at, FREER)
    if similarity < MIN_SIMILARITY:
        return Finding(False, support, at, FARTHER)
    reason = disagreement(claim, sentences, at, context)
    return Finding(not reason, support, at, reason)


def share(claim: str, source: str) -> float:
    """Share of the claim's content words that the source has (0 to 1)."""
    terms = content(claim)
    known = set(content(source))
    return sum(t in known for t in terms) / len(terms) if terms else 0.0
