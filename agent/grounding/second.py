"""The verifiers after the built-in one: what they are asked, what they say, and what becomes of it.

They decide only what the rules leave open: a claim that is neither found word for word nor forbidden. What the rules
forbid stays forbidden and what they find stays found, whatever a model says.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from agent.grounding.types import Judgement
from agent.types import Usage
from knowledge.types import Passage

FLOOR = 0.01
"""No single verifier is taken to be surer than this that a claim is wrong, or right."""


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A claim that the rules leave open, the passage that it most likely rests on, and what was found of it so far."""

    text: str
    passage: Passage
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a second verifier says of one claim. `quote` is the span that it relies on, if it names one."""

    supported: bool
    probability: float
    quote: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """An opinion on each claim, in order; None where it has none, which changes nothing. And what that cost."""

    opinions: tuple[Opinion | None, ...]
    usage: Usage = field(default_factory=Usage)
    timings_ms: Mapping[str, float] = field(default_factory=dict)


class SecondVerifier(Protocol):
    """Looks again at claims that are open. Never raises for a model that fails: what it can't confirm is not supported."""

    async def review(self, claims: Sequence[OpenClaim], spent: Usage) -> Review:
        """One opinion or None a claim, in order. `spent` is what the turn has cost at the model server so far."""
        ...


def revised(judgement: Judgement, opinion: Opinion | None) -> Judgement:
    """A judgement in the light of an opinion. One that is not open stays as it is."""
    if opinion is None or not judgement.is_open:
        return judgement
    probability = pooled(judgement.probability, opinion.probability)
    if not opinion.supported:
        return replace(judgement, supported=False, probability=min(judgement.probability, probability), reason=opinion.reason)
    return replace(judgement, supported=True, probability=probability, quote=opinion.quote or judgement.quote, reason="")


def pooled(one: float, other: float) -> float:
    """Two probabilities as one, each with the same say: the mean of their log odds.

    It lies between both, so that a model that is always 99.9% sure does not make an answer 99% sure by itself. That each
    has the same say is a choice, not a measurement: no trained cross-encoder and no capable judge could be had to fit it.
    """
    odds = [math.log(p / (1 - p)) for p in (min(max(one, FLOOR), 1 - FLOOR), min(max(other, FLOOR), 1 - FLOOR))]
    return 1 / (1 + math.exp(-sum(odds) / 2))
