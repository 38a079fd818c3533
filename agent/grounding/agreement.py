"""Does a claim say the same as one sentence of a passage? Hard contradictions, found by rules. Pure, English.

Words that overlap are not enough: "You get a full refund" is in the words of "You get a full refund if you cancel
five days before". So what limits a sentence must be kept (conditions, exceptions, bounds, hedges, options), what
turns it round must agree (negations, order of the words within a clause), and nothing may be added that widens it.
Every rule is strict: a claim that says the same in freer words is refused too, and a quote takes its place.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from agent.grounding.names import names
from agent.grounding.wholeness import broken
from agent.grounding.wording import SAME
from knowledge import quantities
from knowledge.quantities import NUMBER_WORDS
from knowledge.terms import FUNCTION_WORDS, stem, words

MIN_CONDITION_KEPT = 0.8
"""Share of a condition's content words that a claim must keep. Set by tests/bench/bench_claims.py."""

_EMPTY = frozenset(["able", "abl", "get", "non", "simpli", "e"])
"""Stems that carry no fact of their own; negation is compared by itself."""

_NEGATION = re.compile(
    r"\b(not|no|never|none|cannot|without|neither|nor|nobody|nothing|unable|non|cant|wont|dont|doesnt|isnt|arent)\b|n['’]t\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(if|unless|only|until|till|except|provided|as long as|before|after|within|at least|at most|up to|more than|less than|"
    r"fewer than|under|over|when|whenever|while|once|during|without|other than|between|for bookings|for stays|from|per|"
    r"each|every|with|by|in case|where|outside|inside|for)\b"
    r"((?:(?!\b(?:if|unless|until|except|when|whenever|once|provided)\b)[^,.;:()])*)",
    re.IGNORECASE,
)
_HEADING_CONDITION = re.compile(
    r"\b(if|unless|except|without|less than|more than|at least|within|only|after|before|during)\b", re.IGNORECASE
)
_TITLE_CONDITION = re.compile(r"(?<=[:,–])\s*if\b.*", re.IGNORECASE)
_EXAMPLE = re.compile(r"\bexample\b", re.IGNORECASE)
_TURNS_ROUND = re.compile(
    r"\b(?:not|no|never|none|nobody|cannot|neither|nor|except\w*|exclu\w*|warning\w*|signs?|signals?|forbidden|"
    r"prohibited|refuse[ds]?|declined?|reject(?:s|ed)?|invalid|wrong|mistakes?|myths?|fraud\w*|scams?|fakes?)\b(?!-)|n['’]t\b",
    re.IGNORECASE,
)
"""A heading or a lead-in with one of these says of the text below it that it does not hold, or is no advice. What stands
there means the opposite without it, so only a quote with its heading will do. "Non-refundable" is a name, what stands
under "If it does not work" or "Arrival: if it does not work" is held to that condition instead, and "by mistake" says how."""
_NO_TURN = re.compile(r"^\s*if\b.*|[:,–]\s*if\b.*|\bby mistake\b", re.IGNORECASE)
_LEANS = re.compile(
    r"^(otherwise|in (that|this|the (first|second|third|other|same)) case|then|this|that|these|those|they|it|he|she|also|"
    r"however|but|instead|after (that|this)|before that|in addition|and|or|so|here|there|both|neither|all of (them|these))\b",
    re.IGNORECASE,
)
_EXCEPTION_FOLLOWS = re.compile(
    r"^(however|but|except|exceptions?|unless|otherwise|not |only |(this|that|it|they|these) "
    r"(only|does not|doesn['’]t|do not|don['’]t|is not|isn['’]t|are not|aren['’]t|no longer|never)\b)",
    re.IGNORECASE,
)
PROMISE = re.compile(
    r"\b(we|us|our (?:team|support|staff))\b\W+(?:\w+\W+)?(will|ll|have|has|shall|are going|promise|guarantee)\b"
    r"|\bwe['’](ll|ve)\b",
    re.IGNORECASE,
)
OURSELVES = re.compile(r"\b(we|our|ours|us)\b|\bwe['’]", re.IGNORECASE)

_GROUPS: dict[str, str] = {
    "a condition": r"if|when|whenever|once|provided|as long as|in case|where|for",
    "an exception": r"unless|except|other than|apart from|without",
    "only": r"only|solely|exclusively",
    "before": r"before|prior to",
    "after": r"after|following",
    "until": r"until|till",
    "during": r"during|while",
    "all": r"all|every|each|any|anyone|anything|both|whenever|wherever|per",
    "an obligation": r"must|have to|has to|need|needs|required|requires?|should",
    "an option": r"can|cannot|can['’]t|may|might|could|allowed|allows?|possible|able|unable|optional|or",
    "a hedge": r"some|most|many|usually|normally|often|typically|sometimes|generally|may|might|could|almost|mostly|likely",
    "an alternative": r"or|otherwise|instead",
    "otherwise": r"otherwise|in that case|in this case|instead",
    "guests": r"guests?",
    "hosts": r"hosts?",
    "over": r"over|above",
    "under": r"under|below",
}
_GROUP = {name: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for name, pattern in _GROUPS.items()}
# What the source limits must stay limited; what it does not limit or oblige must not be.
_KEPT = ("an exception", "only", "before", "after", "until", "an option", "an obligation", "a hedge", "otherwise")
_NOT_ADDED = (
    *("a condition", "an exception", "only", "before", "after", "until", "during", "all", "an obligation"),
    *("an alternative", "guests", "hosts"),
)
_UNIT_STEMS = frozenset(stem(word) for unit in quantities.UNITS for word in words(unit))
_PART = re.compile(r", |[;()–—]|\.\s|\b(?:if|when|whenever|unless|but|that)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;:.()–—]|\b(?:if|when|whenever|unless|but|and|or|while|because|so|which|that)\b", re.IGNORECASE)


def content(text: str) -> list[str]:
    """Stems of the words that carry facts, in order; numbers as digits, other words for the same thing as one."""
    text = re.sub(r"\be-mail", "email", text, flags=re.IGNORECASE)
    found = []
    for word in words(text):
        if word in NUMBER_WORDS and word != "half":
            found.append(f"{NUMBER_WORDS[word]:g}")
        elif word not in FUNCTION_WORDS:
            term = SAME.get(stem(word), stem(word))
            if term not in _EMPTY:
                found.append(term)
    return found


def disagreement(claim: str, sentences: Sequence[str], at: int, context: str) -> str:
    """The first contradiction between a claim and sentence `at` of a passage, in words; empty if there is none.

    Args:
        claim: what is to be sent.
        sentences: the sentences of the passage.
        at: which one the claim is compared with.
        context: title and headings of the passage.
    """
    source = sentences[at]
    if wrong := quantities.unsupported(claim, source):
        return f"number {wrong[0].value:g} is not in the sentence"
    if added := next((m for m in names(claim) if m not in {w.lower() for w in words(f"{source} {context}")}), ""):
        return f"name {added!r} is not in the sentence"
    if repeated := Counter(content(claim)) - Counter(content(f"{source} {context}")):
        return f"said more often than in the sentence: {min(repeated)!r}"
    checks: tuple[Callable[[str, str], str], ...] = (
        *(negation, voice, limits, dropped_condition, dropped_name, _order, _neighbours),
    )
    for check in checks:
        if reason := check(claim, source):
            return reason
    if reason := broken(claim, source, context):
        return reason
    return _surroundings(claim, sentences, at, context)


def _surroundings(claim: str, sentences: Sequence[str], at: int, context: str) -> str:
    """Conditions that stand around a sentence: lead-in, heading, the sentence it leans on, an exception after it."""
    source = sentences[at]
    title, *headings = context.split(" – ")
    only_if = _TITLE_CONDITION.search(title)
    heading = " ".join((only_if[0] if only_if else "", *(part for part in headings if _HEADING_CONDITION.search(part))))
    lead_in = next((s for s in reversed(sentences[:at]) if s.rstrip().endswith(":")), "")
    before = sentences[at - 1] if at and _LEANS.search(source) else ""
    if turned := next((text for text in (*context.split(" – "), lead_in) if turns_round(text)), ""):
        return f"stands under {turned!r}"
    for place, text in (("heading", heading), ("lead-in", lead_in), ("sentence before", before)):
        if dropped := dropped_condition(claim, text):
            return f"{dropped} ({place})"
    if before and negation(claim, source + " " + before) and negation(claim, source):
        return "negation differs"
    if before and at > 1 and _LEANS.search(before) and (dropped := dropped_condition(claim, sentences[at - 2])):
        return f"{dropped} (sentence before)"
    if at + 1 < len(sentences) and _EXCEPTION_FOLLOWS.search(sentences[at + 1]):
        return "an exception follows"
    return worked_example(source, context)


def worked_example(source: str, context: str) -> str:
    """Numbers under a heading "Example" are those of an invented case, also where an "if" stands beside them."""
    return "the numbers of an example" if _EXAMPLE.search(context) and quantities.quantities(source) else ""


def begins_with_pointer(claim: str) -> bool:
    """True if a claim begins with a word that stands for something said before: "it", "this", "otherwise"."""
    return bool(_LEANS.match(claim))


def turns_round(text: str) -> bool:
    """True if a heading or a lead-in says of the text below it that it does not hold."""
    return bool(_TURNS_ROUND.search(_NO_TURN.sub(" ", text)))


def negations(sentence: str) -> int:
    """How many words of negation stand in a sentence."""
    return len(_NEGATION.findall(sentence))


def negation(claim: str, source: str) -> str:
    """How a claim turns its source round; empty if both negate as often, and the same things."""
    if negations(claim) != negations(source):
        return "negation differs"
    return "" if negated(claim) <= negated(source) else "another thing is negated"


def negated(sentence: str) -> set[str]:
    """The first content word after each negation."""
    heads = (content(sentence[m.end() :].split(";")[0].split(",")[0]) for m in _NEGATION.finditer(sentence))
    return {terms[0] for terms in heads if terms}


def voice(claim: str, source: str) -> str:
    """A promise, or words in the company's name, that the source has not; empty if there is none.

    Only the company's own words may speak for it, and a promise must be one there.
    """
    if OURSELVES.search(claim) and not OURSELVES.search(source):
        return "speaks for the company"
    if PROMISE.search(claim) and not PROMISE.search(source):
        return "a promise"
    return ""


def limits(claim: str, source: str) -> str:
    """A word that limits the source and is left out, or one that the claim adds; empty if there is none."""
    for name in _KEPT:
        if len(_GROUP[name].findall(claim)) < len(_GROUP[name].findall(source)):
            return f"left out: {name}"
    for name in _NOT_ADDED:
        if _GROUP[name].search(claim) and not _GROUP[name].search(source):
            return f"added: {name}"
    for name, opposite in (("over", "under"), ("under", "over")):
        if _GROUP[name].search(claim) and not _GROUP[name].search(source) and _GROUP[opposite].search(source):
            return f"{name} instead of {opposite}"
    return ""


def dropped_condition(claim: str, source: str) -> str:
    """A condition of the source that the claim does not keep; empty if it keeps all."""
    kept = set(content(claim))
    for marker, clause in _CONDITION.findall(source):
        terms = content(clause)
        if not terms and marker.lower() in {"if", "unless"} and not re.search(rf"\b{marker}\b", claim, re.IGNORECASE):
            return f"condition left out: {(marker + clause).strip()!r}"
        if any(t.isdigit() and t not in kept for t in terms) or sum(t in kept for t in terms) < MIN_CONDITION_KEPT * len(terms):
            return f"condition left out: {(marker + clause).strip()!r}"
    return ""


def dropped_name(claim: str, source: str) -> str:
    """A name that the source speaks of and the claim does not."""
    missing = names(source) - set(words(claim))
    return f"name left out: {sorted(missing)[0]!r}" if missing else ""


def _order(claim: str, source: str) -> str:
    """Within a clause the words must stand in the order of the source: who pays whom, which number for what."""
    known = content(source)
    for clause in _CLAUSE.split(claim):
        terms = [t for t in content(clause) if t in known]
        rest = iter(known)
        if not all(term in rest for term in terms):
            return f"other order: {clause.strip()!r}"
    return ""


def _neighbours(claim: str, source: str) -> str:
    """A number must stand beside the words that it stands beside in the source: which fee is €8, which is €50."""
    known = _numbers_between(source)
    for number, before, after in _numbers_between(claim):
        places = [(b, a) for n, b, a in known if n == number]
        if not any((not b or not before or b == before) and (not a or not after or a == after) for b, a in places):
            return f"number {number} belongs to other words"
    return ""


def _numbers_between(sentence: str) -> list[tuple[str, str, str]]:
    """Each number with the content words before and after it in its clause (units passed over), or empty strings."""
    found = []
    for clause in _PART.split(sentence):
        terms = [t for t in content(clause) if t not in _UNIT_STEMS]
        found += [(t, a, b) for a, t, b in zip(["", *terms], terms, [*terms[1:], ""], strict=False) if t.isdigit()]
    return found
