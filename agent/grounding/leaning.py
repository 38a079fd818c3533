"""Sentences that lean on the one before them: "It is valid for 36 months." is true only of the right "it". Pure."""

from collections.abc import Sequence
from dataclasses import replace

from agent.grounding.alignment import Alignment
from agent.grounding.types import WORD_FOR_WORD, Judgement
from agent.grounding.vetoes import LEANS, leans


def leaning(
    texts: Sequence[str], judged: Sequence[Judgement], titles: Sequence[str], of_question: bool = False
) -> list[Judgement]:
    """Judgements in which a sentence that begins with "it" or "this" stands no surer than the one before it.

    Both must rest on one article: "it" is then most likely what that sentence was about. The first sentence of a reply may
    lean on the question, if it is in a passage's own words or the passage speaks there of what the question names.

    Args:
        texts: the sentences, in order.
        judged: what was found of each by itself.
        titles: of the passages.
        of_question: what the first sentence rests on names something of the question that the sentence does not.
    """
    found: list[Judgement] = []
    for text, one in zip(texts, judged, strict=True):
        alone = not leans(text) or (of_question and not found)
        found.append(one if alone else _led(one, found[-1] if found else None, titles))
    return found


def speaks_of_question(aligned: Alignment | None) -> bool:
    """True if the first sentence of the region names something that was asked about and that the claim does not name."""
    if aligned is None:
        return False
    told = {word.stem for word in aligned.claim}
    first = aligned.source.sentences[aligned.region.first]
    return any(word.is_fact and word.stem in aligned.question - told for word in first.words)


def _led(one: Judgement, before: Judgement | None, titles: Sequence[str]) -> Judgement:
    if not one.supported and not one.is_open:
        return one
    alone = replace(one, supported=False, probability=min(one.probability, 1 - WORD_FOR_WORD), reason=LEANS, is_open=False)
    in_own_words = one.supported and not one.is_open
    if before is None:
        return one if in_own_words else alone
    together = one.passage == before.passage or titles[one.passage] == titles[before.passage] != ""
    if in_own_words:
        return alone if before.supported and not together else one
    if not together or not (before.supported or before.is_open):
        return alone
    supported = one.supported and before.supported
    reason = "" if supported else one.reason or LEANS
    return replace(one, supported=supported, probability=min(one.probability, before.probability), reason=reason)
