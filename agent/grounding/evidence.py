"""What a claim may rest on, gathered from all passages: sentences that together cover its words. Pure.

`Source.region` is the one place that is most like a claim. A sentence of a reply often merges several places, and a list
item says little without what introduces it; a reader who judges the claim needs them all, and no more than fits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent.grounding.source import Region, Source
from agent.grounding.wording import FACTS, Kind, Word

MOST_WORDS = 72
"""In the sentences of one evidence; about 96 word pieces of MiniLM's vocabulary."""
_MOST_SENTENCES = 6
_LEAST_GAIN = 0.06
"""A further sentence must cover so much of what the claim says. Source: coverage on `paraphrases.jsonl` over tokens."""
_LEAD_IN = 30
_REACH = 8
_SMALL = {Kind.NEGATION: 0.5, Kind.BOUND: 0.5, Kind.MODAL: 0.25}
_HEADING = 0.5
"""What a passage's heading covers counts so much: it says what its sentences are about, and is no statement."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Places among the source's sentences, ascending, and their text as it is to be read, with headings and lead-ins."""

    sentences: tuple[int, ...]
    text: str
    covered: float
    """Share of what the claim says, by weight, that these sentences have."""


def evidence(claim: Sequence[Word], source: Source, region: Region | None, contexts: Sequence[str] = ()) -> Evidence:
    """What a claim may rest on: its region, and further sentences as long as each covers more of it.

    Args:
        claim: its words.
        source: all that is known.
        region: where the claim most likely comes from (`Source.region`).
        contexts: title and headings of each passage; nothing is said of them if there are none.
    """
    weights = _weights(claim, source)
    whole = sum(weights.values()) or 1.0
    home = range(region.first, region.end) if region is not None else range(0)
    open_, chosen, room = dict(weights), list[int](), MOST_WORDS
    while len(chosen) < _MOST_SENTENCES and open_:
        fitting = [at for at in range(len(source.sentences)) if at not in chosen and _fits(source, at, room, chosen)]
        gains = [_gain(open_, source, at, chosen, home) for at in fitting]
        if not gains or max(gains) < (_LEAST_GAIN * whole if chosen else 1e-9):
            break
        best = fitting[gains.index(max(gains))]
        chosen.append(best)
        room -= len(source.sentences[best].words)
        _cover(open_, source, best)
    chosen = chosen or list(home)[:1]
    places = tuple(sorted(chosen))
    return Evidence(places, _text(places, source, contexts), 1 - sum(open_.values()) / whole)


def _weights(claim: Sequence[Word], source: Source) -> dict[str, float]:
    """How much each stem of a claim tells: facts most, rare ones above all."""
    count = len(source.sentences)
    found: dict[str, float] = {}
    for word in claim:
        if word.kind in FACTS:
            bearers = len({at for at, _ in source.places.get(word.stem, ())})
            rarity = math.log((count + 1) / (bearers + 0.5)) / math.log((count + 1) / 0.5) if bearers else 0.5
            found[word.stem] = word.weight * (0.3 + 0.7 * max(0.0, rarity))
        elif word.kind in _SMALL:
            found[word.stem] = _SMALL[word.kind]
    return found


def _fits(source: Source, at: int, room: int, chosen: Sequence[int]) -> bool:
    """Within the room; of the first one, however long, the beginning is read."""
    return not chosen or len(source.sentences[at].words) <= room


def _gain(open_: dict[str, float], source: Source, at: int, chosen: Sequence[int], home: range) -> float:
    """What a sentence would cover, and a little more where the region is or another one was found."""
    sentence = source.sentences[at]
    own = sum(weight for stem, weight in open_.items() if stem in sentence.stems)
    heading = source.headings[sentence.passage]
    own += _HEADING * sum(w for stem, w in open_.items() if stem in heading and stem not in sentence.stems) if own else 0.0
    nearness = (1.3 if at in home else 1.0) * (1.1 if any(abs(at - other) == 1 for other in chosen) else 1.0)
    return own * nearness / (1 + len(sentence.words) / 120)


def _cover(open_: dict[str, float], source: Source, at: int) -> None:
    for stem in source.sentences[at].stems:
        open_.pop(stem, None)


def _text(places: Sequence[int], source: Source, contexts: Sequence[str]) -> str:
    parts: list[str] = []
    passage, said = -1, set(places)
    for at in places:
        sentence = source.sentences[at]
        if sentence.passage != passage:
            passage = sentence.passage
            parts += [f"{contexts[passage]}:"] if passage < len(contexts) and contexts[passage] else []
        lead = _lead_in(source, at)
        if lead is not None and lead not in said:
            said.add(lead)
            parts.append(source.sentences[lead].text)
        parts.append(sentence.text)
    return " ".join(parts)


def _lead_in(source: Source, at: int) -> int | None:
    """The sentence that introduces a list that this one may be an item of."""
    for before in range(at - 1, max(-1, at - _REACH), -1):
        sentence = source.sentences[before]
        if sentence.passage != source.sentences[at].passage:
            return None
        if sentence.text.rstrip().endswith(":"):
            return before if len(sentence.words) <= _LEAD_IN else None
    return None
