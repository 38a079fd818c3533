"""A small real HTTP server on loopback that plays a model server, good or bad, by script."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


def completion(text: str, *, finish_reason: str = "stop", **message: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}
    return status(200, {"choices": [choice], "usage": {"prompt_tokens": 11, "completion_tokens": 3}})


def status(code: int, body: Any = None, **headers: str) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        lines = [f"HTTP/1.1 {code} X", *(f"{k}: {v}" for k, v in named.items()), f"content-length: {len(content)}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()

    return reply


def stream(*events: Any, done: bool = True, after: Reply | None = None) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for event in [*events, "[DONE]"] if done else events:
            data = event if isinstance(event, str) else json.dumps(event)
            writer.write(f"data: {data}\n\n".encode())
            await writer.drain()
        if after:
            await after(writer)

    return reply


def piece(text: str, finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": {"content": text, **delta}, "finish_reason": finish_reason}]}


USAGE = {"id": "c", "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}}


async def drop(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def stall(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


def trickle(body: Any, seconds: float) -> Reply:
    """The head at once, then the body byte by byte, so many seconds apart."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        content = json.dumps(body).encode()
        writer.write(f"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n".encode())
        for byte in content:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(seconds)

    return reply


def endless(opening: str, more: str, kind: str = "application/json", pause_s: float = 0.005) -> Reply:
    """A body without a length that goes on until the client has enough of it."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 X\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{opening}".encode())
        while True:
            writer.write(more.encode())
            await writer.drain()
            await asyncio.sleep(pause_s)

    return reply


def slowly(reply: Reply, seconds: float = 0.05) -> Reply:
    async def later(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await reply(writer)

    return later


@dataclass
class FaultyServer:
    """Answers by `script`, one entry a request; the last one repeats."""

    script: list[Reply]
    requests: list[Request] = field(default_factory=list)
    running: int = 0
    most_at_a_time: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    """Any that is free, if not given; kept, so that the server can come back where it was."""

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def choose(self, request: Request) -> Reply:
        """What to answer this request with."""
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            request = await _read(reader)
            self.requests.append(request)
            self.asked.set()
            reply = self.choose(request)
            self.running += 1
            self.most_at_a_time = max(self.most_at_a_time, self.running)
            await reply(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.running -= 1
            self._tasks.discard(task)
            writer.close()


@contextmanager
def in_thread(server: FaultyServer) -> Iterator[str]:
    """The server's `base_url` while it runs in a thread of its own, for tests that wait for other processes."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="model server", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        try:
            yield server.base_url
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(head[0].split(" ")[1], headers, json.loads(body) if body else {})
