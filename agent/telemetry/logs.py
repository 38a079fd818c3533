"""Structured logs on stderr: one JSON line for an event, from ours and from libraries alike.

A line names the event first, then facts: ids, counts, durations; never a customer's words.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

QUIET = {
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
    "mcp": logging.CRITICAL,  # quotes what a server has answered; how a call ended is told by an event of our own
    "openai": logging.WARNING,
    "opentelemetry": logging.CRITICAL,  # a line for each span that finds the queue full; what is lost is counted
    "asyncio": logging.WARNING,
    "uvicorn.access": logging.WARNING,
}


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
    for name, quiet in QUIET.items():
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
