import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.channels.demo_desk import DeskSettings, create_desk
from agent.channels.outbound import WebhookSender, new_client
from agent.channels.standard_webhooks import Signer
from agent.errors import HelpdeskRefused, QueueUnavailable
from agent.helpdesk_settings import HelpdeskSettings
from agent.types import Author, Citation, ConversationId, Decision, Outcome, PolicyTrace, RunId
from knowledge.types import DocumentId, PassageId
from tests.fakes import InMemoryConversations
from tests.integration.channels.world import SECRET, World, served, started_world

pytestmark = pytest.mark.slow

QUOTE = "If you cancel at least 24 hours before check-in, you get 50% of the nightly rate back."
OUTCOMES = {
    Decision.ANSWER: Outcome(
        Decision.ANSWER,
        "If you cancel three days before check-in, you get 50% of the nightly rate back [1].",
        "grounded",
        "en",
        PolicyTrace("1.0.0", "c0ffee" * 10 + "abcd"),
        (Citation(1, DocumentId("cancel-moderate"), PassageId("p1"), "Cancelling: moderate policy", None, QUOTE),),
        0.91,
    ),
    Decision.HANDOFF: Outcome(
        Decision.HANDOFF,
        "I'm passing you to a colleague, who will answer here.",
        "asked for a person",
        "en",
        PolicyTrace("1.0.0", "c0ffee" * 10 + "abcd"),
        queue="front-desk",
        summary="The guest asks for a person.\nNothing was looked up. Open: everything.",
    ),
    Decision.DRAFT: Outcome(
        Decision.DRAFT,
        "Yes, <b>dogs</b> are welcome.",
        "policy asks for approval",
        "en",
        PolicyTrace("1.0.0", "c0ffee" * 10 + "abcd"),
    ),
}


@dataclass
class Desk:
    base: str
    client: httpx.AsyncClient

    async def write(self, text: str, ticket: str | None = None, author: str = "customer") -> str:
        path, body = (
            ("/tickets", {"text": text}) if ticket is None else (f"/tickets/{ticket}/messages", {"text": text, "author": author})
        )
        response = await self.client.post(self.base + path, json=body)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    async def get(self, path: str) -> Any:
        return (await self.client.get(self.base + path)).json()

    async def take(
        self, world: World, ticket: str, decision: Decision, run: str = "run-1", times: int = 1, text: str | None = None
    ) -> None:
        """What a worker does: one outcome for the conversation, delivered (by mistake, several times)."""
        outcome = OUTCOMES[decision] if text is None else replace(OUTCOMES[decision], answer=text)
        conversation_id = ConversationId(f"acme:{ticket}")
        await until(lambda: has(world, conversation_id))
        conversation = await world.conversations.read(conversation_id)
        entry = await world.conversations.commit(conversation, RunId(run), outcome)
        assert entry is not None
        desk = HelpdeskSettings(secrets=(SECRET,), reply_url=f"{self.base}/inbox")
        async with new_client() as client:
            for _ in range(times):
                await WebhookSender({"acme": desk}, client).send(entry)


async def has(world: World, conversation_id: ConversationId) -> bool:
    return conversation_id in world.conversations.conversations


async def until(holds: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(120):
        while not await holds():  # noqa: ASYNC110  what is awaited happens in another program
            await asyncio.sleep(0.02)


@asynccontextmanager
async def started_desk(data_dir: Path, innkeeper: str, source: str = "acme") -> AsyncIterator[Desk]:
    settings = DeskSettings(
        data_dir=data_dir, webhook_url=f"{innkeeper}/webhooks/{source}", secret=SECRET, first_retry_s=0.02, longest_retry_s=0.1
    )
    async with served(create_desk(settings)) as base, httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield Desk(base, client)


@pytest.fixture
async def desk(world: World, tmp_path: Path) -> AsyncIterator[Desk]:
    async with started_desk(tmp_path, world.base) as desk:
        yield desk


async def test_a_question_goes_round_and_the_reply_is_shown_once(desk: Desk, world: World):
    ticket = await desk.write("How much do I get back?")
    await desk.take(world, ticket, Decision.ANSWER, times=3)
    shown = await desk.get(f"/tickets/{ticket}")
    assert [m["author"] for m in shown["messages"]] == ["customer", "bot"]
    assert shown["status"] == "answered"
    assert shown["messages"][1]["event"]["citations"][0]["quote"] == QUOTE
    (outcome,) = await desk.get("/outcomes")
    assert (outcome["type"], outcome["ticket_id"], outcome["repeats"]) == ("agent.reply.sent", ticket, 2)


async def test_a_hand_off_and_a_persons_answer(desk: Desk, world: World):
    ticket = await desk.write("A person, please")
    await desk.take(world, ticket, Decision.HANDOFF)
    assert (await desk.get(f"/tickets/{ticket}"))["status"] == "person"
    await desk.write("Hello, Mia here.", ticket, author="agent")
    conversation_id = ConversationId(f"acme:{ticket}")

    async def person_is_known() -> bool:
        return (await world.conversations.read(conversation_id)).messages[-1].author is Author.HUMAN_AGENT

    await until(person_is_known)
    await desk.write("Thanks!", ticket)
    assert (await desk.get("/tickets"))[0]["status"] == "person"


@pytest.mark.parametrize(("ruling", "told"), [({"approved": True, "text": "Yes!"}, "Yes!"), ({"approved": False}, "declined")])
async def test_a_proposed_reply_is_ruled_on_once(desk: Desk, world: World, ruling, told):
    ticket = await desk.write("Dogs?")
    await desk.take(world, ticket, Decision.DRAFT)
    url, body = f"{desk.base}/tickets/{ticket}/ruling", {"run_id": "run-1"} | ruling
    assert (await desk.client.post(url, json=body)).status_code == 200
    assert (await desk.client.post(url, json=body)).status_code == 409

    async def is_decided() -> bool:
        return world.approvals.decided == {(f"acme:{ticket}", "run-1"): told}

    await until(is_decided)


async def test_messages_wait_for_innkeeper_to_start_even_over_a_restart_of_the_desk(tmp_path: Path):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    innkeeper = f"http://127.0.0.1:{port}"
    async with started_desk(tmp_path, innkeeper) as desk:
        ticket = await desk.write("Anyone there?")

        async def was_tried() -> bool:
            return (await desk.get(f"/tickets/{ticket}"))["deliveries"][0]["attempts"] > 2

        await until(was_tried)
    async with started_world(InMemoryConversations(), at=port) as world, started_desk(tmp_path, innkeeper) as desk:
        await until(lambda: has(world, ConversationId(f"acme:{ticket}")))
        assert len(world.queue.turns) == 1


async def test_a_503_is_tried_again(tmp_path: Path):
    class Recovering(InMemoryConversations):
        failures = 3

        async def append(self, ticket: Any, message: Any) -> bool:
            if self.failures:
                self.failures -= 1
                raise QueueUnavailable("not yet")
            return await super().append(ticket, message)

    async with started_world(Recovering()) as world, started_desk(tmp_path, world.base) as desk:
        ticket = await desk.write("Hello?")
        await until(lambda: has(world, ConversationId(f"acme:{ticket}")))

        async def is_confirmed() -> bool:
            return (await desk.get(f"/tickets/{ticket}"))["deliveries"][0]["state"] == "delivered"

        await until(is_confirmed)
        assert (await desk.get(f"/tickets/{ticket}"))["deliveries"][0]["attempts"] == 4


async def test_a_refused_message_is_not_tried_again_and_says_why(world: World, tmp_path: Path):
    async with started_desk(tmp_path, world.base, source="stranger") as desk:
        ticket = await desk.write("Hello?")

        async def is_refused() -> bool:
            return (await desk.get(f"/tickets/{ticket}"))["deliveries"][0]["state"] == "refused"

        await until(is_refused)
        assert "source_unknown" in (await desk.get(f"/tickets/{ticket}"))["deliveries"][0]["error"]


async def test_the_inbox_takes_only_what_is_signed_and_known(desk: Desk, world: World):
    body = b'{"type":"agent.reply.sent","data":{"ticket_id":"T-NONE"}}'
    unsigned = await desk.client.post(f"{desk.base}/inbox", content=body)
    unknown = await desk.client.post(f"{desk.base}/inbox", content=body, headers=Signer(SECRET).headers("m", body))
    broken = await desk.client.post(f"{desk.base}/inbox", content=b"[]", headers=Signer(SECRET).headers("m", b"[]"))
    assert [r.status_code for r in (unsigned, unknown, broken)] == [401, 404, 422]
    ticket = await desk.write("Hello?")
    with pytest.raises(HelpdeskRefused):
        await Desk(f"{desk.base}/nowhere", desk.client).take(world, ticket, Decision.ANSWER)
    assert await desk.get("/outcomes") == []


async def test_bad_requests_are_told(desk: Desk):
    for path, body, status in [("/tickets", {"text": " "}, 422), ("/tickets/T-NONE/messages", {"text": "a"}, 404)]:
        response = await desk.client.post(desk.base + path, json=body)
        assert (response.status_code, set(response.json())) == (status, {"error"})
