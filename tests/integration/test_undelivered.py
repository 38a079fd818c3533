"""`innkeeper undelivered` on real Redis."""

import json

import pytest
from typer.testing import CliRunner

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.cli import app
from agent.types import Decision, RunId
from tests.samples import TICKET, message, outcome


async def set_aside(url: str) -> None:
    async with redis_client(url) as client:
        conversations, outbox = RedisConversations(client), RedisOutbox(client)
        await conversations.append(TICKET, message("m1"))
        read = await conversations.read(TICKET.conversation_id)
        entry = await conversations.commit(read, RunId("r1"), outcome(Decision.HANDOFF, "A colleague comes. [b]"))
        assert entry is not None
        await outbox.settle(entry.key, delivered=False, detail="the site 'shop' names no helpdesk for hand-offs")


async def test_what_was_set_aside_is_listed_with_its_reason(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setenv("INNKEEPER_REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()
    empty = await asyncio.to_thread(runner.invoke, app, ["undelivered"])
    assert empty.exit_code == 0
    assert "every reply and every hand-off was taken" in empty.output
    await set_aside(redis_url)
    shown = await asyncio.to_thread(runner.invoke, app, ["undelivered"])
    assert shown.exit_code == 0, shown.output
    assert "desk:7" in shown.output
    assert "names no helpdesk" in shown.output
    [line] = (await asyncio.to_thread(runner.invoke, app, ["undelivered", "--json"])).output.splitlines()
    body = json.loads(line)
    assert (body["conversation_id"], body["outcome"]["decision"]) == ("desk:7", "handoff")
    assert "names no helpdesk" in body["why"]
