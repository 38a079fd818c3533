"""What a passage has somebody say or think, or tells its reader to say, is not what it says itself. Pure, English.

"Say that storage is free" does not say that storage is free, and neither does "some guests believe that it is": with none but
such words a claim would be in the passage's words, and wrong. Whoever can write a sentence into an article could have it told
as the company's own.
"""

import re
from collections.abc import Sequence

from knowledge.terms import FUNCTION_WORDS, stem, words

_ADVERB = r"(?:please|always|never|also|now|just|then|simply|instead|politely|clearly|not) "
_PERSON = r"(?:(?:the|every|each|all|any|your|this|these|that) )?(?:[\w'’-]+ ){0,2}?[\w'’-]+"
_ORDER = re.compile(
    rf"(?:^|[.!?:;,\"“”(*>-]\s*|\b(?:please|and|or|then|now|must|always|instead) )(?:{_ADVERB})*"
    r"(?:(?P<verb>say|state|claim|pretend|announce|declare|assert)\b(?:\s+that\b|\s*:)?"
    rf"|(?P<to>tell|inform|assure|convince|promise|notify|persuade)(?: {_PERSON})?(?:\s+that\b|\s*:)?"
    r"|(?P<with>write|print|output|repeat|answer|reply|respond|mention|add|append)(?: with)?(?:\s+that\b|\s*:|(?=\s*[\"“„«])))",
    re.IGNORECASE,
)
_OPINION = re.compile(
    r"\b(?P<verb>(?:claim|believe|think|assume|pretend|imagine|suppose|allege|rumou?r)(?:s|ed|d)?|thought"
    r"|(?:it's|it is) (?:a myth|not true|untrue|wrong|false|said))\b[^.;:!?]{0,20}?\bthat\b",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?](?=\s|$)|\n|$")
_OPENS, _CLOSES = re.compile(r"\s*[\"“”„«]"), re.compile(r"[\"“”»]")


def only_reported(claim: str, sentences: Sequence[str], first: int, end: int) -> str:
    """Why a claim is no more than what a passage has somebody say, in words; empty if the passage says it itself.

    Args:
        claim: what is to be sent.
        sentences: of the passage, in order.
        first: index of the first of those that the claim rests on.
        end: index after the last.
    """
    text, starts = "", []
    for sentence in sentences:
        starts.append(len(text))
        text += sentence + "\n"
    starts.append(len(text))
    spoken = _stems(claim)
    said = spoken - {stem(word) for word in FUNCTION_WORDS}
    spans = [(verb, span) for verb, span in _reported(text) if span[0] < starts[end] and span[1] > starts[first]]
    told = _stems(_without(text, starts[first], starts[end], [span for _, span in spans]))
    for verb, (start, stop) in spans:
        here = _stems(text[start:stop])
        if stem(verb.lower()) not in spoken and (said & here) - told:
            return f"is only what somebody is to {verb.lower()}, or does"
    return ""


def _reported(text: str) -> list[tuple[str, tuple[int, int]]]:
    """The verbs, and from where to where what they report goes: to the end of the sentence, or of what is quoted."""
    found = []
    for match in (*_ORDER.finditer(text), *_OPINION.finditer(text)):
        ends = _END.search(text, match.end())
        stop = ends.end() if ends else len(text)
        if quote := _OPENS.match(text, match.end()):
            closes = _CLOSES.search(text, quote.end())
            stop = max(stop, closes.end()) if closes else stop
        verb = next(one for one in match.groupdict().values() if one)
        found.append((verb.split()[0], (match.end(), stop)))
    return found


def _without(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> str:
    kept = [c for n, c in enumerate(text[start:end], start) if not any(first <= n < last for first, last in spans)]
    return "".join(kept)


def _stems(text: str) -> set[str]:
    return {stem(word) for word in words(text)}
