"""A served widget over a real Redis: replicas of the API, and turns with a scripted model that are sent as in production."""

import asyncio
import contextlib
import datetime as dt
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.adapters.widget_sessions import RedisWidgetSessions
from agent.adapters.widget_store import RedisWakes, RedisWidgetConversations
from agent.api import ApiDeps, create_app
from agent.channels.outbound import WebhookSender, new_client
from agent.channels.widget.deps import WidgetDeps
from agent.channels.widget.events import Streams
from agent.channels.widget.people import WidgetPeople
from agent.channels.widget.progress import WidgetProgress
from agent.channels.widget.sender import WidgetSender
from agent.graph.build import build_graph
from agent.graph.state import TurnContext
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import load_profile
from agent.settings import Settings
from agent.turns import Turns
from agent.types import ConversationId, OutboxKey
from agent.wiring.widget import build_by_webhook, build_sender, promises_of
from knowledge.types import Audience, Hit, Passage, Query
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from tests.fakes import HashedWordsEmbedder, InMemoryTicketHints
from tests.fakes_model import FakeChatModel
from tests.integration.channels.world import SECRET, FixedAnswer, RecordedApprovals, served
from tests.samples import hit

SHOP = "https://shop.example"
OTHER = "https://other.example"
JWT_SECRET = "a secret of the site, of more than thirty-two bytes"
IDENTITY_SECRET = "widget_hmac_token"
FACT = "A dog costs €12 per night."
QUESTION = "How much does a dog cost per night?"
DRAFT = json.dumps({"answerable": True, "sentences": [{"text": FACT, "passage": 1}]})
WAIT_S = 15.0
PACK = load_pack(default_folder())


class Shelf:
    """A retriever that finds one passage, whose title and address are an attack."""

    def __init__(self) -> None:
        self.queries: list[Query] = []

    def search(self, query: Query) -> list[Hit]:
        self.queries.append(query)
        found = hit("dogs", FACT, "Dogs <script>alert(1)</script>", score=0.99)
        object.__setattr__(found.passage, "url", "javascript:alert(1)")
        return [found]

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        return [passage]


class Worker:
    """Runs turns and deliveries at once, in this event loop. Implements `TurnQueue`."""

    def __init__(self) -> None:
        self.turns: Turns
        self.outbox: RedisOutbox
        self.sender: WidgetSender
        self.before_turn: Callable[[ConversationId], Awaitable[None]] | None = None
        self.is_paused = False
        self.asked: list[str] = []
        self._running: set[asyncio.Task[None]] = set()

    async def add_turn(self, conversation_id: ConversationId, message_id: str) -> None:
        self.asked.append(message_id)
        if not self.is_paused:
            self._start(self._turn(conversation_id))

    async def add_delivery(self, key: OutboxKey) -> None:
        self._start(self._deliver(key))

    async def _turn(self, conversation_id: ConversationId) -> None:
        if self.before_turn is not None:
            await self.before_turn(conversation_id)
        await self.turns.run_turn(conversation_id)

    async def _deliver(self, key: OutboxKey) -> None:
        entry = await self.outbox.get(key)
        if entry is not None:
            await self.sender.send(entry)
            await self.outbox.settle(key, delivered=True)

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self) -> None:
        while self._running:
            await asyncio.gather(*self._running)


@dataclass
class Sse:
    """An open event stream, parsed."""

    response: httpx.Response
    lines: AsyncIterator[str]
    last_id: str = ""
    wait_s: float = WAIT_S
    comments: list[str] = field(default_factory=list)

    async def next(self) -> tuple[str, Any]:
        """The next event's name and data."""
        name, data, event_id = "", "", ""
        async with asyncio.timeout(self.wait_s):
            async for line in self.lines:
                key, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.comments.append(line)
                elif key == "event":
                    name = value
                elif key == "data":
                    data = value
                elif key == "id":
                    event_id = value
                elif not line and name:
                    self.last_id = event_id
                    return name, json.loads(data)
        raise EOFError("the stream has ended")

    async def until(self, wanted: str) -> list[tuple[str, Any]]:
        """All events up to the first of that name."""
        found = []
        while not found or found[-1][0] != wanted:
            found.append(await self.next())
        return found


@dataclass
class Browser:
    """A page with the widget, as far as the server can tell."""

    base: str
    client: httpx.AsyncClient
    origin: str | None = SHOP
    token: str = ""

    def headers(self, **more: str) -> dict[str, str]:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if self.origin is not None:
            headers["origin"] = self.origin
        return headers | {name.replace("_", "-"): value for name, value in more.items()}

    async def begin(self, **body: Any) -> dict[str, Any]:
        response = await self.post("/widget/sessions", {"site": "shop"} | body)
        assert response.status_code == 201, response.text
        self.token = response.json()["session"]
        return response.json()

    async def converse(self) -> str:
        response = await self.post("/widget/conversations", {})
        assert response.status_code == 201, response.text
        return response.json()["id"]

    async def say(self, conversation_id: str, text: str = QUESTION, key: str | None = None) -> httpx.Response:
        path = f"/widget/conversations/{conversation_id}/messages"
        return await self.post(path, {"text": text}, idempotency_key=key or str(uuid.uuid4()))

    async def messages(self, conversation_id: str) -> dict[str, Any]:
        response = await self.get(f"/widget/conversations/{conversation_id}/messages")
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.client.post(self.base + path, json=body, headers=self.headers(**headers))

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(self.base + path, headers=self.headers(**headers))

    @asynccontextmanager
    async def events(self, conversation_id: str, after: str | None = None) -> AsyncIterator[Sse]:
        headers = self.headers(last_event_id=after) if after else self.headers()
        url = f"{self.base}/widget/conversations/{conversation_id}/events"
        async with self.client.stream("GET", url, headers=headers) as response:
            assert response.status_code == 200, await response.aread()
            yield Sse(response, response.aiter_lines())


@dataclass
class Replica:
    """One API process, as far as Redis can tell."""

    base: str
    streams: Streams


@dataclass
class WidgetWorld:
    replicas: list[Replica]
    client: httpx.AsyncClient
    worker: Worker
    chat: FakeChatModel
    shelf: Shelf
    conversations: RedisConversations
    shown: RedisWidgetConversations
    people: WidgetPeople
    redis_url: str

    def browser(self, replica: int = 0, origin: str | None = SHOP) -> Browser:
        return Browser(self.replicas[replica].base, self.client, origin)

    async def talk(self, replica: int = 0) -> tuple[Browser, str]:
        """A page with a session and a conversation."""
        browser = self.browser(replica)
        await browser.begin()
        return browser, await browser.converse()


def settings(own: str, desk_url: str | None = None, **limits: int) -> Settings:
    shop = {
        "name": "Shop",
        "origins": [SHOP],
        "jwt_secret": JWT_SECRET,
        "identity_secret": IDENTITY_SECRET,
        "greeting": "Hello!",
        "privacy_url": "https://shop.example/privacy",
        "suggestions": ["Can I bring a dog?"],
        "hours": "Weekdays from 9 to 5",
        "limits": {"session_messages": 1000, "address_sessions": 1000, "site_messages": 10_000} | limits,
    }
    sites = {"shop": shop, "other": {"name": "Other", "origins": [OTHER]}, "demo": {"name": "Demo", "origins": [own]}}
    if desk_url is None:
        return Settings.model_validate({"sites": sites})
    desk = {"secrets": [SECRET], "reply_url": f"{desk_url}/inbox"}
    shop["handoff"] = "desk"
    return Settings.model_validate({"sites": sites, "helpdesks": {"desk": desk, "stranger": desk}})


@asynccontextmanager
async def widget_world(
    redis_url: str,
    replicas: int = 1,
    web: Path | None = None,
    heartbeat_s: float = 15.0,
    most: int = 500,
    desk_url: str | None = None,
    **limits: int,
) -> AsyncIterator[WidgetWorld]:
    """`desk_url`: of the helpdesk "desk", which the shop's hand-offs go to by the generic webhook."""
    configured = settings("http://127.0.0.1:8080", desk_url, **limits)
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_client(redis_url))
        shown, conversations = RedisWidgetConversations(redis), RedisConversations(redis)
        worker, chat, shelf = Worker(), FakeChatModel([DRAFT]), Shelf()
        policies = PolicyEngine(PACK)
        embedder = HashedWordsEmbedder()
        context = TurnContext(
            chat=chat,
            profile=load_profile("qwen3"),
            retriever=shelf,
            embedder=embedder,
            verifier=BuiltInVerifier(embedder),
            policies=policies,
            detect_language=lambda text: "en",
        )
        worker.turns = Turns(
            build_graph(),
            context,
            conversations,
            worker,
            300,
            progress=WidgetProgress(shown),
            draftless=("widget",),
            disclosing=("widget",),
        )
        webhooks = WebhookSender(configured.helpdesks, await stack.enter_async_context(new_client()))  # type: ignore[arg-type]
        by_webhook = build_by_webhook(configured, redis, webhooks, conversations, policies)
        escalations = {site: by_webhook for site, one in configured.sites.items() if one.handoff}
        worker.outbox, worker.sender = RedisOutbox(redis), build_sender(redis, escalations, promises_of(policies))
        worker.before_turn = by_webhook.pass_on
        started = []
        for _ in range(replicas):
            own = await stack.enter_async_context(redis_client(redis_url))
            store = RedisWidgetConversations(own)
            streams = Streams(store, RedisWakes(own), most, heartbeat_s)
            more = {"web": web} if web else {}
            widget = WidgetDeps(RedisWidgetSessions(own), store, worker.turns, streams, lambda locale: "A machine.", **more)
            deps = ApiDeps(
                configured,
                RedisConversations(own),
                worker,
                FixedAnswer(),
                RecordedApprovals(),
                InMemoryTicketHints(),
                widget=widget,
            )
            started.append(Replica(await stack.enter_async_context(_replica(deps, streams)), streams))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=20))
        people = WidgetPeople(conversations, shown)
        world = WidgetWorld(started, client, worker, chat, shelf, conversations, shown, people, redis_url)
        yield world
        for replica in started:
            replica.streams.close()
        await worker.drain()


@contextlib.asynccontextmanager
async def _replica(deps: ApiDeps, streams: Streams) -> AsyncIterator[str]:
    async with served(create_app(deps)) as base:
        try:
            yield base
        finally:
            streams.close()  # as `serve` does when it is told to stop


def now() -> int:
    return int(dt.datetime.now(dt.UTC).timestamp())
