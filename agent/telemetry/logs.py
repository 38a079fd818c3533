"""Structured logs on stderr: one JSON line for an event, from ours and from libraries alike.

A line names the event first, then facts: ids, counts, durations; never a customer's words. Should some get into one all the
same, personal data in it is hidden as the policies say.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from agent.privacy.handling import PersonalRules

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
    "presidio-analyzer": logging.CRITICAL,  # its errors quote the value that it could not check
    "opentelemetry": logging.CRITICAL,  # a line for each span that finds the queue full; what is lost is counted
    "asyncio": logging.WARNING,
    "uvicorn.access": logging.WARNING,
}

PLAIN_KEYS = frozenset({"timestamp", "level", "logger", "trace", "trace_id", "span_id", "run_id", "also_traces", "exception"})
"""What we write ourselves, and would only look like something else."""
_DEEPEST = 6
_hiding = [PersonalRules()]
"""The rules in use, which a process replaces by those of its policies. Careful ones until then."""


def hide_in_logs(rules: PersonalRules) -> None:
    """From now on hide personal data in log lines by these rules."""
    _hiding[0] = rules


def configure_logging(level: str = "INFO") -> None:
    """One JSON line per event on stderr, from structlog and from the standard library's loggers alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_message,
        _without_personal_data,
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
    if event.get("logger") == "asyncio":
        # Of what nobody has caught it shows the exception itself, or what the callback was given.
        event["event"] = str(event["event"]).partition("\n")[0].partition("(")[0]
    return event


def _without_personal_data(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide personal data in all that a line would show, be it ours or a library's."""
    return {key: value if key in PLAIN_KEYS or key.startswith("_") else _shown(key, value) for key, value in event.items()}


def _shown(key: str, value: Any) -> Any:
    """An id is read without the name of its source, which may be a word such as `desk:` before digits."""
    if key.endswith("_id") and isinstance(value, str):
        source, colon, rest = value.rpartition(":")
        return _hidden(source) + colon + _hidden(rest)
    return _hidden(value)


def _hidden(value: Any, depth: int = 0) -> Any:
    rules = _hiding[0]
    if isinstance(value, str):
        return rules.for_log(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        shown = rules.for_log(str(value))
        return value if shown == str(value) else shown
    if depth < _DEEPEST and isinstance(value, dict):
        return {rules.for_log(str(key)): _hidden(inner, depth + 1) for key, inner in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_hidden(inner, depth + 1) for inner in value]
    return rules.for_log(str(value))  # as the line would show it
