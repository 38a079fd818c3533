"""Reranks with a model that vLLM serves (`POST /v1/rerank`), and only after it has answered what is known.

Source: vllm-project/vllm, vllm/entrypoints/pooling/scoring/protocol.py. What a missing chat template does: `rerank_probe`.
"""

import json
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx

from knowledge.errors import RerankerUnavailable
from knowledge.rerank_probe import wrong_scores

INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
"""The one of the model's card, with which Qwen3-Reranker's published scores were made."""
DOCUMENTS = 32
"""In one call."""
TEXT_CHARS = 4_000
PROVEN_S = 600.0
"""A server that was started anew without its template between two searches is found out after this long."""
MAX_BYTES = 4_000_000
"""Of an answer, in which the server repeats the texts."""
_HINTS = {
    400: "does it serve a reranker (`--runner pooling`), and is its --max-model-len long enough?",
    401: "it doesn't accept the key; check INNKEEPER_RERANKER_API_KEY",
    403: "it doesn't accept the key; check INNKEEPER_RERANKER_API_KEY",
    404: "it doesn't know the model or the path; check INNKEEPER_RERANKER_MODEL, and that INNKEEPER_RERANKER_URL ends in /v1",
}


@dataclass(frozen=True, slots=True)
class RerankerServer:
    """Where the reranker is served, and how patient to be with it.

    Attributes:
        base_url: ends in `/v1`.
        model: the name to ask for.
        api_key: bearer token; none if None.
        timeout_s: limit for one call; a search waits for it.
    """

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 5.0


class VllmReranker:
    """A `Reranker`. Connects at first use; safe to share between threads."""

    def __init__(self, server: RerankerServer, *, proven_s: float = PROVEN_S) -> None:
        """Nothing is sent yet.

        Args:
            server: where it is.
            proven_s: how long the known answers count before they are asked for again.

        Raises:
            RerankerUnavailable: `base_url` is no address, or `api_key` no key.
        """
        parts = _address(server.base_url)
        if server.api_key and not (server.api_key.isascii() and server.api_key.isprintable()):
            # Caught here, for the library's own error would show it.
            raise RerankerUnavailable("INNKEEPER_RERANKER_API_KEY holds a line break or another character that no key has")
        self._model = server.model
        self._timeout_s = server.timeout_s
        self._url = server.base_url.rstrip("/") + "/rerank"
        self._place = f"the reranker at {parts.netloc.rpartition('@')[2]}"
        self._proven_s = proven_s
        self._proven_until = -math.inf
        self._failures = 0
        self._last_failure = ""
        self._lock = threading.Lock()
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {server.api_key}"} if server.api_key else {},
            timeout=server.timeout_s,
            follow_redirects=False,
            # No proxy and no netrc: the request goes to the named host or nowhere.
            trust_env=False,
        )

    @property
    def name(self) -> str:
        """The model and the server's host."""
        return f"{self._model}, {self._place.removeprefix('the reranker ')}"

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """See `Reranker.score`. Texts are cut after `TEXT_CHARS`, and sent `DOCUMENTS` at a time."""
        if not texts:
            return []
        try:
            self._prove()
            return self._scored(query, texts)
        except RerankerUnavailable as error:
            self._failed(error)
            raise

    def check(self) -> None:
        """Ask what is known, now.

        Raises:
            RerankerUnavailable: it can't be reached, or its scores are wrong.
        """
        self._proven_until = -math.inf
        try:
            self._prove()
        except RerankerUnavailable as error:
            self._failed(error)
            raise

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _failed(self, error: RerankerUnavailable) -> None:
        # Whatever comes back after that may be another server.
        self._proven_until = -math.inf
        self._failures, self._last_failure = self._failures + 1, str(error)

    def _prove(self) -> None:
        failures = self._failures
        with self._lock:
            if time.monotonic() < self._proven_until:
                return
            if self._failures != failures:
                # It failed while this one waited, which need not wait for the same again.
                raise RerankerUnavailable(self._last_failure)
            if wrong := wrong_scores(self._scored):
                raise RerankerUnavailable(
                    f"{self._place} gives wrong scores, which are not used: {wrong}. Qwen3-Reranker needs "
                    "`--chat-template qwen3_reranker.jinja` (in vLLM's examples/pooling/score/template) and, unless it "
                    'is a converted `seq-cls` model, `--hf-overrides \'{"architectures":["Qwen3ForSequenceClassification"],'
                    '"classifier_from_token":["no","yes"],"is_original_qwen3_reranker":true}\'`; start vLLM with both'
                )
            self._proven_until = time.monotonic() + self._proven_s

    def _scored(self, query: str, texts: Sequence[str]) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(texts), DOCUMENTS):
            batch = [_sendable(text) for text in texts[start : start + DOCUMENTS]]
            body = {"model": self._model, "query": _sendable(query), "documents": batch, "instruction": INSTRUCTION}
            try:
                scores += relevance(self._posted(body), len(batch))
            except (ValueError, RecursionError) as error:
                raise RerankerUnavailable(
                    f"{self._place} answered with something that is not a list of scores ({error}); is it vLLM's /v1/rerank?"
                ) from error
        return scores

    def _posted(self, body: dict[str, Any]) -> object:
        """The answer as JSON. No message carries a body, which is a customer's text."""
        try:
            with self._client.stream("POST", self._url, json=body) as response:
                if response.is_redirect:
                    raise RerankerUnavailable(
                        f"{self._place} redirects, which is not followed; give INNKEEPER_RERANKER_URL the final address"
                    )
                if response.status_code != httpx.codes.OK:
                    hint = _HINTS.get(response.status_code, "see the server's own log")
                    raise RerankerUnavailable(f"{self._place} answered HTTP {response.status_code}: {hint}")
                return json.loads(self._whole(response))
        except httpx.TimeoutException as error:
            raise self._late() from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise RerankerUnavailable(
                f"{self._place} can't be reached ({error or type(error).__name__}); check that it runs"
            ) from error

    def _whole(self, response: httpx.Response) -> bytes:
        deadline = time.monotonic() + self._timeout_s
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                raise RerankerUnavailable(f"{self._place} sent more than {MAX_BYTES:,} bytes; is it vLLM's /v1/rerank?")
            if time.monotonic() > deadline:
                raise self._late()
        return b"".join(chunks)

    def _late(self) -> RerankerUnavailable:
        return RerankerUnavailable(f"{self._place} did not answer in {self._timeout_s:g} s; check its load")


def relevance(answer: object, count: int) -> list[float]:
    """The scores of an answer's `results[{index, relevance_score}]`, which come best first, in the order of what was sent.

    Args:
        answer: as JSON.
        count: how many texts were sent.

    Raises:
        ValueError: it is not that, a text's score is missing or there twice, or one is not within 0 to 1.
    """
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list):
        raise ValueError("no results")
    scores: dict[int, float] = {}
    for result in results:
        index, value = (result.get("index"), result.get("relevance_score")) if isinstance(result, dict) else (None, None)
        if not isinstance(index, int) or isinstance(index, bool):
            raise ValueError("a result without an index")
        if not 0 <= index < count or index in scores:
            raise ValueError(f"index {index} of {count}")
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            raise ValueError("a score that is not within 0 to 1")
        scores[index] = float(value)
    if len(scores) != count:
        raise ValueError(f"{len(scores)} scores for {count} texts")
    return [scores[index] for index in range(count)]


def _address(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise RerankerUnavailable("INNKEEPER_RERANKER_URL is not an address; say http://host:port/v1")


def _sendable(text: str) -> str:
    """Cut, and without a lone surrogate, which JSON may carry and UTF-8 may not."""
    return text[:TEXT_CHARS].encode("utf-8", "replace").decode()
