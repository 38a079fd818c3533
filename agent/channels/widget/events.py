"""Event streams (SSE): thousands of open responses in one process, woken by one subscription.

A stream has one task, the response's own, which waits for the browser to go. What is new is read and sent by a task
that lives for one wake-up, over the shared connections. Source: the HTML standard, section 9.2.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

import structlog
from starlette.types import Receive, Scope, Send

from agent.errors import QueueUnavailable, TooManyStreams
from agent.telemetry import WIDGET_STREAMS
from agent.widget_ports import Page, StoredEvent, Wakes, WidgetConversations

HEARTBEAT_S = 15.0
LONGEST_S = 3600.0
"""A stream ends after so long; the browser comes again with its last id, and its session is looked at anew."""
LAST_WORDS_S = 1.0
RETRY_MS = 2000
MOST_PER_SESSION = 20
READS_AT_ONCE = 32
"""Reads of Redis at the same time, when all streams are woken at once."""
PAGE = 100
RETRY_AFTER_S = 5
HEARTBEAT = b": hb\n\n"

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]

log = structlog.get_logger(__name__)


class Streams:
    """The open streams of one process, by conversation."""

    def __init__(self, conversations: WidgetConversations, wakes: Wakes, most: int, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.heartbeat_s = heartbeat_s
        self._conversations = conversations
        self._wakes = wakes
        self._most = most
        self._open: defaultdict[str, set[EventStream]] = defaultdict(set)
        self._count = 0
        self._per_session: Counter[str] = Counter()
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._is_closing = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen for wake-ups as long as the process serves."""
        listening = asyncio.create_task(self._wakes.listen(self.wake), name="widget wakes")
        try:
            yield
        finally:
            self.close()
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    def wake(self, conversation_id: str | None) -> None:
        """Look for new events of that conversation; of all for None."""
        woken = [self._open.get(conversation_id, ())] if conversation_id is not None else self._open.values()
        for streams in woken:
            for stream in streams:
                stream.wake()

    def close(self) -> None:
        """End all streams, and take no more: the browsers go to another process."""
        self._is_closing = True
        for streams in list(self._open.values()):
            for stream in list(streams):
                stream.end()

    def open(self, owner: str, conversation_id: str, after: str | None) -> "EventStream":
        """A response that streams what comes after `after`, or what is new from now on.

        Raises:
            TooManyStreams: here, or in this session.
        """
        if self._is_closing or self._count >= self._most:
            raise TooManyStreams("no more event streams are taken here; try again", RETRY_AFTER_S)
        if self._per_session[owner] >= MOST_PER_SESSION:
            raise TooManyStreams(f"this session has {MOST_PER_SESSION} event streams; close some", RETRY_AFTER_S)
        return EventStream(self, owner, conversation_id, after)

    def add(self, stream: "EventStream") -> None:
        """Count it in."""
        self._open[stream.conversation_id].add(stream)
        self._count += 1
        self._per_session[stream.owner] += 1
        WIDGET_STREAMS.set(self._count)

    def remove(self, stream: "EventStream") -> None:
        """Count it out."""
        streams = self._open[stream.conversation_id]
        streams.discard(stream)
        if not streams:
            del self._open[stream.conversation_id]
        self._count -= 1
        self._per_session[stream.owner] -= 1
        if not self._per_session[stream.owner]:
            del self._per_session[stream.owner]
        WIDGET_STREAMS.set(self._count)

    async def read(self, conversation_id: str, after: str | None) -> Page:
        """The next events. Raises `QueueUnavailable`."""
        async with self._reads:
            return await self._conversations.events_after(conversation_id, after, PAGE)


class EventStream:
    """One open response; an ASGI application of its own."""

    __slots__ = ("_after", "_beat", "_life", "_pump", "_send", "_streams", "_timer", "_wanted", "conversation_id", "owner")

    def __init__(self, streams: Streams, owner: str, conversation_id: str, after: str | None) -> None:
        self.owner = owner
        self.conversation_id = conversation_id
        self._streams = streams
        self._after = after
        self._send: Send | None = None
        self._pump: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._life: asyncio.Timeout | None = None
        self._wanted = self._beat = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the browser goes, the process stops, or the time is over."""
        self._send = send
        self._streams.add(self)
        has_gone = False
        try:
            async with asyncio.timeout(LONGEST_S) as self._life:
                await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
                await self._write(f"retry: {RETRY_MS}\n\n".encode())
                self.wake()
                while (await receive())["type"] != "http.disconnect":
                    pass
                has_gone = True
        except TimeoutError:
            pass
        finally:
            self._streams.remove(self)
            await self._stop()
        if not has_gone:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):  # a browser that reads nothing would keep us
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    def wake(self, *, beat: bool = False) -> None:
        """Look for new events; with `beat` say something in any case."""
        self._wanted = True
        self._beat |= beat
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._run())

    def end(self) -> None:
        """End the response."""
        if self._life is not None and not self._life.expired():
            self._life.reschedule(asyncio.get_running_loop().time())

    async def _run(self) -> None:
        try:
            while self._wanted:
                beat, self._wanted, self._beat = self._beat, False, False
                if not await self._send_new() and beat:
                    await self._write(HEARTBEAT)
        except OSError:  # the browser has gone; the response's own task is told so
            pass
        finally:
            self._pump = None
        self._rest()

    async def _send_new(self) -> bool:
        """True if anything was sent."""
        is_sent = False
        while True:
            try:
                page = await self._streams.read(self.conversation_id, self._after)
            except QueueUnavailable:
                return is_sent  # the next heartbeat looks again
            self._after = page.last_id
            if not page.events and not page.is_gap:
                return is_sent
            await self._write(b"".join(map(encoded, page.events)) if page.events else resync(page.last_id))
            is_sent = True

    async def _write(self, body: bytes) -> None:
        assert self._send is not None
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._streams.heartbeat_s, lambda: self.wake(beat=True))

    async def _stop(self) -> None:
        if self._pump is not None:
            pump = self._pump
            pump.cancel()
            await asyncio.wait([pump])
        if self._timer is not None:
            self._timer.cancel()


def encoded(event: StoredEvent) -> bytes:
    """An event on the wire; JSON has no line ends."""
    return f"id: {event.event_id}\nevent: {event.name}\ndata: {event.data}\n\n".encode()


def resync(last_id: str) -> bytes:
    """Tells the browser to load the messages, since some events are lost to it."""
    return f"id: {last_id}\nevent: resync\ndata: {{}}\n\n".encode()
