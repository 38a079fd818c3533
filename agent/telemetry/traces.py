"""One id from a customer's message to its reply, and the spans of what happens in between.

The id is derived from the conversation and the message. So the webhook, the queued job, the sweep after a crash, the turn
and the delivery know the same one, and nothing has to be carried along or kept. It is bound to every log line, and is
the trace id (W3C, 128 bit) of the spans.

Without a collector in the settings spans cost nothing: no library of OpenTelemetry is imported here.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import structlog

TRACE = "trace_id"
Fact = str | int | float | bool
"""An id, a count, a duration, a word of a closed set. Never a customer's words."""


class OpenSpan(Protocol):
    """A span that has not ended."""

    def tell(self, **facts: Fact) -> None:
        """Add what has turned out meanwhile."""
        ...


class SpanSink(Protocol):
    """Where spans go."""

    def open(self, name: str, trace_id: str, facts: Mapping[str, Fact], links: Sequence[str]) -> AbstractContextManager[OpenSpan]:
        """A span under the one that is open, or under its trace's first. An exception's type is told, never its words."""
        ...

    def record(self, name: str, trace_id: str, facts: Mapping[str, Fact], began: float, links: Sequence[str]) -> None:
        """A span that ends now; `began` is in seconds since 1970."""
        ...

    def record_first(self, name: str, trace_id: str, facts: Mapping[str, Fact], began: float, links: Sequence[str]) -> None:
        """The first span of a trace, which all others are under. Its span id is derived, too."""
        ...


class _Nowhere:
    def tell(self, **facts: Fact) -> None:
        pass


_NOWHERE = _Nowhere()
_sink: SpanSink | None = None


def send_spans_to(sink: SpanSink | None) -> None:
    """Where this process sends its spans from now on; None for nowhere."""
    global _sink
    _sink = sink


def trace_id_of(conversation_id: str, message_id: str) -> str:
    """32 hexadecimal digits, the same for the same message wherever it is asked."""
    told = f"innkeeper\x1f{conversation_id}\x1f{message_id}"
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:32]


def current_trace() -> str | None:
    """The id that is bound now."""
    found: str | None = structlog.contextvars.get_contextvars().get(TRACE)
    return found


def bind_trace(trace_id: str | None) -> None:
    """Bind it for the rest of this task; None for no id."""
    if trace_id is None:
        structlog.contextvars.unbind_contextvars(TRACE)
    else:
        structlog.contextvars.bind_contextvars(**{TRACE: trace_id})


def begin_message(conversation_id: str, message_id: str) -> str:
    """Bind what a request turns out to be about, for the rest of it. The trace's id."""
    trace_id = trace_id_of(conversation_id, message_id)
    structlog.contextvars.bind_contextvars(**{TRACE: trace_id, "conversation_id": conversation_id, "message_id": message_id})
    return trace_id


def end_message() -> None:
    """Undo `begin_message`."""
    structlog.contextvars.unbind_contextvars(TRACE, "conversation_id", "message_id")


@contextmanager
def traced(trace_id: str) -> Iterator[None]:
    """Bind it for a while."""
    with structlog.contextvars.bound_contextvars(**{TRACE: trace_id}):
        yield


def exemplar() -> dict[str, str] | None:
    """What a histogram keeps of the bound trace. None without one."""
    found = current_trace()
    return None if found is None else {TRACE: found}


@contextmanager
def span(name: str, links: Sequence[str] = (), **facts: Fact) -> Iterator[OpenSpan]:
    """A span of the bound trace; nothing without a collector, or where no trace is bound.

    Args:
        name: what is done.
        links: other traces that it belongs to.
        facts: its attributes.
    """
    trace_id = current_trace()
    if _sink is None or trace_id is None:
        yield _NOWHERE
        return
    with _sink.open(name, trace_id, facts, links) as opened:
        yield opened


def spent(name: str, began: float, **facts: Fact) -> None:
    """A span of the bound trace that ends now; `began` is in seconds since 1970."""
    trace_id = current_trace()
    if _sink is not None and trace_id is not None:
        _sink.record(name, trace_id, facts, min(began, time.time()), ())


def received(trace_id: str, links: Sequence[str] = (), **facts: Fact) -> None:
    """The first span of a message's trace: it has just been kept, for the first time."""
    if _sink is not None:
        _sink.record_first("ticket", trace_id, facts, time.time(), links)
