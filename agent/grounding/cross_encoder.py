"""The verifier that reads claim and passage together: a cross-encoder from a local folder."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog

from agent.grounding.passages import passage_text
from agent.grounding.second import OpenClaim, Opinion, Review
from agent.grounding.span import contradiction
from agent.types import Usage
from knowledge.errors import EntailmentUnavailable

log = structlog.get_logger()
NOT_CONFIRMED = "the cross-encoder does not find it in the passage"


class Entailment(Protocol):
    """Says whether one text says what another says. Blocking."""

    def entailed(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """A probability (0 to 1) a pair, in order. Raises `EntailmentUnavailable`."""
        ...


class CrossEncoderVerifier:
    """Decides every open claim by whether its probability reaches the threshold, both ways.

    It confirms what the forests were unsure of, and takes back what they let pass on their word alone. The passage, under
    its headings, is what must say the claim; of a passage longer than the model reads the end is cut, and what rests on
    that end is not confirmed.

    Its yes does not count where number, name or negation differ from the sentences that the built-in verifier found: models that
    were trained to rank score "cats can stay" and "cats can't stay" alike.

    Measured is only that it does as it is told, with models made for the tests. Whether a threshold of 0.5 (for three
    labels: entailment is more likely than the rest together) suits a model has to be tried with that model.
    """

    def __init__(self, model: Entailment, threshold: float = 0.5) -> None:
        self._model = model
        self._threshold = threshold
        # One call at a time, in a thread of its own: turns that wait for it hold none of those that search.
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cross-encoder")

    async def review(self, claims: Sequence[OpenClaim], spent: Usage) -> Review:
        """See `SecondVerifier`. Costs no call of the chat model."""
        if not claims:
            return Review(())
        pairs = [(passage_text(claim.passage), claim.text) for claim in claims]
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, self._model.entailed, pairs)
        except EntailmentUnavailable as error:
            log.error("cross_encoder_failed", error=type(error).__name__, claims=len(claims))
            found = [0.0] * len(claims)
        return Review(tuple(self._opinion(claim, one) for claim, one in zip(claims, found, strict=True)))

    def _opinion(self, claim: OpenClaim, probability: float) -> Opinion:
        if probability < self._threshold:
            return Opinion(False, probability, reason=NOT_CONFIRMED)
        reason = contradiction(claim.text, claim.judgement.quote, claim.passage)
        return Opinion(not reason, probability, reason=reason)
