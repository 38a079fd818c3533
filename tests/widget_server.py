"""The chat widget's protocol by script, in memory, on loopback: it answers as the API does, and fails when a test says so."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agent.channels.desk_markup import tree

WEB = Path(__file__).parents[1] / "agent" / "web"
ALLOWED_HEADERS = "authorization, content-type, idempotency-key, last-event-id"
SITE = {
    "name": "Harbour Stays",
    "greeting": "Hello! What can we do for you?",
    "privacy_url": "https://harbour.example/privacy",
    "disclosure": "You are chatting with an AI assistant. It answers from our help centre. You can ask for a person at any time.",
    "suggestions": ["How much do I get back if I cancel?", "When is check-in?", "Can I bring my dog?"],
    "person": {"open": True, "note": "Somebody of our front desk answers here, usually within 10 minutes."},
}


@dataclass
class Chat:
    """One conversation: its messages as the API gives them, and its event stream."""

    id: str
    owner: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=lambda: {"person": None, "person_name": None, "closed": False, "note": None})
    events: list[tuple[int, str, Any]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)  # Idempotency-Key -> message id
    handoffs: list[dict[str, Any]] = field(default_factory=list)
    kept_from: int = 0  # older events are gone from the stream
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, name: str, data: Any, *, keep: bool = True) -> int:
        """Adds an event and wakes the streams. Without `keep` it is lost, as if Redis had trimmed it."""
        number = (self.events[-1][0] if self.events else 0) + 1
        self.events.append((number, name if keep else "", data))
        news, self.news = self.news, asyncio.Event()
        news.set()
        return number

    def add(self, role: str, text: str, **more: Any) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat()
        message = {
            "id": f"m_{len(self.messages) + 1}_{uuid.uuid4().hex[:6]}",
            "role": role,
            "text": text,
            "tree": tree(text),
            "at": now,
        }
        message |= {"lang": None, "citations": [], "quick_replies": [], "client_id": None, "name": None} | more
        self.messages.append(message)
        return message

    async def answer(
        self, *sentences: str, pause_s: float = 0.0, stages: tuple[str, ...] = ("searching", "writing", "checking"), **more: Any
    ) -> str:
        """A turn of the assistant: its stages, a delta per sentence, the whole. Returns the message's id."""
        for stage in stages:
            self.publish("progress", {"stage": stage})
            await asyncio.sleep(pause_s)
        message = self.add("assistant", " ".join(sentences), **({"feedback": None} | more))
        for seq, sentence in enumerate(sentences):
            self.publish("message.delta", {"id": message["id"], "seq": seq, "tree": tree(sentence)[0][1:]})
            await asyncio.sleep(pause_s)
        self.publish("message.completed", message)
        return str(message["id"])

    def say(self, role: str, text: str, **more: Any) -> str:
        """A person's or the system's message, whole at once."""
        message = self.add(role, text, **more)
        self.publish("message.created", message)
        return str(message["id"])

    def become(self, event: str, **state: Any) -> None:
        self.state |= state
        self.publish(event, self.state)


@dataclass
class Fault:
    """What a request gets instead of its answer. `after`: the work is done first, only the answer is lost."""

    method: str
    path: str
    status: int
    code: str = "failed"
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False


@dataclass
class WidgetServer:
    """The API of one site. Tests script it by its fields, and look at what was asked of it."""

    origins: tuple[str, ...] = ()
    site: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(SITE)))
    sessions: dict[str, str] = field(default_factory=dict)  # token -> customer
    identities: list[dict[str, Any]] = field(default_factory=list)
    chats: dict[str, Chat] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    ratings: list[dict[str, Any]] = field(default_factory=list)
    streams: int = 0
    resumed_from: list[str | None] = field(default_factory=list)
    on_message: Callable[[Chat, dict[str, Any]], Awaitable[None]] | None = None
    generation: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def chat(self) -> Chat:
        """The only conversation."""
        (one,) = self.chats.values()
        return one

    def fail(self, method: str, path: str, status: int, **more: Any) -> None:
        self.faults.append(Fault(method, path, status, **more))

    def drop_streams(self) -> None:
        """Ends every open event stream, as a server that stops does."""
        self.generation += 1
        for chat in self.chats.values():
            chat.news.set()
            chat.news = asyncio.Event()

    def app(self) -> Starlette:
        at = "/widget/conversations/{id}"
        routes = [
            Route("/widget.js", self._script),
            Route("/widget/locales/{name}", self._locale),
            Route("/widget/sessions", self._session, methods=["POST"]),
            Route("/widget/conversations", self._begin, methods=["POST"]),
            Route(at + "/messages", self._messages, methods=["GET"]),
            Route(at + "/messages", self._post, methods=["POST"]),
            Route(at + "/events", self._events),
            Route(at + "/handoff", self._handoff, methods=["POST"]),
            Route(at + "/messages/{message}/feedback", self._feedback, methods=["POST"]),
        ]
        return Starlette(routes=[Route("/{rest:path}", self._preflight, methods=["OPTIONS"]), *map(self._guarded, routes)])

    def _guarded(self, route: Route) -> Route:
        async def guarded(request: Request) -> Response:
            self.asked.append(f"{request.method} {request.url.path}")
            origin = request.headers.get("origin")
            if not route.path.endswith((".js", "{name}")) and origin not in self.origins:
                return _error(403, "origin_refused")
            fault = next(
                (f for f in self.faults if f.times and f.method == request.method and re.search(f.path, request.url.path)), None
            )
            if fault:
                fault.times -= 1
            response = None if fault and not fault.after else await route.endpoint(request)
            if fault:
                response = _error(fault.status, fault.code, fault.headers)
            assert response
            response.headers["access-control-allow-origin"] = origin or "*"
            response.headers["access-control-expose-headers"] = "retry-after"
            return response

        return Route(route.path, guarded, methods=[method for method in route.methods or () if method != "HEAD"])

    async def _preflight(self, request: Request) -> Response:
        if request.headers.get("origin") not in self.origins:
            return _error(403, "origin_refused")
        return Response(
            status_code=204,
            headers={
                "access-control-allow-origin": request.headers["origin"],
                "access-control-allow-headers": ALLOWED_HEADERS,
                "access-control-allow-methods": "GET, POST",
                "access-control-max-age": "600",
            },
        )

    async def _script(self, request: Request) -> Response:
        return FileResponse(WEB / "widget.js", media_type="text/javascript")

    async def _locale(self, request: Request) -> Response:
        return FileResponse(WEB / "locales" / Path(request.path_params["name"]).name)

    async def _session(self, request: Request) -> Response:
        body = await request.json()
        self.identities.append(body)
        customer = body.get("identifier") or uuid.uuid4().hex
        if body.get("identifier") and body.get("identifier_hash") != f"hash of {customer}":
            return _error(401, "identity_invalid")
        token = uuid.uuid4().hex
        self.sessions[token] = customer
        known = next((chat.id for chat in reversed(self.chats.values()) if chat.owner == customer), None)
        found = {"session": token, "expires_at": "2030-01-01T00:00:00+00:00", "verified": "identifier" in body, "site": self.site}
        return JSONResponse(found | {"conversation": {"id": known} if known else None}, 201)

    def _customer(self, request: Request) -> str | None:
        return self.sessions.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    def _chat(self, request: Request) -> Chat | Response:
        customer = self._customer(request)
        if customer is None:
            return _error(401, "session_invalid")
        chat = self.chats.get(request.path_params["id"])
        return chat if chat and chat.owner == customer else _error(404, "conversation_missing")

    async def _begin(self, request: Request) -> Response:
        customer = self._customer(request)
        if customer is None:
            return _error(401, "session_invalid")
        chat = Chat(uuid.uuid4().hex, customer)
        self.chats[chat.id] = chat
        return JSONResponse({"id": chat.id}, 201)

    async def _messages(self, request: Request) -> Response:
        chat = self._chat(request)
        if isinstance(chat, Response):
            return chat
        last = chat.events[-1][0] if chat.events else 0
        return JSONResponse({"messages": chat.messages, "last_event_id": f"1767225600000-{last}", "state": chat.state})

    async def _post(self, request: Request) -> Response:
        chat = self._chat(request)
        if isinstance(chat, Response):
            return chat
        text, key = (await request.json())["text"], request.headers["idempotency-key"]
        if not 1 <= len(text) <= 4000:
            return _error(422, "payload_invalid")
        if key not in chat.keys:
            message = chat.add("customer", text, client_id=key)
            chat.keys[key] = message["id"]
            chat.publish("message.created", message)
            if self.on_message:
                task = asyncio.create_task(self.on_message(chat, message))  # type: ignore[arg-type]
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        return JSONResponse({"id": chat.keys[key]}, 202)

    async def _handoff(self, request: Request) -> Response:
        chat = self._chat(request)
        if isinstance(chat, Response):
            return chat
        chat.handoffs.append(await request.json() | {"key": request.headers["idempotency-key"]})
        chat.become("handoff.requested", person="requested", note=self.site["person"]["note"])
        return Response(status_code=202)

    async def _feedback(self, request: Request) -> Response:
        chat = self._chat(request)
        if isinstance(chat, Response):
            return chat
        rating = await request.json() | {"message": request.path_params["message"]}
        self.ratings.append(rating)
        for message in chat.messages:
            if message["id"] == rating["message"]:
                message["feedback"] = rating["value"]
        chat.publish("message.feedback", {"id": rating["message"], "value": rating["value"]})
        return Response(status_code=204)

    async def _events(self, request: Request) -> Response:
        chat = self._chat(request)
        if isinstance(chat, Response):
            return chat
        after = request.headers.get("last-event-id")
        self.resumed_from.append(after)
        last = int(after.split("-")[1]) if after else (chat.events[-1][0] if chat.events else 0)
        headers = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(chat, last), media_type="text/event-stream", headers=headers)

    async def _stream(self, chat: Chat, last: int) -> AsyncIterator[str]:
        generation = self.generation
        self.streams += 1
        try:
            yield "retry: 1000\n\n"
            if last < chat.kept_from:
                last = chat.events[-1][0]
                yield f"id: 1767225600000-{last}\nevent: resync\ndata: {{}}\n\n"
            while generation == self.generation:
                news = chat.news
                for number, name, data in [event for event in chat.events if event[0] > last]:
                    last = number
                    if name:
                        yield f"id: 1767225600000-{number}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
                await news.wait()
        finally:
            self.streams -= 1


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": f"refused: {code}"}}, status, headers)


@asynccontextmanager
async def running(app: Any, port: int = 0) -> AsyncIterator[int]:
    """Serves in this event loop; gives the port. Whoever is still connected at the end is cut off."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        if task.done():
            task.result()
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        for connection in list(server.server_state.connections):
            connection.transport.abort()  # type: ignore[union-attr]
        await task
