"""The trace's id in every answer that belongs to one: `x-innkeeper-trace`, the same as in the logs and the spans."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.telemetry import current_trace, end_message

HEADER = "x-innkeeper-trace"


class TraceHeader:
    """Middleware. A route binds the id as soon as it knows the message."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Other scopes than HTTP pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and (trace_id := current_trace()) is not None:
                MutableHeaders(scope=message)[HEADER] = trace_id
            await send(message)

        end_message()
        try:
            await self._app(scope, receive, told)
        finally:
            end_message()
