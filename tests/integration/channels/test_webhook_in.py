import asyncio
import json

import pytest

from agent.types import Author
from tests.integration.channels.world import SECRET, World, message_event

pytestmark = pytest.mark.slow


def code(response) -> str:
    error = response.json()["error"]
    assert set(error) == {"code", "message"}
    assert error["message"]
    return error["code"]


async def test_a_customers_message_is_stored_and_queued(world: World):
    response = await world.deliver(message_event())
    assert (response.status_code, response.json()) == (202, {"status": "accepted"})
    conversation = await world.conversations.read("acme:T-81")
    assert (conversation.source, conversation.ticket_id, conversation.subject) == ("acme", "T-81", "Late parcel")
    message = conversation.messages[0]
    assert (message.author, message.text, message.visible) == (Author.CUSTOMER, "Where is my order?", True)
    assert message.sent_at == "2026-01-05T09:00:00.000Z"
    assert world.queue.turns == [("acme:T-81", "M-104")]


async def test_a_repeat_is_acknowledged_and_not_stored_twice(world: World):
    await world.deliver(message_event())
    response = await world.deliver(message_event())
    assert (response.status_code, response.json()) == (202, {"status": "duplicate"})
    assert len((await world.conversations.read("acme:T-81")).messages) == 1
    assert world.queue.turns == [("acme:T-81", "M-104")]


async def test_a_repeat_queues_the_turn_that_a_crash_had_lost(world: World):
    await world.deliver(message_event())
    world.queue.turns.clear()
    await world.deliver(message_event())
    assert world.queue.turns == [("acme:T-81", "M-104")]


async def test_many_repeats_at_once_make_one_message(world: World):
    responses = await asyncio.gather(*(world.deliver(message_event()) for _ in range(20)))
    assert sorted(r.json()["status"] for r in responses) == ["accepted"] + ["duplicate"] * 19


@pytest.mark.parametrize(
    ("body", "changes", "status", "expected"),
    [
        (message_event(), {"secret": SECRET.replace("YSB", "YTB")}, 401, "signature_invalid"),
        (message_event(), {"age_s": 4000}, 401, "signature_invalid"),
        (message_event(), {"age_s": -4000}, 401, "signature_invalid"),
        (message_event(), {"source": "nobody"}, 404, "source_unknown"),
        (b'{"type": "ticket.mess', {}, 400, "json_invalid"),
        (b"[" * 100_000, {}, 400, "json_invalid"),
        (b'{"type":"x","data":{"a":NaN}}', {}, 400, "json_invalid"),
        (b'["not", "an", "envelope"]', {}, 422, "payload_invalid"),
        (b'{"type": 7}', {}, 422, "payload_invalid"),
        (message_event(text=""), {}, 422, "payload_invalid"),
        (message_event(text=" \x00\x07 "), {}, 422, "payload_invalid"),
        (message_event(text="x" * 20_001), {}, 422, "payload_invalid"),
        (message_event(ticket_id=""), {}, 422, "payload_invalid"),
        (message_event(ticket_id="T\n81"), {}, 422, "payload_invalid"),
        (message_event(message_id=None), {}, 422, "payload_invalid"),
        (message_event(author={"kind": "wizard"}), {}, 422, "payload_invalid"),
        (message_event(visibility="secret"), {}, 422, "payload_invalid"),
        (message_event().replace(b"2026-01-05T09:00:00.000Z", b"yesterday"), {}, 422, "payload_invalid"),
        (message_event(text="x" * 2_000_000), {}, 413, "body_too_large"),
    ],
)
async def test_what_is_wrong_is_refused_and_leaves_nothing(world: World, body, changes, status, expected):
    response = await world.deliver(body, **changes)
    assert (response.status_code, code(response)) == (status, expected)
    assert world.nothing_happened()


async def test_a_body_without_announced_length_is_cut_at_the_limit(world: World):
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 50_000_000:
            sent += 65_536
            yield b" " * 65_536

    response = await world.client.post(f"{world.base}/webhooks/acme", content=endless())
    assert (response.status_code, code(response)) == (413, "body_too_large")
    assert world.nothing_happened()


async def test_an_unsigned_delivery_is_refused(world: World):
    response = await world.client.post(f"{world.base}/webhooks/acme", content=message_event())
    assert (response.status_code, code(response)) == (401, "signature_invalid")


async def test_redis_down_asks_the_sender_to_repeat_and_names_no_address(world_without_redis: World):
    response = await world_without_redis.deliver(message_event())
    assert (response.status_code, code(response)) == (503, "queue_unavailable")
    assert int(response.headers["retry-after"]) > 0
    assert "10.1.2.3" not in response.text
    assert world_without_redis.nothing_happened()


@pytest.mark.parametrize(
    ("changes", "author", "visible"),
    [
        ({"author": {"kind": "agent"}}, Author.HUMAN_AGENT, True),
        ({"author": {"kind": "agent"}, "visibility": "internal"}, Author.HUMAN_AGENT, False),
        ({"visibility": "internal"}, Author.CUSTOMER, False),
    ],
)
async def test_what_needs_no_reply_is_stored_without_a_turn(world: World, changes, author, visible):
    response = await world.deliver(message_event(**changes))
    assert response.json() == {"status": "accepted"}
    message = (await world.conversations.read("acme:T-81")).messages[0]
    assert (message.author, message.visible) == (author, visible)
    assert world.queue.turns == []


@pytest.mark.parametrize(
    "body",
    [
        message_event(author={"kind": "bot"}),
        message_event(author={"kind": "system"}),
        message_event(author={"kind": "agent"}, generated_by="ai"),
        b'{"type": "ticket.tag.added", "data": {"anything": [1]}}',
    ],
)
async def test_programs_and_other_events_are_acknowledged_and_ignored(world: World, body):
    response = await world.deliver(body)
    assert (response.status_code, response.json()) == (202, {"status": "ignored"})
    assert world.nothing_happened()


async def test_html_alone_becomes_text(world: World):
    html = "<html><head><style>p{}</style></head><body><p>Hello,</p><p>where is\n my <b>order</b>?<br>Thanks</p></body></html>"
    await world.deliver(message_event(text=None, html=html))
    assert (await world.conversations.read("acme:T-81")).messages[0].text == "Hello,\n\nwhere is my order?\nThanks"


def decided(kind: str, **data: object) -> bytes:
    return json.dumps({"type": kind, "data": {"ticket_id": "T-81"} | data}).encode()


async def test_approvals_are_handed_on_once(world: World):
    first = await world.deliver(decided("agent.reply.approved", run_id="r1", text="My words"))
    again = await world.deliver(decided("agent.reply.approved", run_id="r1"))
    await world.deliver(decided("agent.reply.approved", run_id="r2"))
    await world.deliver(decided("agent.reply.declined", run_id="r3"))
    assert (first.json(), again.json()) == ({"status": "accepted"}, {"status": "duplicate"})
    assert world.approvals.decided == {
        ("acme:T-81", "r1"): "My words",
        ("acme:T-81", "r2"): None,
        ("acme:T-81", "r3"): "declined",
    }
    assert (await world.deliver(decided("agent.reply.approved", run_id="r4", text=" "))).status_code == 422
    assert world.approvals.by == [""] * 4


async def test_who_has_decided_is_handed_on(world: World):
    await world.deliver(decided("agent.reply.approved", run_id="r1", decided_by=17))
    await world.deliver(decided("agent.reply.declined", run_id="r2", decided_by="agent 18"))
    assert world.approvals.by == ["17", "agent 18"]
    for odd in ("", " 17", "1\n2026-01-01 action_done", "x" * 201, ["17"]):
        refused = await world.deliver(decided("agent.reply.approved", run_id="r3", decided_by=odd))
        assert (refused.status_code, "data.decided_by" in refused.text) == (422, True)


async def test_routing_errors_have_the_same_form(world: World):
    missing = await world.client.get(f"{world.base}/nowhere")
    wrong = await world.client.get(f"{world.base}/webhooks/acme")
    assert (missing.status_code, code(missing)) == (404, "not_found")
    assert (wrong.status_code, code(wrong)) == (405, "method_not_allowed")
