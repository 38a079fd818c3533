"""Spans to a collector by OTLP over HTTP, through Python's sockets, so that the egress guard sees them.

The only importer of OpenTelemetry's SDK. Everything is said here: nothing is read from `OTEL_*` variables, and the provider
is not made the global one, so that what libraries (docket, chromadb) would trace goes nowhere. A collector that is away
costs nothing but its spans.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

import httpx
import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
    use_span,
)

from agent.errors import EgressRefused
from agent.telemetry.metrics import SPANS
from agent.telemetry.traces import Fact

TRACES_PATH = "/v1/traces"
TIMEOUT_S = 3.0
PAUSE_S = 10.0
"""After a failure nothing is tried for so long."""
QUEUE = 2048
BATCH = 512
EVERY_MS = 1000
MOST_ATTRIBUTES = 64
MOST_CHARS = 256

log = structlog.get_logger(__name__)
_first: ContextVar[tuple[int, int] | None] = ContextVar("_first", default=None)


class CollectorExporter(SpanExporter):
    """Posts spans. Told of a failure once, until it is over."""

    def __init__(self, endpoint: str, pause_s: float = PAUSE_S) -> None:
        path = urlsplit(endpoint).path.rstrip("/")
        self._url = endpoint.rstrip("/") + ("" if path.endswith(TRACES_PATH) else TRACES_PATH)
        self._client = httpx.Client(trust_env=False, follow_redirects=False, timeout=TIMEOUT_S)
        self._pause_s = pause_s
        self._again = 0.0
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """One request; what can't be sent is lost."""
        if time.monotonic() < self._again:
            SPANS.labels("lost").inc(len(spans))
            return SpanExportResult.FAILURE
        body = encode_spans(spans).SerializeToString()
        try:
            answer = self._client.post(self._url, content=body, headers={"content-type": "application/x-protobuf"})
            answer.raise_for_status()
        except (httpx.HTTPError, OSError, EgressRefused) as error:
            SPANS.labels("lost").inc(len(spans))
            self._again = time.monotonic() + self._pause_s
            if not self._is_away:
                log.warning("collector_away", kind=type(error).__name__, pause_s=self._pause_s)
            self._is_away = True
            return SpanExportResult.FAILURE
        if self._is_away:
            log.info("collector_back")
        self._is_away = False
        SPANS.labels("sent").inc(len(spans))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the connection."""
        self._client.close()


class Collector:
    """A `traces.SpanSink`. Close it at the end: it sends what is left, for a few seconds at most.

    To be made while `OTEL_SDK_DISABLED` is not in the environment (see `agent.privacy.environment`).
    """

    def __init__(self, exporter: SpanExporter, process: str, version: str) -> None:
        """`process`: `serve` or `worker`."""
        limits = SpanLimits(
            max_attributes=MOST_ATTRIBUTES,
            max_events=0,
            max_links=MOST_ATTRIBUTES,
            max_span_attributes=MOST_ATTRIBUTES,
            max_event_attributes=0,
            max_link_attributes=0,
            max_attribute_length=MOST_CHARS,
            max_span_attribute_length=MOST_CHARS,
        )
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.name": "innkeeper", "service.version": version, "innkeeper.process": process}),
            shutdown_on_exit=False,
            id_generator=_Ids(),
            span_limits=limits,
        )
        self._batches = BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE,
            schedule_delay_millis=EVERY_MS,
            max_export_batch_size=BATCH,
            export_timeout_millis=TIMEOUT_S * 1000,
        )
        self._provider.add_span_processor(self._batches)
        self._tracer = self._provider.get_tracer("innkeeper")

    @contextmanager
    def open(self, name: str, trace_id: str, facts: Mapping[str, Fact], links: Sequence[str]) -> Iterator["_Opened"]:
        """See `SpanSink`."""
        span = self._tracer.start_span(name, _under(trace_id), attributes=_named(facts), links=_links(links))
        try:
            with use_span(span, record_exception=False, set_status_on_exception=False):
                yield _Opened(span)
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            span.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            span.end()

    def record(self, name: str, trace_id: str, facts: Mapping[str, Fact], began: float, links: Sequence[str]) -> None:
        """See `SpanSink`."""
        start = int(began * 1e9)
        self._tracer.start_span(name, _under(trace_id), attributes=_named(facts), links=_links(links), start_time=start).end()

    def record_first(self, name: str, trace_id: str, facts: Mapping[str, Fact], began: float, links: Sequence[str]) -> None:
        """See `SpanSink`."""
        wanted = _first.set((int(trace_id, 16), _first_span_id(trace_id)))
        try:
            start = int(began * 1e9)
            self._tracer.start_span(name, Context(), attributes=_named(facts), links=_links(links), start_time=start).end()
        finally:
            _first.reset(wanted)

    def close(self) -> None:
        """Blocks: call it in a thread."""
        self._provider.shutdown()


class _Opened:
    def __init__(self, span: Span) -> None:
        self._span = span

    def tell(self, **facts: Fact) -> None:
        for name, value in _named(facts).items():
            self._span.set_attribute(name, value)


class _Ids(IdGenerator):
    """Random ones, but for the first span of a trace. A span under another one takes its trace's id from that."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        wanted = _first.get()
        return wanted[0] if wanted else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        wanted = _first.get()
        return wanted[1] if wanted else self._random.generate_span_id()


def _under(trace_id: str) -> Context:
    """The open span if it is of this trace; else the trace's first, which another process may have sent."""
    if get_current_span().get_span_context().trace_id == int(trace_id, 16):
        return set_span_in_context(get_current_span())
    return set_span_in_context(NonRecordingSpan(_first_context(trace_id)), Context())


def _first_context(trace_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), _first_span_id(trace_id), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _first_span_id(trace_id: str) -> int:
    return int(hashlib.sha256(f"first\x1f{trace_id}".encode()).hexdigest()[:16], 16)


def _links(traces: Sequence[str]) -> list[Link]:
    return [Link(_first_context(trace_id)) for trace_id in traces]


def _named(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """Names of OpenTelemetry's own (`gen_ai__…`) with points, ours under `innkeeper.`."""
    return {name.replace("__", ".") if "__" in name else f"innkeeper.{name}": value for name, value in facts.items()}
