"""Every error of the HTTP surface as `{"error": {"code", "message"}}`, with stable codes and never a traceback."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from agent.errors import (
    AgentError,
    ConversationMissing,
    ModelUnavailable,
    QueueUnavailable,
    RequestRejected,
    TooManyRequests,
    TransientError,
    Unauthorized,
)

RETRY_AFTER_S = 5
"""What a sender is asked to wait while something is down."""

_UNAVAILABLE: Mapping[type[AgentError], tuple[str, str]] = {
    QueueUnavailable: ("queue_unavailable", "The queue can't be reached now. Send the same request again later."),
    ModelUnavailable: ("model_unavailable", "The model server can't be used now. Send the same request again later."),
}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}
_log = structlog.get_logger(__name__)


def problem(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The one form of an error."""
    return JSONResponse({"error": {"code": code, "message": message}}, status, dict(headers or {}))


def describe(error: ValidationError | RequestValidationError, most: int = 3) -> str:
    """The first few problems in one line, by place; what was sent is never repeated."""
    problems = [f"{'.'.join(str(part) for part in e['loc']) or 'body'}: {e['msg']}" for e in error.errors()]
    more = f"; and {len(problems) - most} more" if len(problems) > most else ""
    return "; ".join(problems[:most]) + more


def install(app: FastAPI) -> None:
    """Handle every error of ours, of FastAPI and of nobody."""
    app.add_exception_handler(RequestRejected, _rejected)
    app.add_exception_handler(TransientError, _unavailable)
    app.add_exception_handler(ConversationMissing, _missing)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def _place(request: Request) -> str:
    """The route, not the path as it came: its last part may be a secret or a conversation's id."""
    route = request.scope.get("route")
    return str(getattr(route, "path", request.url.path))


async def _rejected(request: Request, error: Exception) -> JSONResponse:
    code, status = (error.code, error.status) if isinstance(error, RequestRejected) else ("request_rejected", 400)
    _log.warning("request_rejected", path=_place(request), status=status, code=code, reason=str(error))
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthorized) else None
    if isinstance(error, TooManyRequests):
        headers = {"Retry-After": str(error.retry_after_s)}
    return problem(status, code, str(error), headers)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    # The error's own text may hold an address, so it goes to the log alone.
    _log.error("service_unavailable", path=_place(request), kind=type(error).__name__, reason=str(error))
    code, message = next(
        (told for kind, told in _UNAVAILABLE.items() if isinstance(error, kind)),
        ("unavailable", "Something this needs can't be reached now. Send the same request again later."),
    )
    return problem(503, code, message, {"Retry-After": str(RETRY_AFTER_S)})


async def _missing(request: Request, error: Exception) -> JSONResponse:
    _log.warning("conversation_missing", path=_place(request))
    return problem(404, "conversation_missing", str(error))


async def _http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail: Any = error.detail if isinstance(error, HTTPException) else "Internal error"
    headers = error.headers if isinstance(error, HTTPException) else None
    return problem(status, _HTTP_CODES.get(status, f"http_{status}"), str(detail), headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    message = describe(error) if isinstance(error, RequestValidationError) else "The request is not valid"
    return problem(422, "payload_invalid", message)


async def _gone(request: Request, error: Exception) -> JSONResponse:
    return problem(400, "client_disconnected", "The request ended before its body was complete.")


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("request_failed", path=_place(request), kind=type(error).__name__)
    return problem(500, "internal_error", "Something went wrong here; the log has more. Sending the same again is safe.")
