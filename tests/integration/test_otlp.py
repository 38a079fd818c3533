"""Spans as a collector gets them; and what becomes of them where there is none."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry import trace as global_traces
from opentelemetry.sdk.trace import TracerProvider

from agent.privacy.environment import lock_down, tracing_allowed
from agent.telemetry import received, span, spent, trace_id_of, traced
from agent.telemetry.metrics import SPANS
from agent.telemetry.otlp import Collector as Sink
from agent.telemetry.otlp import CollectorExporter
from agent.telemetry.traces import send_spans_to
from tests.collector import Collector
from tests.servers import free_port

TRACE = trace_id_of("desk:1", "m1")
SECRET = "my card is 4111 1111"


def sending(url: str, pause_s: float = 10.0) -> Sink:
    with tracing_allowed():
        return Sink(CollectorExporter(url, pause_s), "worker", "1.2.3")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        sink = sending(collector.url)
        send_spans_to(sink)
        try:
            yield collector
        finally:
            send_spans_to(None)
            sink.close()


def flushed(collector: Collector, count: int) -> dict[str, list]:
    deadline = time.monotonic() + 60
    while len(collector.spans) < count:
        assert time.monotonic() < deadline, collector.spans
        time.sleep(0.05)
    return collector.of(TRACE)


def test_the_first_span_is_above_all_others_of_a_trace(collector: Collector) -> None:
    received(TRACE, conversation_id="desk:1")
    with traced(TRACE):
        spent("queue", time.time() - 3)
        with span("turn", [trace_id_of("desk:1", "m0")], run_id="r1") as turn, span("draft"):
            turn.tell(decision="answer", gen_ai__request__model="qwen")
    found = flushed(collector, 4)
    ticket, queue, turn, draft = (found[name][0] for name in ("ticket", "queue", "turn", "draft"))
    assert (ticket.parent_id, queue.parent_id, turn.parent_id, draft.parent_id) == (
        "",
        ticket.span_id,
        ticket.span_id,
        turn.span_id,
    )
    assert 2.9 < queue.seconds < 60
    assert turn.facts == {"innkeeper.run_id": "r1", "innkeeper.decision": "answer", "gen_ai.request.model": "qwen"}
    assert turn.links == (trace_id_of("desk:1", "m0"),)
    assert (turn.process, collector.paths) == ("worker", {"/v1/traces"})


def test_an_error_is_told_by_its_kind_and_never_by_its_words(collector: Collector) -> None:
    with pytest.raises(ValueError, match="4111"), traced(TRACE), span("turn"):
        raise ValueError(SECRET)
    turn = flushed(collector, 1)["turn"][0]
    assert (turn.facts["error.type"], turn.status) == ("ValueError", "ValueError")
    assert SECRET.encode() not in collector.raw


def test_another_trace_never_hangs_under_the_open_span(collector: Collector) -> None:
    other = trace_id_of("desk:2", "m1")
    with traced(TRACE), span("turn"), traced(other), span("delivery"):
        pass
    flushed(collector, 2)
    assert collector.of(other)["delivery"][0].parent_id not in {one.span_id for one in collector.of(TRACE)["turn"]}


def test_what_libraries_trace_goes_nowhere(collector: Collector) -> None:
    with global_traces.get_tracer("docket").start_as_current_span("task") as theirs:
        theirs.set_attribute("docket.argument", SECRET)
    assert os.environ["OTEL_SDK_DISABLED"] == "true"
    built_by_a_library = TracerProvider(shutdown_on_exit=False)
    assert not built_by_a_library.get_tracer("chromadb").start_span("query").is_recording()
    with traced(TRACE), span("turn"):
        pass
    flushed(collector, 1)
    assert [one.name for one in collector.spans] == ["turn"]


def test_no_variable_of_opentelemetry_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host=mine")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "false")
    monkeypatch.setenv("CHROMA_OTEL_COLLECTION_ENDPOINT", "http://192.0.2.1:4317")
    lock_down()
    left = {name: value for name, value in os.environ.items() if "OTEL" in name}
    assert left == {"OTEL_SDK_DISABLED": "true"}


def test_a_collector_that_is_away_costs_its_spans_and_one_line() -> None:
    port = free_port()
    lost, sent = (SPANS.labels(result)._value.get() for result in ("lost", "sent"))
    with structlog.testing.capture_logs() as logs:
        sink = sending(f"http://127.0.0.1:{port}", pause_s=0.0)
        send_spans_to(sink)
        try:
            for _ in range(5000):  # more than the queue holds
                with traced(TRACE), span("turn"):
                    pass
            sink._batches.force_flush()
            with traced(TRACE), span("turn"):
                pass
            sink._batches.force_flush()
            assert [one["event"] for one in logs] == ["collector_away"]
            assert SPANS.labels("lost")._value.get() > lost
            with Collector(port) as collector:
                with traced(TRACE), span("turn"):
                    pass
                sink._batches.force_flush()
                assert len(collector.spans) == 1
        finally:
            send_spans_to(None)
            sink.close()
    assert [one["event"] for one in logs] == ["collector_away", "collector_back"]
    assert SPANS.labels("sent")._value.get() == sent + 1


def test_a_collector_that_refuses_is_left_alone_for_a_while() -> None:
    with Collector(status=503) as collector:
        sink = sending(collector.url, pause_s=600.0)
        send_spans_to(sink)
        try:
            for _ in range(3):
                with traced(TRACE), span("turn"):
                    pass
                sink._batches.force_flush()
        finally:
            send_spans_to(None)
            sink.close()
        assert len(collector.headers) == 1


def test_without_a_collector_nothing_of_it_is_imported() -> None:
    code = "import sys, agent.telemetry, agent.wiring.tracing; print([m for m in sys.modules if m.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
