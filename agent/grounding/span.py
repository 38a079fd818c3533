"""A span that a model says it relies on: is it in the passage, and does the claim agree with it? Pure.

A model that says "supported" may be wrong, or lie. So its word counts only with the words that it read, and these are
widened to whole sentences, so that nothing is quoted without its "not" or its "only if".
"""

import re
import unicodedata
from collections.abc import Sequence

from agent.grounding.agreement import limits, negation, voice
from agent.grounding.names import names
from agent.grounding.passages import heading
from agent.grounding.source import LONGEST
from knowledge import quantities
from knowledge.terms import FUNCTION_WORDS, words
from knowledge.types import Passage

SHORTEST = 3
"""Words of a span: fewer are found in any passage."""
_FOR = re.compile(r"\bfor\b", re.IGNORECASE)
"""It may open a condition that the source lacks; in free words ("you pay €12 for a dog") it mostly doesn't."""
_WORD = re.compile(r"[^\W\d_]+")
_TOKEN = re.compile(r"\w+(?:[.,:/@'-]\w+)*|[%€$£]")


def find_span(span: str, sentences: Sequence[str]) -> tuple[int, int] | None:
    """The sentences in a row that a span lies in, as [first, end); None if it is not there, too short or too long.

    Capitals, spaces, marks and the ways to write a letter don't count; every word and number does, in order.
    """
    wanted = _tokens(span)
    if len(wanted) < SHORTEST:
        return None
    known = [(token, n) for n, sentence in enumerate(sentences) for token in _tokens(sentence)]
    for at in range(len(known) - len(wanted) + 1):
        if all(known[at + k][0] == token for k, token in enumerate(wanted)):
            first, end = known[at][1], known[at + len(wanted) - 1][1] + 1
            return (first, end) if end - first <= LONGEST else None
    return None


def contradiction(claim: str, source: str, passage: Passage) -> str:
    """What no model's word makes up for, beside what the built-in verifier forbids; empty if there is nothing.

    Numbers and names must stand in the very sentences that the claim rests on, and negations must agree with them.

    Args:
        claim: what is to be sent.
        source: the sentences that it rests on.
        passage: where they stand; its headings count, too.
    """
    known = f"{heading(passage)}. {source}"
    if wrong := quantities.unsupported(claim, known):
        return f"number {wrong[0].value:g} is not in the sentence"
    seen = {word.lower() for word in words(known)}
    if added := sorted(name for name in names(claim) | _opening_names(claim, passage.text) if name not in seen):
        return f"name {added[0]!r} is not in the sentence"
    return negation(claim, source) or voice(claim, source)


def other_limits(claim: str, source: str) -> str:
    """A limit of the sentences that the claim leaves out or adds ("only", "unless", "before", "must"); empty if none is."""
    return limits(_FOR.sub(" ", claim), source)


def _opening_names(claim: str, text: str) -> set[str]:
    """Words with a capital that the text never writes without one, lower case: also the name that a claim begins with."""
    written = set(_WORD.findall(text))
    capitals = {word for word in _WORD.findall(claim) if word[0].isupper() and word in written}
    return {word.lower() for word in capitals if word.lower() not in written} - FUNCTION_WORDS


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).replace("’", "'").replace("–", "-").replace("—", " ").casefold())
