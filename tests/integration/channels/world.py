"""A served Innkeeper over fakes, for the tests of the channels."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from agent.api import ApiDeps, create_app
from agent.channels.standard_webhooks import Signer
from agent.errors import QueueUnavailable
from agent.helpdesk_settings import HelpdeskSettings
from agent.ports import ModelsSeen
from agent.settings import Settings
from agent.types import ConversationId, Decision, Message, Outcome, PolicyTrace, RunId
from tests.fakes import InMemoryConversations, InMemoryQueue, InMemoryTicketHints

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes. ok").decode()
Serve = Callable[..., AbstractAsyncContextManager[str]]


@asynccontextmanager
async def served(app: Any, port: int = 0) -> AsyncIterator[str]:
    """A real server on loopback in this event loop."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="on", ws="none"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        if task.done():
            task.result()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


class BrokenConversations(InMemoryConversations):
    async def append(self, ticket: Any, message: Message) -> bool:
        raise QueueUnavailable("redis://10.1.2.3:6379 refused the connection")


class RecordedApprovals:
    def __init__(self) -> None:
        self.decided: dict[tuple[str, str], str | None] = {}
        self.by: list[str] = []

    async def approve(self, conversation_id: ConversationId, run_id: RunId, text: str | None, by: str = "") -> bool:
        return self._decide(conversation_id, run_id, text, by)

    async def decline(self, conversation_id: ConversationId, run_id: RunId, by: str = "") -> bool:
        return self._decide(conversation_id, run_id, "declined", by)

    def _decide(self, conversation_id: ConversationId, run_id: RunId, what: str | None, by: str) -> bool:
        is_new = (conversation_id, run_id) not in self.decided
        self.by.append(by)
        self.decided.setdefault((conversation_id, run_id), what)
        return is_new


class FixedAnswer:
    def __init__(self) -> None:
        self.asked: list[tuple[tuple[Message, ...], str | None]] = []
        self.error: Exception | None = None

    async def __call__(self, messages: tuple[Message, ...], language: str | None) -> Outcome:
        self.asked.append((messages, language))
        if self.error:
            raise self.error
        return Outcome(Decision.ANSWER, "Half of it [1].", "grounded", language or "en", PolicyTrace("1.0.0", "ab" * 32))


@dataclass
class World:
    """A served Innkeeper with everything behind the routes at hand."""

    base: str
    client: httpx.AsyncClient
    conversations: InMemoryConversations
    queue: InMemoryQueue
    approvals: RecordedApprovals
    answer: FixedAnswer
    checks: dict[str, bool] = field(default_factory=dict)
    seen: list[ModelsSeen] = field(default_factory=list)

    async def deliver(self, body: bytes, source: str = "acme", secret: str = SECRET, age_s: float = 0) -> httpx.Response:
        headers = Signer(secret, lambda: time.time() - age_s).headers("msg_1", body)
        return await self.client.post(f"{self.base}/webhooks/{source}", content=body, headers=headers)

    def nothing_happened(self) -> bool:
        return not self.conversations.conversations and not self.queue.turns and not self.approvals.decided


def message_event(**changes: Any) -> bytes:
    data = {
        "system": "acme-desk",
        "ticket_id": "T-81",
        "message_id": "M-104",
        "author": {"id": "c-8", "kind": "customer", "email": "emily@example.com"},
        "visibility": "public",
        "language": "en",
        "text": "Where is my order?",
        "html": None,
        "attachments": [],
        "subject": "Late parcel",
        "tags": [],
    }
    event = {"type": "ticket.message.created", "timestamp": "2026-01-05T09:00:00.000Z", "data": data | changes}
    return json.dumps(event).encode()


@asynccontextmanager
async def started_world(conversations: InMemoryConversations, at: int = 0, **settings: Any) -> AsyncIterator[World]:
    queue, approvals, answer = InMemoryQueue(), RecordedApprovals(), FixedAnswer()
    up = {"redis": True, "knowledge": True, "model": True}
    seen: list[ModelsSeen] = []

    def check(name: str) -> Callable[[], Coroutine[Any, Any, bool]]:
        async def is_up() -> bool:
            return up[name]

        return is_up

    desk = HelpdeskSettings(secrets=(SECRET,), reply_url="http://127.0.0.1:9/unused")
    deps = ApiDeps(
        settings=Settings(helpdesks={"acme": desk, **settings.pop("helpdesks", {})}, **settings),
        conversations=conversations,
        queue=queue,
        answer=answer,
        approvals=approvals,
        hints=InMemoryTicketHints(),
        checks={name: check(name) for name in up},
        models=lambda: seen[-1] if seen else None,
    )
    async with served(create_app(deps), at) as base, httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield World(base, client, conversations, queue, approvals, answer, up, seen)


@contextmanager
def running(start: Callable[[], Any]) -> Iterator[Any]:
    """What an async context manager serves, in a thread of its own: the command has an event loop itself."""
    ready, addresses, done = threading.Event(), [], []

    async def serve() -> None:
        stop = asyncio.Event()
        done.append((asyncio.get_running_loop(), stop))
        async with start() as found:
            addresses.append(found)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield addresses[0]
    finally:
        loop, stop = done[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
