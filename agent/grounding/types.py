"""The seam of verification: judgements of claims and replies, and who gives them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from knowledge.types import Passage

WORD_FOR_WORD = 0.99
"""The probability of a claim that the rules find in the passage's own words."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a verifier found of one claim. `passage` is a place among those given, `quote` the span that it rests on.

    `is_open`: the rules neither find it word for word nor forbid it, nor is it in a sentence's own words and contradicts it; so
    another verifier may be asked.
    """

    supported: bool
    probability: float
    passage: int = 0
    quote: str = ""
    reason: str = ""
    is_open: bool = False


class Verifier(Protocol):
    """Judges claims. Blocking: call it in a thread."""

    def verify(self, question: str, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judgement]:
        """One judgement a sentence, in order."""
        ...


@dataclass(frozen=True, slots=True)
class ReplyJudgement:
    """A reply's claims, each with its judgement, and the probability that all of it is supported."""

    judgements: tuple[Judgement, ...]
    probability: float


@runtime_checkable
class ReplyVerifier(Protocol):
    """A verifier that also weighs all claims of a reply together. Blocking, as `Verifier`."""

    def verify_reply(self, question: str, reply: str, sentences: Sequence[str], passages: Sequence[Passage]) -> ReplyJudgement:
        """One judgement a sentence, in order, and one of the whole reply. The sentences are those of it that claim something."""
        ...
