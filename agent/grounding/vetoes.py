"""What no likeness makes up for: numbers from nowhere, added signs and addresses, promises, opposites, pointers. Pure, English.

`agreement` compares a claim with one sentence in whose words it is. These rules hold for claims in any words, so each of them
forbids only what can't be meant well: a number may stand in another passage, "one" may stand for a thing, "it" for what the
sentence before was about. What they let through is no more than open: the forests, and who looks twice, judge it.

Stricter ones were measured on replies in free words (the dev part of `replies.jsonl`, by `python -m tests.bench.bench_replies`):
they stopped 27 of 254 faithful sentences for a number, 22 for a pointer, 21 for a heading, and the wrong ones that these let
through stay below the probability from which a sentence is sent.
"""

import re

from agent.grounding.agreement import OURSELVES, PROMISE, begins_with_pointer, negated, turns_round, worked_example
from agent.grounding.source import Region
from agent.grounding.wholeness import added_address, added_sign
from knowledge import quantities
from knowledge.terms import stem

LEANS = "leans on a sentence before it"

_EXPLETIVE = re.compile(r"(?:there(?:['’]s| (?:is|are|was|were|has|have|can|will)\b)|here['’]s)", re.IGNORECASE)
_WE_DO = re.compile(
    r"\bwe(?:['’](?:ll|ve|re))?\b\W+(?:(?:will|have|shall|are going to|also|then|can)\s+)*([a-z-]+)", re.IGNORECASE
)
_WE_TOO = re.compile(r"\b(our|ours|us)\b", re.IGNORECASE)
_IS_DONE = re.compile(r"\b(?:is|are|was|were|be)\s+(?:\w+ly\s+)?([a-z-]+(?:ed|en|ad|nt|id|ught))\b(?!\s+by\b)", re.IGNORECASE)
_CONTINUES = re.compile(r"(?:and|also|or|but|however|in addition)\b,?\s+", re.IGNORECASE)
_TELLS_WHEN = re.compile(r"^(?:when|why|how|exceptions?)\b|\bthat (?:was|were)(?:n['’]t| not)\b", re.IGNORECASE)
_SENTENCE = re.compile(
    r"\b(?:is|are|was|were|has|have|do|does|can|may|must|will|gets?|you|we|it)\b.*[.!]$", re.IGNORECASE | re.DOTALL
)
_PLEDGE = re.compile(r"\b(promise|guarantee)", re.IGNORECASE)


def forbidden(claim: str, region: Region, context: str, passage: str, article: str) -> str:
    """The first thing that forbids a claim, in words; empty if there is none.

    Args:
        claim: what is to be sent.
        region: the sentences that it most likely rests on.
        context: title and headings above them.
        passage: all sentences of that passage.
        article: all passages of its article that are given, with their headings.
    """
    if wrong := quantities.unfounded(claim, article):
        return f"number {wrong[0].value:g} is not in the article"
    if opposite := _under_its_opposite(claim, region, context):
        return f"stands under {opposite!r}"
    if invented := worked_example(region.text, context):
        return invented
    known = f"{context}. {passage}"
    return added_sign(claim, known) or added_address(claim, known) or _voice(claim, region, article)


def leans(claim: str) -> bool:
    """True if a claim begins with a word for something said before. "There is", "here's" and "and" stand for nothing."""
    rest = _CONTINUES.sub("", claim, count=1)
    return begins_with_pointer(rest) and not _EXPLETIVE.match(rest)


def _under_its_opposite(claim: str, region: Region, context: str) -> str:
    """The first heading that says of the text below it that it does not hold.

    Not if the claim denies the same thing, nor where whole sentences stand under "Exceptions" or "When it does not apply":
    they say themselves what holds there.
    """
    denied = negated(claim)
    for heading in context.split(" – "):
        says_itself = _TELLS_WHEN.search(heading) and _SENTENCE.search(region.text)
        if turns_round(heading) and not denied & negated(heading) and not says_itself:
            return heading
    return ""


def _voice(claim: str, region: Region, article: str) -> str:
    """A promise, or words in the company's name, that the passages have not.

    What they say that we do, or that is done and not by whom, the claim may say that we do or will do.
    """
    done = {stem(match[1].lower()) for match in _WE_DO.finditer(article)}
    told = {stem(match[1].lower()) for match in _WE_DO.finditer(claim)}
    new = {verb for verb in told - done if verb not in _passive(region)}
    speaks = new or (_WE_TOO.search(claim) and not OURSELVES.search(article))
    if speaks and OURSELVES.search(claim) and not OURSELVES.search(region.text):
        return "speaks for the company"
    if PROMISE.search(claim) and not PROMISE.search(region.text) and (new or not told or _PLEDGE.search(claim)):
        return "a promise"
    return ""


def _passive(region: Region) -> set[str]:
    """Stems of what is done by nobody who is named: "recordings are deleted"."""
    return {stem(match[1].lower()) for match in _IS_DONE.finditer(region.text)}
