"""Prometheus metrics, all in one place. Nothing here is sent anywhere: it is read, at `/metrics`.

`serve` and `worker` are two processes. When `PROMETHEUS_MULTIPROC_DIR` names a folder in the environment of
both (`innkeeper up` does that), `metrics_page()` of either shows the sum; otherwise each shows its own.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from agent.errors import ModelOutputInvalid, ModelUnavailable
from agent.telemetry.traces import exemplar

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
OUTCOMES = Counter(
    "innkeeper_outcomes_total",
    "Outcomes that were committed, by channel (widget generic zammad …: the system's kind, not its name) and decision.",
    ["channel", "decision"],
)
FIRST_ANSWER_SECONDS = Histogram(
    "innkeeper_first_answer_seconds",
    "From the first message that waited for an answer, by its own time, to the outcome's commit, by decision.",
    ["decision"],
    buckets=(1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400),
)
HANDOFFS = Counter(
    "innkeeper_handoffs_total",
    "Hand-offs to a person, by reason (see agent.reasons).",
    ["reason"],
)
# The label is a topic's id in topics.yaml, or `otherwise`.
UNANSWERED_TOPICS = Counter(
    "innkeeper_unanswered_topics_total",
    "Questions that no article answered, by the topic of the nearest article.",
    ["topic"],
)
POLICY_RELOADS = Counter(
    "innkeeper_policy_reloads_total",
    "Changed policy folders, by what became of them (swapped rejected); of a rejected one the last good pack stays.",
    ["outcome"],
)
for _outcome in ("swapped", "rejected"):
    POLICY_RELOADS.labels(_outcome)
# A handful of packs in the life of a process.
POLICY_INFO = Gauge(
    "innkeeper_policy_info",
    "1 for the policy pack that decides now, 0 for one that has decided before.",
    ["version", "sha256"],
    multiprocess_mode="livemax",
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
ACTION_READINGS = Counter(
    "innkeeper_action_readings_total",
    "Messages that the chat model was asked to find an action in (named none; ignored: nothing usable; failed: no answer).",
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
DELIVERY_SECONDS = Histogram(
    "innkeeper_delivery_seconds",
    "From an outcome's commit to the helpdesk's confirmation.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200, 86_400),
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
OUTBOX_DEAD = Gauge(
    "innkeeper_outbox_dead", "Outcomes that no helpdesk took; a person has to look at them.", multiprocess_mode="mostrecent"
)
OLDEST_UNANSWERED = Gauge(
    "innkeeper_oldest_unanswered_seconds",
    "How long the customer has waited who has waited longest, by the time of the message; 0 if nobody waits.",
    multiprocess_mode="mostrecent",
)
QUEUE_JOBS = Gauge(
    "innkeeper_queue_jobs",
    "Jobs that wait, are scheduled or run (turns deliveries). Perpetual ones (sweep, approvals, refresh, polls) are deliveries.",
    ["queue"],
    multiprocess_mode="mostrecent",
)
READY = Gauge(
    "innkeeper_ready",
    "Whether a dependency can be used now, as at /readyz (redis knowledge model): 1 or 0.",
    ["dependency"],
    multiprocess_mode="mostrecent",
)
SPANS = Counter("innkeeper_spans_total", "Spans for the collector (sent lost).", ["result"])


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
    MODEL_CALL_SECONDS.labels(task, model).observe(time.perf_counter() - start, exemplar())


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
    return generate_latest(_registry())


def metrics_in(accept: str) -> tuple[bytes, str]:
    """The metrics and their content type: OpenMetrics if the Accept header asks for it, else Prometheus' text format.

    Exemplars, which lead from a histogram's bucket to a trace, are a thing of OpenMetrics; in a shared folder
    (`PROMETHEUS_MULTIPROC_DIR`) the library keeps none.
    """
    if "application/openmetrics-text" not in accept:
        return metrics_page(), METRICS_CONTENT_TYPE
    encode, content_type = choose_encoder(accept)
    return encode(_registry()), content_type


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
