"""Innkeeper before a fake helpdesk: the real API, the real stores on real Redis, the real turns; only the graph is scripted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from redis.asyncio import Redis

from agent.adapters.hints import RedisTicketHints
from agent.adapters.jobs import deliver_once
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.api import create_app
from agent.channels.deps import ApiDeps
from agent.channels.helpdesks.polling import poll_once
from agent.channels.helpdesks.registry import SYSTEMS
from agent.channels.helpdesks.sending import DeskSender
from agent.channels.helpdesks.sync import TicketSync
from agent.channels.helpdesks.types import Helpdesk
from agent.errors import TransientError
from agent.graph.state import TurnContext
from agent.helpdesk_settings import AnyHelpdesk
from agent.settings import Settings
from agent.turns import Turns
from agent.types import Decision, Message, Outcome
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from tests.contract.helpdesks.fake_desk import Entry, FakeDesk, FakeTicket, Webhook
from tests.fakes import InMemoryQueue
from tests.integration.channels.world import FixedAnswer, RecordedApprovals
from tests.samples import full_outcome, outcome

SOURCE = "desk"
POLICIES = PolicyEngine(load_pack(default_folder()))
ANSWER = replace(full_outcome(), decision=Decision.ANSWER, answer="You get **half** back [1].", summary=None, queue=None)
HANDOFF = replace(
    outcome(Decision.HANDOFF, "A colleague will take over."), queue="billing", summary="Customer asks: where is it?"
)
DRAFT = replace(ANSWER, decision=Decision.DRAFT)


class ScriptedGraph:
    """Ends every turn in `outcome`, and lets the world go on while it thinks."""

    checkpointer = None

    def __init__(self) -> None:
        self.outcome: Outcome = ANSWER
        self.asked: list[tuple[Message, ...]] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def ainvoke(self, given: Any, config: Any, **more: Any) -> dict[str, Any]:
        self.asked.append(given["messages"])
        if self.meanwhile:
            await self.meanwhile()
        return {"outcome": self.outcome, "timings_ms": {}}


@dataclass
class Inn:
    """What a test holds."""

    desk: FakeDesk
    client: httpx.AsyncClient
    base: str
    settings: AnyHelpdesk
    helpdesk: Helpdesk
    graph: ScriptedGraph
    conversations: RedisConversations
    outbox: RedisOutbox
    hints: RedisTicketHints
    queue: InMemoryQueue
    turns: Turns
    sync: TicketSync
    failures: list[TransientError] = field(default_factory=list)
    deliveries: int = 0

    async def post(self, webhook: Webhook) -> httpx.Response:
        path = f"/webhooks/{SOURCE}" + (f"/{webhook.key}" if webhook.key else "")
        headers = {"content-type": "application/json", **webhook.headers}
        return await self.client.post(self.base + path, content=webhook.body, headers=headers)

    async def hear(self, ticket_id: int, entry: Entry, delivery: str = "") -> str:
        """The system tells us of a message, in its way. What became of it."""
        if self.desk.polled:
            return "accepted" if await poll_once(SOURCE, self.helpdesk, self.hints, self.queue) else "duplicate"
        self.deliveries += 1
        webhook = self.desk.webhook(self.desk.tickets[ticket_id], entry, delivery or f"delivery-{self.deliveries}")
        response = await self.post(webhook)
        assert response.status_code == 202, response.text
        return str(response.json()["status"])

    async def repeatable(self, ticket_id: int, entry: Entry) -> Callable[[], Awaitable[str]]:
        """The same delivery, byte for byte, at each call."""
        if self.desk.polled:
            return lambda: self.hear(ticket_id, entry)
        webhook = self.desk.webhook(self.desk.tickets[ticket_id], entry, "same")

        async def hear() -> str:
            response = await self.post(webhook)
            assert response.status_code == 202, response.text
            return str(response.json()["status"])

        return hear

    async def write(self, text: str = "Where is my order?", ticket_id: int | None = None, **more: Any) -> FakeTicket:
        """A customer writes, we hear of it and work."""
        ticket_id, entry = self.desk.customer_writes(text, ticket_id, **more)
        await self.hear(ticket_id, entry)
        await self.work()
        return self.desk.tickets[ticket_id]

    async def work(self, rounds: int = 6) -> None:
        """As a worker: turns, deliveries, and what the sweep finds. `failures` has what would be tried again later."""
        for _ in range(rounds):
            asked = [one for one, _ in self.queue.turns] + await self.hints.waiting() + await self.conversations.unanswered()
            self.queue.turns.clear()
            for conversation_id in dict.fromkeys(asked):
                try:
                    if await self.sync(conversation_id):
                        await self.turns.run_turn(conversation_id)
                except TransientError as error:
                    self.failures.append(error)
            for key in await self.outbox.pending():
                sender = DeskSender({SOURCE: self.helpdesk}, self.conversations)
                await deliver_once(sender, self.outbox, key, 1)
            self.queue.deliveries.clear()
            if not self.queue.turns and not await self.outbox.pending() and not await self.hints.waiting():
                return

    async def given_up(self) -> list[str]:
        return [one.reason for one in await self.outbox.dead()]


@asynccontextmanager
async def started_inn(desk: FakeDesk, redis: Redis) -> AsyncIterator[Inn]:
    async with desk.served() as url:
        settings = desk.settings(url)
        helpdesk = SYSTEMS[desk.system].helpdesk(SOURCE, settings)
        conversations, outbox, hints = RedisConversations(redis), RedisOutbox(redis), RedisTicketHints(redis)
        queue, graph = InMemoryQueue(), ScriptedGraph()
        context = TurnContext(None, None, None, None, None, POLICIES, lambda text: "en")
        turns = Turns(graph, context, conversations, queue, 300)
        deps = ApiDeps(Settings(helpdesks={SOURCE: settings}), conversations, queue, FixedAnswer(), RecordedApprovals(), hints)
        transport = httpx.ASGITransport(create_app(deps))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://innkeeper") as client:
                sync = TicketSync({SOURCE: helpdesk}, conversations, hints)
                if desk.polled:  # what is there before it begins is not looked at
                    assert await poll_once(SOURCE, helpdesk, hints, queue) == 0
                yield Inn(desk, client, "", settings, helpdesk, graph, conversations, outbox, hints, queue, turns, sync)
        finally:
            await helpdesk.aclose()
