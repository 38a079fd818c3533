"""Tickets by every way that the product itself can be asked: each driver is a customer, and waits for what it gets.

A channel is a value that says what it needs in the settings, and a function that asks. Others may be given to a run: those of
helpdesks that can't be had here without the helpdesk.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
from standardwebhooks.webhooks import Webhook

from agent.errors import ServiceFailed
from agent.operations.proof.product import Product
from agent.operations.proof.record import Tickets
from agent.operations.proof.upstream import DESK, PORT, Inbox

NOTHING = "nothing"
PATIENCE_S = 600.0
"""Without any ticket's end for so long, the rest is given up."""
AT_ONCE = 8
BUSY = 503
SOURCE, SHOP = "acme", "shop"
ORIGIN = "https://www.example.com"
Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a channel needs in the settings of the run. `others` by their names in the environment."""

    helpdesks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sites: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """A way by which tickets come in.

    Attributes:
        name: as the report calls it.
        hosts: names that it wants an address for.
        most: how many tickets it takes, at most; None for a full share.
    """

    name: str
    hosts: tuple[str, ...]
    most: int | None

    def opened(self, addresses: Mapping[str, str]) -> contextlib.AbstractAsyncContextManager[Wanted]:
        """Its servers, up as long as the product runs. `addresses` are those of its hosts."""
        ...

    async def ask(self, product: Product, questions: Sequence[str], step: Step) -> Tickets:
        """Send the questions, wait for their ends; `step` is called at each."""
        ...


class _Plain:
    """A channel that needs nothing in the settings."""

    hosts: tuple[str, ...] = ()
    most: int | None = None

    @contextlib.asynccontextmanager
    async def opened(self, addresses: Mapping[str, str]) -> AsyncIterator[Wanted]:
        """See `Channel`."""
        yield Wanted()


@dataclass
class SignedWebhook(_Plain):
    """Any helpdesk that speaks Standard Webhooks; its outcomes arrive at the inbox of the stand-in."""

    inbox: Inbox
    name: str = "webhook, signed"
    hosts: tuple[str, ...] = (DESK,)

    @contextlib.asynccontextmanager
    async def opened(self, addresses: Mapping[str, str]) -> AsyncIterator[Wanted]:
        """See `Channel`."""
        yield Wanted({SOURCE: {"secrets": [self.inbox.secret], "reply_url": f"http://{DESK}:{PORT}/inbox"}})

    async def ask(self, product: Product, questions: Sequence[str], step: Step) -> Tickets:
        """See `Channel`."""
        tickets = {f"T-{number}": text for number, text in enumerate(questions, 1)}
        async with _client(product) as client:
            for ticket_id, text in tickets.items():
                await self._deliver(client, ticket_id, text)
        ended = await ends(tickets, self.inbox.outcome, step)
        return Tickets(self.name, len(questions), ended)

    async def _deliver(self, client: httpx.AsyncClient, ticket_id: str, text: str) -> None:
        now = datetime.now(UTC)
        data = {"ticket_id": ticket_id, "message_id": f"{ticket_id}-1", "author": {"kind": "customer"}, "text": text}
        body = json.dumps({"type": "ticket.message.created", "timestamp": now.isoformat(), "data": data})
        signature = Webhook(self.inbox.secret).sign(f"msg_{ticket_id}", now, body)
        headers = {
            "content-type": "application/json",
            "webhook-id": f"msg_{ticket_id}",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        response = await client.post(f"/webhooks/{SOURCE}", content=body, headers=headers)
        if response.status_code != 202:
            raise ServiceFailed(f"the product did not take a signed webhook: {response.status_code} {response.text[:300]}")


@dataclass
class Widget(_Plain):
    """The chat widget's API, as a browser uses it: session, conversation, event stream, message."""

    name: str = "chat widget"

    @contextlib.asynccontextmanager
    async def opened(self, addresses: Mapping[str, str]) -> AsyncIterator[Wanted]:
        """See `Channel`."""
        limits = {"session_messages": 10_000, "address_sessions": 10_000, "site_messages": 10_000}
        yield Wanted(sites={SHOP: {"name": "Shop", "origins": [ORIGIN], "handoff": SOURCE, "limits": limits}})

    async def ask(self, product: Product, questions: Sequence[str], step: Step) -> Tickets:
        """See `Channel`."""
        async with _client(product) as client:
            ended = await _all(lambda text: self._talk(client, text), questions, step)
        return Tickets(self.name, len(questions), ended)

    async def _talk(self, client: httpx.AsyncClient, text: str) -> str:
        headers = {"origin": ORIGIN}
        begun = (await client.post("/widget/sessions", json={"site": SHOP}, headers=headers)).raise_for_status().json()
        headers["authorization"] = f"Bearer {begun['session']}"
        made = (await client.post("/widget/conversations", json={}, headers=headers)).raise_for_status().json()
        path = f"/widget/conversations/{made['id']}"
        async with client.stream("GET", f"{path}/events", headers=headers) as stream:
            stream.raise_for_status()
            key = {"idempotency-key": str(uuid.uuid4())}
            (await client.post(f"{path}/messages", json={"text": text}, headers=headers | key)).raise_for_status()
            async for line in stream.aiter_lines():
                if line == "event: message.completed":
                    return "answer"
                if line == "event: handoff.requested":
                    return "handoff"
        return NOTHING


@dataclass
class Answers(_Plain):
    """`POST /v1/answers`."""

    name: str = "POST /v1/answers"

    async def ask(self, product: Product, questions: Sequence[str], step: Step) -> Tickets:
        """See `Channel`."""
        async with _client(product) as client:

            async def one(text: str) -> str:
                while True:
                    response = await client.post("/v1/answers", json={"question": text})
                    if response.status_code != BUSY:
                        return str(response.raise_for_status().json()["decision"])
                    # The model of the run may be a small one on a busy machine; whoever asks is told when to ask again.
                    await asyncio.sleep(float(response.headers.get("retry-after", "1")))

            return Tickets(self.name, len(questions), await _all(one, questions, step))


@dataclass
class Ask(_Plain):
    """`innkeeper ask`, a process for each question."""

    name: str = "innkeeper ask"
    most: int | None = 3

    async def ask(self, product: Product, questions: Sequence[str], step: Step) -> Tickets:
        """See `Channel`."""
        ended: Counter[str] = Counter()
        for text in questions:
            code, told = await product.run("ask", text, "--json")
            ended[str(json.loads(told)["decision"]) if code == 0 else NOTHING] += 1
            step()
        return Tickets(self.name, len(questions), dict(ended))


async def ends(tickets: Mapping[str, object], outcome: Callable[[str], str | None], step: Step) -> dict[str, int]:
    """How each ticket ended, asked for until it has, or until nothing has happened for too long."""
    waiting, ended, last = set(tickets), Counter[str](), time.monotonic()
    while waiting and time.monotonic() - last < PATIENCE_S:
        for ticket_id in sorted(waiting):
            if (found := outcome(ticket_id)) is not None:
                waiting.remove(ticket_id)
                ended[found] += 1
                last = time.monotonic()
                step()
        await asyncio.sleep(0.1)
    if waiting:
        ended[NOTHING] += len(waiting)
    return dict(ended)


async def _all(one: Callable[[str], Any], questions: Sequence[str], step: Step) -> dict[str, int]:
    """Several at a time. One that fails has ended in nothing: the report says so, and the run goes on."""
    room = asyncio.Semaphore(AT_ONCE)

    async def asked(text: str) -> str:
        async with room:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    return str(await one(text))
            except (httpx.HTTPError, TimeoutError):
                return NOTHING
            finally:
                step()

    return dict(Counter(await asyncio.gather(*(asked(text) for text in questions))))


def _client(product: Product) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=product.url, trust_env=False, timeout=PATIENCE_S)
