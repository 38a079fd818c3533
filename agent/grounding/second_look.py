"""A second look at claims that the forests leave open: read beside all evidence for them, by the encoder itself.

The forests count and compare words; a reader that has learnt from replies in free words tells better whether two wordings
say the same. It costs milliseconds a claim, so it is asked only where its word can change what becomes of the claim.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from agent.grounding.evidence import evidence
from agent.grounding.marks import marked
from agent.grounding.source import Region, Source
from agent.grounding.wording import read
from agent.ports import PairReader
from knowledge.pair_input import Marked

_NEARLY = 1e-4


@dataclass(frozen=True, slots=True)
class Mix:
    """A logistic over what both say, trained by `python -m tests.bench.train_reader`.

    `least`: a claim to which the forests give less isn't read: no reading has lifted such a one over the threshold, and reading
    every one of a draft in free words takes half as long again.
    """

    bias: float
    forests: float
    reader: float
    least: float

    def chance(self, first: float, logit: float) -> float:
        """The probability of a claim, from the forests' probability and the reader's logit."""
        one = min(max(first, _NEARLY), 1 - _NEARLY)
        return 1 / (1 + math.exp(-(self.bias + self.forests * math.log(one / (1 - one)) + self.reader * logit)))


@dataclass(frozen=True)
class SecondLook:
    """Claims read by a reader."""

    reader: PairReader

    def chances(
        self,
        question: str,
        claims: Sequence[tuple[str, Region]],
        source: Source,
        contexts: Sequence[str],
        first: Sequence[float],
    ) -> list[float]:
        """The probability of each claim, from what the forests say of it and from a reading if that may change anything.

        Raises:
            EmbeddingUnavailable: the encoder is missing or broken.
        """
        rule = mix()
        asked = [n for n, chance in enumerate(first) if chance >= rule.least]
        readings = self.reader.read([pair_of(claims[n][0], question, source, claims[n][1], contexts) for n in asked])
        told = {n: rule.chance(first[n], reading.logit) for n, reading in zip(asked, readings, strict=True)}
        return [told.get(n, chance) for n, chance in enumerate(first)]


def pair_of(text: str, question: str, source: Source, region: Region | None, contexts: Sequence[str]) -> Marked:
    """A claim beside what it may rest on."""
    found = evidence(read(text), source, region, contexts)
    passages = {source.sentences[at].passage for at in found.sentences}
    near = frozenset[str]().union(*(s.stems for s in source.sentences if s.passage in passages))
    return marked(text, found.text, near, source, frozenset(word.stem for word in read(question)))


@cache
def mix() -> Mix:
    """What ships, in `second_look.json`."""
    told = (resources.files("agent.grounding") / "second_look.json").read_text(encoding="utf-8")
    return Mix(**json.loads(told))
