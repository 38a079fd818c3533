"""Structured logs on stderr and Prometheus metrics, all in one place. Nothing here is sent anywhere: it is read.

Logs name the event first, then facts: ids, counts, durations; never a customer's words. Bind ids once with
`structlog.contextvars.bound_contextvars(delivery_id=…, conversation_id=…, run_id=…)`.

`serve` and `worker` are two processes. When `PROMETHEUS_MULTIPROC_DIR` names a folder in the environment of
both (`innkeeper up` does that), `metrics_page()` of either shows the sum; otherwise each shows its own.
"""

import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from agent.errors import ModelOutputInvalid, ModelUnavailable

METRICS_CONTENT_TYPE = CONTENT_TYPE_LATEST

# Labels are closed sets: an enum's values, or the words named here.
TURNS = Counter(
    "innkeeper_turns_total", "Turns that ended, by decision (answer draft clarify handoff refuse no_reply).", ["decision"]
)
SHADOW_TURNS = Counter(
    "innkeeper_shadow_turns_total",
    "Turns in shadow mode, by what would have been done (answer draft clarify handoff refuse).",
    ["decision"],
)
TURN_FAILURES = Counter("innkeeper_turn_failures_total", "Turns that failed and are tried again (transient error).", ["kind"])
TURN_SECONDS = Histogram(
    "innkeeper_turn_seconds",
    "Duration of each node of a turn, and of the whole (node=total).",
    ["node"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
# `task` is what a model is asked to do (answer rewrite judge), `model` a name of the settings, or `default`.
MODEL_CALLS = Counter(
    "innkeeper_model_calls_total",
    "Calls of a chat model, each with its retries (ok unavailable invalid).",
    ["task", "model", "result"],
)
MODEL_CALL_SECONDS = Histogram(
    "innkeeper_model_call_seconds",
    "Duration of calls that the chat model answered (ok invalid), with their retries and the wait for a free place.",
    ["task", "model"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120),
)
MODEL_PROMPT_TOKENS = Counter(
    "innkeeper_model_prompt_tokens_total", "Tokens of prompts, as the model server counts them.", ["task", "model"]
)
MODEL_CACHED_PROMPT_TOKENS = Counter(
    "innkeeper_model_cached_prompt_tokens_total",
    "Of them, those that the model server had in its prefix cache; 0 if it doesn't say.",
    ["task", "model"],
)
MODEL_COMPLETION_TOKENS = Counter(
    "innkeeper_model_completion_tokens_total", "Tokens of completions, as the model server counts them.", ["task", "model"]
)
MODEL_FALLBACKS = Counter(
    "innkeeper_model_fallbacks_total", "Times that a model was not available and the next one of its route was asked.", ["task"]
)
QUERY_REWRITES = Counter(
    "innkeeper_query_rewrites_total",
    "Follow-ups that the chat model was asked to put as one question (used: it found more; unused, ignored, failed: it didn't).",
    ["result"],
)
JUDGED_CLAIMS = Counter(
    "innkeeper_judged_claims_total",
    "Claims that the chat model was asked to judge (confirmed refused; invalid: no usable verdict; failed: no answer).",
    ["result"],
)
DELIVERIES = Counter(
    "innkeeper_deliveries_total",
    "Webhooks in (accepted duplicate ignored rejected unavailable) and replies out (delivered retried withheld refused expired).",
    ["direction", "result"],
)
DOCUMENTS = Counter(
    "innkeeper_documents_total",
    "Documents met by scheduled refreshes, by result (added updated unchanged removed failed).",
    ["result"],
)
REFRESHES = Counter("innkeeper_source_refreshes_total", "Scheduled refreshes of a source (ok failed).", ["result"])
# The label is a name in sources.yaml: as many as there are entries.
SOURCE_SUCCESS = Gauge(
    "innkeeper_source_last_success_timestamp_seconds",
    "When a source was last brought in line, in seconds since 1970.",
    ["source"],
    multiprocess_mode="mostrecent",
)
WIDGET_STREAMS = Gauge("innkeeper_widget_streams", "Open event streams of the chat widget.", multiprocess_mode="livesum")
EGRESS_REFUSED = Counter("innkeeper_egress_refused_total", "Outgoing connections that the guard refused.")
OUTBOX_PENDING = Gauge(
    "innkeeper_outbox_pending", "Outcomes that the helpdesk has not confirmed yet.", multiprocess_mode="mostrecent"
)
UNANSWERED = Gauge(
    "innkeeper_conversations_unanswered",
    "Conversations with a customer's message that no outcome has seen.",
    multiprocess_mode="mostrecent",
)

_QUIET = {
    # They log task arguments, or a stack trace for what is handled: retries and reconnects have events of our own.
    "docket": logging.ERROR,
    "docket.dependencies": logging.CRITICAL,
    "chromadb": logging.WARNING,
    "sentence_transformers": logging.WARNING,
    "transformers": logging.WARNING,
    "mailparser_reply": logging.WARNING,  # at DEBUG it may log what it parses
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "httpcore": logging.WARNING,
    "openai": logging.WARNING,
    "asyncio": logging.WARNING,
    "uvicorn.access": logging.WARNING,
}


@contextmanager
def model_call_counted(task: str, model: str) -> Iterator[None]:
    """Counts and times a call of a chat model by how it ends. One that its caller gives up is not counted."""
    start = time.perf_counter()
    try:
        yield
    except ModelUnavailable:
        MODEL_CALLS.labels(task, model, "unavailable").inc()
        raise
    except ModelOutputInvalid:
        _model_answered(task, model, "invalid", start)
        raise
    _model_answered(task, model, "ok", start)


def count_model_tokens(task: str, model: str, *, prompt: int, cached: int, completion: int) -> None:
    """Counts the tokens of a call. The share of cached ones is the prefix cache's hit rate."""
    MODEL_PROMPT_TOKENS.labels(task, model).inc(prompt)
    MODEL_CACHED_PROMPT_TOKENS.labels(task, model).inc(cached)
    MODEL_COMPLETION_TOKENS.labels(task, model).inc(completion)


def _model_answered(task: str, model: str, result: str, start: float) -> None:
    MODEL_CALLS.labels(task, model, result).inc()
    MODEL_CALL_SECONDS.labels(task, model).observe(time.perf_counter() - start)


def fresh_metrics_dir(folder: Path) -> dict[str, str]:
    """Empty the folder that processes share their metrics in; the environment to start them with.

    prometheus_client reads it while it is imported, so it must be there from the start of a process.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder)}


def metrics_page() -> bytes:
    """The metrics in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def configure_logging(level: str = "INFO") -> None:
    """One JSON line per event on stderr, from structlog and from the standard library's loggers alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_message,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _event_first,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, root.level))


def _event_first(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {"event": event.pop("event", ""), **event}


def _exception_without_message(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep where an exception happened, drop its words: they may quote a customer."""
    found = event.pop("exc_info", None)
    if isinstance(found, BaseException):
        error: BaseException | None = found
    elif isinstance(found, tuple):
        error = found[1]
    else:
        error = sys.exc_info()[1] if found else None
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        event["exception"] = type(error).__name__
        event["trace"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event
