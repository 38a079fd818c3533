"""Reorders the best of what a search found by a reranker, and goes on without it while it is away."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from knowledge.embed import passage_text
from knowledge.errors import RerankerUnavailable
from knowledge.request import RECENT_TURNS
from knowledge.types import Hit, Query, Reranker

_log = logging.getLogger(__name__)

RERANKED = 20
"""Candidates that a search has scored: the right passage is among the first twenty nearly always, and each costs time."""
RERANKER_WEIGHT = 0.7
"""Of the reranker's score; what the search gave before has the rest. The fused scores of twenty neighbours lie within about
0.2, so a reranker's word counts from a difference of 0.09 on. Where it says the same of two passages, as it does of all that
answer (more than .99) and all that don't, the fused score tells them apart, which knows what the whole conversation named.
Reasoned, not measured: no package brings a trained cross-encoder."""
RETRY_S = 15.0
"""A search waits for a reranker that is away; so the next ones don't, for this long."""
QUERY_CHARS = 1_500
"""A request longer than this would leave a passage no room in 512 tokens."""


class Status(StrEnum):
    """Of a reranker. `UNTRIED`: nothing has been searched yet."""

    OFF = "off"
    UNTRIED = "untried"
    READY = "ready"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class RerankerState:
    """How reranking goes, since the process started.

    Attributes:
        name: the reranker's; empty if there is none.
        status: now.
        reason: why it is unavailable, for people; empty otherwise.
        reranked: searches of which the order is the reranker's.
        passed_over: searches that went on without it.
        outages: how often it became unavailable.
    """

    name: str = ""
    status: Status = Status.OFF
    reason: str = ""
    reranked: int = 0
    passed_over: int = 0
    outages: int = 0


class RerankStep:
    """Blocking; safe to share between threads."""

    def __init__(self, reranker: Reranker | None = None, retry_s: float = RETRY_S) -> None:
        """Calls nothing yet.

        Args:
            reranker: leaves every order as it is if None.
            retry_s: how long to go on without it after it has failed.
        """
        self._reranker = reranker
        self._retry_s = retry_s
        self._retry_at = 0.0
        self._lock = threading.Lock()
        self._state = RerankerState(reranker.name, Status.UNTRIED) if reranker else RerankerState()

    @property
    def reranker(self) -> Reranker | None:
        """The one that it asks."""
        return self._reranker

    @property
    def state(self) -> RerankerState:
        """How it goes."""
        return self._state

    @property
    def depth(self) -> int:
        """How many candidates it wants to see; 0 without a reranker."""
        return RERANKED if self._reranker else 0

    def apply(self, query: Query, hits: list[Hit]) -> list[Hit]:
        """The same hits, best first, with scores that are in order; as they are if there is no reranker or it is away."""
        if self._reranker is None or not hits or not self._may_try():
            return hits
        texts = [passage_text(hit.passage) for hit in hits[:RERANKED]]
        try:
            scores = self._reranker.score(request_text(query), texts)
        except RerankerUnavailable as error:
            self._failed(error)
            return hits
        self._worked()
        return blend(hits, scores)

    def _may_try(self) -> bool:
        with self._lock:
            if self._state.status is not Status.UNAVAILABLE:
                return True
            now = time.monotonic()
            if now < self._retry_at:
                self._state = replace(self._state, passed_over=self._state.passed_over + 1)
                return False
            # This search tries; those that come meanwhile don't wait with it.
            self._retry_at = now + self._retry_s
            return True

    def _failed(self, error: RerankerUnavailable) -> None:
        with self._lock:
            state = self._state
            is_new = state.status is not Status.UNAVAILABLE
            self._retry_at = time.monotonic() + self._retry_s
            self._state = replace(
                state,
                status=Status.UNAVAILABLE,
                reason=str(error),
                passed_over=state.passed_over + 1,
                outages=state.outages + is_new,
            )
        if is_new:
            _log.warning("reranker_unavailable: searches keep the order that they have without it: %s", error)

    def _worked(self) -> None:
        with self._lock:
            was_away = self._state.status is Status.UNAVAILABLE
            self._state = replace(self._state, status=Status.READY, reason="", reranked=self._state.reranked + 1)
        if was_away:
            _log.warning("reranker_back: searches are reranked again: %s", self._state.name)


def request_text(query: Query) -> str:
    """What passages are judged against: the request, after the last turns as far as they have room. At most `QUERY_CHARS`."""
    text = query.text[:QUERY_CHARS]
    recent = "\n".join(turn for turn in query.earlier[-RECENT_TURNS:] if turn.strip())
    room = QUERY_CHARS - len(text) - 1
    return f"{recent[-room:]}\n{text}" if recent and room > 0 else text


def blend(hits: Sequence[Hit], scores: Sequence[float]) -> list[Hit]:
    """The first hits in the order of both scores, the others below them in the order that they have.

    Args:
        hits: best first.
        scores: the reranker's, 0 to 1, of the first hits.
    """
    judged = [
        replace(hit, score=RERANKER_WEIGHT * score + (1 - RERANKER_WEIGHT) * hit.score)
        for hit, score in zip(hits, scores, strict=False)
    ]
    # Equal ones keep their order.
    judged.sort(key=lambda hit: -hit.score)
    rest = hits[len(judged) :]
    if not judged or not rest or rest[0].score <= judged[-1].score:
        return [*judged, *rest]
    # Those below may have more by the old score than the last one above has by the new one.
    shrink = judged[-1].score / rest[0].score
    return [*judged, *(replace(hit, score=hit.score * shrink) for hit in rest)]
