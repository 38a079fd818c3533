"""A widget's hand-off to a helpdesk that is known by the generic webhook: the demo desk, a real one, over real HTTP and Redis."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.channels.demo_desk import DeskSettings, create_desk
from agent.channels.standard_webhooks import Signer
from agent.channels.widget.states import note
from agent.types import ConversationId
from tests.integration.channels.widget_world import FACT, QUESTION, Browser, WidgetWorld, widget_world
from tests.integration.channels.world import SECRET, served
from tests.servers import free_port

pytestmark = pytest.mark.slow
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)> [a](javascript:alert(1))"
PERSON = "I'd like to talk to a real person, please."


@dataclass
class Desk:
    """The demo desk, and Innkeeper with the widget before it."""

    world: WidgetWorld
    url: str

    async def get(self, path: str) -> Any:
        return (await self.world.client.get(self.url + path)).raise_for_status().json()

    async def answers(self, ticket_id: str, text: str, author: str = "agent") -> None:
        body = {"text": text, "author": author}
        (await self.world.client.post(f"{self.url}/tickets/{ticket_id}/messages", json=body)).raise_for_status()

    async def notes(self, ticket_id: str) -> list[str]:
        return [one["event"]["summary"] for one in (await self.get(f"/tickets/{ticket_id}"))["messages"] if one["event"]]

    async def tells(self, source: str = "desk", kind: str = "ticket.message.created", **data: Any) -> httpx.Response:
        """A webhook of any helpdesk's."""
        body = json.dumps({"type": kind, "timestamp": "2026-01-05T09:00:00Z", "data": data}).encode()
        headers = Signer(SECRET).headers(f"msg_{uuid.uuid4().hex}", body)
        url = f"{self.world.replicas[0].base}/webhooks/{source}"
        return await self.world.client.post(url, content=body, headers=headers)


@pytest.fixture
async def desk(redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with widget_world(redis_url, desk_url=url) as world:
        webhook = f"{world.replicas[0].base}/webhooks/desk"
        app = create_desk(DeskSettings(data_dir=tmp_path, webhook_url=webhook, secret=SECRET))
        async with served(app, port):
            yield Desk(world, url)


@asynccontextmanager
async def handed_off(desk: Desk, **identity: Any) -> AsyncIterator[tuple[Browser, str, Any]]:
    """A conversation that is with people, its id, and its open events."""
    browser = desk.world.browser()
    await browser.begin(**identity)
    cid = await browser.converse()
    async with browser.events(cid) as stream:
        await browser.say(cid, PERSON)
        await stream.until("handoff.requested")
        await desk.world.worker.drain()
        yield browser, cid, stream


async def test_bubble_and_strip_say_the_same_and_the_desk_has_it(desk: Desk) -> None:
    async with handed_off(desk) as (browser, cid, _):
        history = await browser.messages(cid)
        assert "who will reply to you here" in history["messages"][-1]["text"]
        assert (history["state"]["person"], history["state"]["note"]) == ("requested", note("passed_on", "en"))
        assert [ticket["id"] for ticket in await desk.get("/tickets")] == [cid]
        ticket = await desk.get(f"/tickets/{cid}")
        assert (ticket["status"], ticket["subject"]) == ("person", PERSON)
        assert PERSON in (await desk.notes(cid))[0]


async def test_words_go_both_ways_each_once(desk: Desk) -> None:
    async with handed_off(desk) as (browser, cid, stream):
        for text in ("It is number 42.", "And it is late."):
            await browser.say(cid, text)
            await desk.world.worker.drain()
        assert [one.splitlines()[-1] for one in (await desk.notes(cid))[1:]] == ["It is number 42.", "And it is late."]
        await desk.world.worker.before_turn(ConversationId(f"widget:{cid}"))  # type: ignore[misc]
        assert len(await desk.get("/outcomes")) == 3
        assert sum(one["repeats"] for one in await desk.get("/outcomes")) == 0
        await desk.answers(cid, f"Hello {ATTACK}")
        (joined, shown) = (await stream.until("handoff.joined"))[-1][1], (await stream.next())[1]
        assert (joined["person"], joined["note"]) == ("joined", note("joined", "en"))
        assert (shown["role"], shown["tree"]) == ("person", [["p", f"Hello {ATTACK}"]])
        await browser.say(cid, "Thank you!")
        await desk.world.worker.drain()
        assert (await desk.notes(cid))[-1].endswith("Thank you!")
        assert len(desk.world.chat.prompts) == 0  # the assistant is silent


@pytest.mark.parametrize("has_asked", [False, True])
async def test_the_button_with_or_without_a_word_before_it_and_an_address(desk: Desk, has_asked: bool) -> None:
    browser, cid = await desk.world.talk()
    if has_asked:
        await browser.say(cid)
        await desk.world.worker.drain()
    path, key = f"/widget/conversations/{cid}/handoff", str(uuid.uuid4())
    assert (await browser.post(path, {"email": "mia@example.com"}, idempotency_key=key)).status_code == 202
    await desk.world.worker.drain()
    [told] = await desk.notes(cid)
    assert "Reach the customer at: mia@example.com" in told
    assert (QUESTION in told, FACT in told) == (has_asked, has_asked)
    await browser.say(cid, "Is anybody there?")
    await desk.world.worker.drain()
    assert (await desk.notes(cid))[1:] == ["The customer writes in the chat:\nIs anybody there?"]


async def test_an_address_that_is_left_later_is_told_later(desk: Desk) -> None:
    async with handed_off(desk) as (browser, cid, _):
        path, key = f"/widget/conversations/{cid}/handoff", str(uuid.uuid4())
        for _ in range(2):
            assert (await browser.post(path, {"email": "mia@example.com"}, idempotency_key=key)).status_code == 202
            await desk.world.worker.drain()
        assert (await desk.notes(cid))[1:] == ["The customer writes in the chat:\nmia@example.com"]
        history = await browser.messages(cid)
        assert (history["messages"][-1]["role"], history["messages"][-1]["text"]) == ("customer", "mia@example.com")
        assert history["state"]["note"] == note("passed_on", "en")


async def test_the_customers_name_is_told_as_what_it_is_and_runs_nowhere(desk: Desk) -> None:
    name = "Mia <script>alert(1)</script>\nCustomer asks: everything"
    async with handed_off(desk, name=name) as (_, cid, _):
        [told] = await desk.notes(cid)
        assert "Name, as the page gives it: Mia <script>alert(1)</script> Customer asks: everything" in told.splitlines()
        page = await desk.world.client.get(desk.url)
        assert "script-src 'nonce-" in page.headers["content-security-policy"]


async def test_what_is_internal_or_the_customers_own_stays_in_the_desk(desk: Desk) -> None:
    async with handed_off(desk) as (browser, cid, _):
        before = await browser.messages(cid)
        for n, (kind, visibility) in enumerate([("agent", "internal"), ("customer", "public"), ("bot", "public")]):
            told = await desk.tells(
                ticket_id=cid, message_id=f"M-{n}", author={"kind": kind}, visibility=visibility, text="Not for the chat"
            )
            assert (told.status_code, told.json()) == (202, {"status": "ignored"})
        await desk.world.worker.drain()
        assert await browser.messages(cid) == before


async def test_another_helpdesk_has_no_say_in_it(desk: Desk) -> None:
    async with handed_off(desk) as (browser, cid, _):
        before = await browser.messages(cid)
        more = {"ticket_id": cid, "message_id": "M-1", "author": {"kind": "agent"}, "text": "I'm from the bank."}
        assert (await desk.tells("stranger", **more)).status_code == 202
        assert (await desk.tells("stranger", kind="conversation.closed", ticket_id=cid)).status_code == 202
        assert await browser.messages(cid) == before
        told = [(await desk.tells(**more)).json()["status"] for _ in range(2)]
        assert told == ["accepted", "duplicate"]


async def test_a_ticket_that_is_closed_there_closes_the_chat(desk: Desk) -> None:
    async with handed_off(desk) as (browser, cid, stream):
        for _ in range(2):
            assert (await desk.tells(kind="conversation.closed", ticket_id=cid)).status_code == 202
        assert (await stream.until("conversation.closed"))[-1][1]["closed"]
        assert (await browser.say(cid, "One more thing")).status_code == 409


async def test_a_desk_that_is_away_gets_everything_once_when_it_is_back(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    from agent.errors import HelpdeskUnavailable

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with widget_world(redis_url, desk_url=url) as world:
        browser, cid = await world.talk()
        asked = await browser.post(f"/widget/conversations/{cid}/handoff", {}, idempotency_key=str(uuid.uuid4()))
        assert asked.status_code == 202
        with pytest.raises(HelpdeskUnavailable):
            await world.worker.drain()
        assert (await browser.messages(cid))["state"]["note"] == note("noted", "en")
        await browser.say(cid, "It is number 42.")
        await world.worker.drain()
        app = create_desk(DeskSettings(data_dir=tmp_path / "back", webhook_url=f"{url}/x", secret=SECRET))
        async with served(app, port):
            back = Desk(world, url)
            [owed] = await world.worker.outbox.pending()
            await world.worker.add_delivery(owed)
            await asyncio.sleep(0)
            await world.worker.drain()
            assert (await back.notes(cid))[1:] == ["The customer writes in the chat:\nIt is number 42."]
