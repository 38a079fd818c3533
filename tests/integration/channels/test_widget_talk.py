"""A conversation in the widget, from the first session to a person: over real HTTP and a real Redis."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator

import pytest

from agent.adapters.redis_shards import shard_key, tag_of
from agent.channels.desk_markup import TAGS
from agent.types import Author, ConversationId
from tests.integration.channels.widget_world import FACT, QUESTION, SHOP, WidgetWorld, widget_world

pytestmark = pytest.mark.slow
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
async def world(redis_url: str) -> AsyncIterator[WidgetWorld]:
    async with widget_world(redis_url) as world:
        yield world


def stored_at(cid: str) -> str:
    """What the keys of a conversation of the widget begin with."""
    return shard_key(tag_of(f"widget:{cid}"), f"widget:{cid}")


def check_tree(tree: object) -> None:
    """Texts and elements of the known tags, and nothing else."""
    assert isinstance(tree, list)
    for part in tree:
        if not isinstance(part, str):
            assert isinstance(part, list)
            assert part[0] in TAGS
            check_tree(part[1:])


async def test_a_session_tells_the_site_and_no_more(world: WidgetWorld) -> None:
    body = await world.browser().begin(locale="de-DE", name="Emily")
    assert set(body) == {"session", "expires_at", "verified", "conversation", "site"}
    assert (body["verified"], body["conversation"]) == (False, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["expires_at"])
    assert len(body["session"]) >= 43
    assert body["site"] == {
        "name": "Shop",
        "greeting": "Hello!",
        "privacy_url": "https://shop.example/privacy",
        "disclosure": "A machine.",
        "suggestions": ["Can I bring a dog?"],
        "person": {"open": False, "note": "Weekdays from 9 to 5"},
    }


async def test_a_question_is_answered_with_honest_progress_and_verified_words(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", cid)
    async with browser.events(cid) as stream:
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-cache, no-transform"
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert stream.response.headers["access-control-allow-origin"] == SHOP
        key = str(uuid.uuid4())
        response = await browser.say(cid, key=key)
        assert response.status_code == 202
        events = await stream.until("message.completed")
    created, *rest = events
    assert created[0] == "message.created"
    assert (created[1]["id"], created[1]["client_id"], created[1]["role"]) == (response.json()["id"], key, "customer")
    stages = [data["stage"] for name, data in rest if name == "progress"]
    assert stages == ["received", "searching", "writing", "checking"]
    deltas = [data for name, data in rest if name == "message.delta"]
    whole = rest[-1][1]
    assert [delta["seq"] for delta in deltas] == list(range(len(deltas)))
    assert {delta["id"] for delta in deltas} == {whole["id"]}
    assert f"{FACT} [1]" in whole["text"]
    assert (whole["role"], whole["lang"], whole["citations"][0]["n"]) == ("assistant", "en", 1)
    history = await browser.messages(cid)
    assert history["messages"] == [created[1], whole]
    assert history["last_event_id"] == stream.last_id
    assert history["state"] == {"person": None, "person_name": None, "closed": False, "note": None}


async def test_the_same_key_adds_nothing_however_often_it_comes(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    key = str(uuid.uuid4())
    responses = await asyncio.gather(*(browser.say(cid, text, key) for text in ("one", "two", "one", "one")))
    assert len({response.json()["id"] for response in responses}) == 1
    await world.worker.drain()
    messages = (await browser.messages(cid))["messages"]
    assert [m["role"] for m in messages].count("customer") == 1
    stored = (await world.conversations.read(ConversationId(f"widget:{cid}"))).messages
    assert [m.text for m in stored if m.author is Author.CUSTOMER] == [m["text"] for m in messages if m["role"] == "customer"]


async def test_a_repeat_mends_what_a_crash_left_out_in_the_words_that_were_stored(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    world.worker.is_paused = True
    key = str(uuid.uuid4())
    first = await browser.say(cid, "stored words", key)
    from agent.adapters.redis_clients import redis_client

    async with redis_client(world.redis_url) as redis:  # as if the process had died before it published
        await redis.delete(*[k async for k in redis.scan_iter(f"{stored_at(cid)}:*") if not k.endswith(":about")])
    assert (await browser.messages(cid))["messages"] == []
    again = await browser.say(cid, "other words", key)
    assert again.json() == first.json()
    assert [m["text"] for m in (await browser.messages(cid))["messages"]] == ["stored words"]
    assert world.worker.asked == [first.json()["id"]] * 2


async def test_a_card_is_gone_before_it_is_stored_or_shown(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    await browser.say(cid, "I paid with 4111 1111 1111 1111. " + QUESTION)
    await world.worker.drain()
    shown = [m["text"] for m in (await browser.messages(cid))["messages"] if m["role"] == "customer"]
    assert shown == [f"I paid with [payment card]. {QUESTION}"]
    from agent.adapters.redis_clients import redis_client

    async with redis_client(world.redis_url) as redis:
        kept = [await redis.dump(key) async for key in redis.scan_iter("*")]
    assert not [value for value in kept if b"4111 1111" in (value or b"")]
    stored = (await world.conversations.read(ConversationId(f"widget:{cid}"))).messages
    assert [m.text for m in stored if m.author is Author.CUSTOMER] == shown


async def test_a_follow_up_is_asked_in_the_same_conversation(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    await browser.say(cid)
    await world.worker.drain()
    await browser.say(cid, "And two dogs, per night?")
    await world.worker.drain()
    assert [m["role"] for m in (await browser.messages(cid))["messages"]] == ["customer", "assistant"] * 2


async def test_two_tabs_see_the_same(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    async with browser.events(cid) as one, browser.events(cid) as two:
        await browser.say(cid)
        assert await one.until("message.completed") == await two.until("message.completed")


async def test_a_stream_goes_on_where_it_stopped(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    async with browser.events(cid) as stream:
        await browser.say(cid)
        seen = [await stream.next() for _ in range(3)]
        last = stream.last_id
    await world.worker.drain()
    async with browser.events(cid, after=last) as stream:
        seen += await stream.until("message.completed")
    async with browser.events(cid, after="0-0") as stream:
        assert await stream.until("message.completed") == seen
    url = f"{browser.base}/widget/conversations/{cid}/events?after={last}"
    async with world.client.stream("GET", url, headers=browser.headers()) as response:
        lines = response.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        assert await anext(lines) == ""
        assert (await anext(lines)).startswith("id: ")


async def test_an_id_that_is_kept_no_more_asks_for_all_messages(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    await browser.say(cid)
    await world.worker.drain()
    last = (await browser.messages(cid))["last_event_id"]
    async with browser.events(cid, after="999999999999999-1") as stream:
        assert await stream.next() == ("resync", {})
        assert stream.last_id == last
        await browser.say(cid, "And a cat?")
        assert (await stream.next())[0] == "message.created"


async def test_a_heartbeat_keeps_the_connection_and_looks_for_what_was_missed(redis_url: str) -> None:
    async with widget_world(redis_url, heartbeat_s=0.2) as world:
        browser, cid = await world.talk()
        async with browser.events(cid) as stream:
            await asyncio.sleep(0.7)
            from agent.adapters.redis_clients import redis_client

            async with redis_client(redis_url) as redis:  # as if the wake-up had been lost
                await redis.xadd(f"{stored_at(cid)}:events", {"e": "progress", "d": '{"stage":"searching"}'})
            assert await stream.next() == ("progress", {"stage": "searching"})
            assert len(stream.comments) >= 2
            assert set(stream.comments) == {": hb"}


async def test_thumbs_can_change_and_other_tabs_see_it(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    await browser.say(cid)
    await world.worker.drain()
    reply = (await browser.messages(cid))["messages"][-1]
    assert reply["feedback"] is None
    path = f"/widget/conversations/{cid}/messages/{reply['id']}/feedback"
    async with browser.events(cid) as stream:
        for body in ({"value": "up"}, {"value": "down", "reason": "wrong", "comment": "It is €15"}):
            assert (await browser.post(path, body)).status_code == 204
            assert await stream.next() == ("message.feedback", {"id": reply["id"], "value": body["value"]})
    assert (await browser.messages(cid))["messages"][-1]["feedback"] == "down"
    missing = await browser.post(path.replace("out_", "out_x"), {"value": "up"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "message_missing")
    mine = (await browser.messages(cid))["messages"][0]["id"]
    assert (await browser.post(path.replace(reply["id"], mine), {"value": "up"})).status_code == 404


async def test_the_button_for_a_person_ends_in_one_hand_off(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    await browser.say(cid)
    await world.worker.drain()
    before = (await browser.messages(cid))["messages"]
    path, key = f"/widget/conversations/{cid}/handoff", str(uuid.uuid4())
    async with browser.events(cid) as stream:
        asked = [browser.post(path, {"email": "a@b.example"}, idempotency_key=one) for one in (key, key, str(uuid.uuid4()))]
        assert [response.status_code for response in await asyncio.gather(*asked)] == [202] * 3
        events = await stream.until("handoff.requested")
    await world.worker.drain()
    state = events[-1][1]
    assert (state["person"], state["closed"]) == ("requested", False)
    assert state["note"].startswith("Your request for a person is noted")
    history = await browser.messages(cid)
    assert (history["messages"], history["state"]) == (before, state)
    conversation = await world.conversations.read(ConversationId(f"widget:{cid}"))
    assert conversation.handed_off
    assert [m.author for m in conversation.messages] == [Author.CUSTOMER, Author.ASSISTANT]
    async with browser.events(cid, after="0-0") as stream:
        assert [name for name, _ in await stream.until("handoff.requested")].count("handoff.requested") == 1


async def test_the_button_works_with_no_message_and_then_the_assistant_is_silent(world: WidgetWorld) -> None:
    browser = world.browser()
    await browser.begin(locale="de")
    cid = await browser.converse()
    async with browser.events(cid) as stream:
        asked = await browser.post(f"/widget/conversations/{cid}/handoff", {}, idempotency_key=str(uuid.uuid4()))
        assert asked.status_code == 202
        state = (await stream.until("handoff.requested"))[-1][1]
        assert state["note"].startswith("Ihr Wunsch nach einem Menschen ist notiert")
        await browser.say(cid)
        events = [await stream.next() for _ in range(3)]
    assert [(name, data.get("stage")) for name, data in events[1:]] == [("progress", "received"), ("progress", "idle")]
    assert not world.chat.prompts


async def test_a_person_answers_and_closes(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    world.worker.is_paused = True
    await browser.say(cid)
    async with browser.events(cid) as stream:
        await world.people.say(cid, "desk-1", f"Hello {ATTACK}", "2026-11-24T10:00:00Z", "Emily <b>")
        await world.people.close(cid, "closed-1")
        events = await stream.until("conversation.closed")
    joined, created = events[-3:-1]
    assert (joined[0], joined[1]["person"], joined[1]["person_name"]) == ("handoff.joined", "joined", "Emily <b>")
    assert (created[1]["role"], created[1]["name"], created[1]["tree"]) == ("person", "Emily <b>", [["p", f"Hello {ATTACK}"]])
    refused = await browser.say(cid)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conversation_closed")
    assert (await browser.messages(cid))["state"]["closed"]


async def test_script_comes_back_as_text_only(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    await browser.say(cid, f"{QUESTION}\n**{ATTACK}** [x](javascript:alert(1))")
    await world.worker.drain()
    async with browser.events(cid, after="0-0") as stream:
        events = await stream.until("message.completed")
    messages = (await browser.messages(cid))["messages"]
    for tree in [data["tree"] for _, data in events if "tree" in data] + [message["tree"] for message in messages]:
        check_tree(tree)
    assert f"**{ATTACK}** [x](javascript:alert(1))" in messages[0]["tree"][0]
    citation = messages[1]["citations"][0]
    assert (citation["url"], citation["title"]) == (None, "Dogs <script>alert(1)</script>")
    raw = await browser.get(f"/widget/conversations/{cid}/messages")
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert json.loads(raw.text)["messages"] == messages
