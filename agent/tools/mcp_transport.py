"""HTTP for the SDK's MCP client: a transport that reads no more than it should, and knows how far a call came."""

from collections.abc import AsyncIterator

import httpx2

from agent.tools.systems import Sending


class Watched(httpx2.AsyncBaseTransport):
    """One connection's transport.

    Attributes:
        status: of the latest answer to a POST, 0 if there is none.
        too_large: True once an answer was over the limit.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, most_bytes: int) -> None:
        self._inner, self._most = inner, most_bytes
        self._sending: Sending | None = None
        self.status = 0
        self.too_large = False

    def watch(self, sending: Sending) -> None:
        """From now on it is the call itself that is sent, not the greeting before it."""
        self._sending, self.status, self.too_large = sending, 0, False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        is_call = request.method == "POST"
        sending = self._sending if is_call else None
        if is_call:
            self.status = 0

        async def trace(event: str, info: object) -> None:
            if sending is not None and event.endswith("send_request_headers.started"):
                sending.begun = True

        request.extensions = {**request.extensions, "trace": trace}
        response = await self._inner.handle_async_request(request)
        if is_call:
            self.status = response.status_code
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Limited(response.stream, self._most, self)
        return response

    async def aclose(self) -> None:
        """Close its connections."""
        await self._inner.aclose()


class _Limited(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, most: int, told: Watched) -> None:
        self._inner, self._most, self._told = inner, most, told

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self._inner:
            read += len(chunk)
            if read > self._most:
                self._told.too_large = True
                raise httpx2.ReadError("the answer is over the limit")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
