"""`innkeeper replay` over a real Redis and a real knowledge base: what was sent then, beside what would be sent now."""

import asyncio
import datetime as dt
import json
from pathlib import Path

import pytest
import redis

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_store import RedisConversations
from agent.adapters.shadow import RedisShadowRecords
from agent.ports import ShadowRecord, Ticket
from agent.types import Author, ConversationId, Decision, Message, MessageId, RunId
from tests.integration.evaluation.asked import CAT, DOG, PERSON, fill, run, scripted
from tests.samples import outcome
from tests.servers import free_port

pytestmark = pytest.mark.slow
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("replay"))


async def recorded(url: str) -> None:
    """A dog that cost €10 then, a person asked for, and two that shadow mode has decided: one long ago."""
    async with redis_client(url) as client:
        conversations = RedisConversations(client)
        for number, text, ended in (
            (1, DOG, outcome(answer="A dog costs €10 [1].")),
            (2, PERSON, outcome(Decision.HANDOFF, "Soon.")),
        ):
            ticket = Ticket(ConversationId(f"acme:{number}"), "acme", str(number))
            await conversations.append(ticket, Message(MessageId("1"), Author.CUSTOMER, text, NOW.isoformat()))
            conversation = await conversations.read(ticket.conversation_id)
            assert await conversations.commit(conversation, RunId(f"run-{number}"), ended)
        shadow = RedisShadowRecords(client)
        for name, at in (("new", NOW), ("old", NOW - dt.timedelta(days=30))):
            said = (Message(MessageId("1"), Author.CUSTOMER, CAT, at.isoformat()),)
            await shadow.record(ShadowRecord(RunId(name), ConversationId("acme:3"), at, said, outcome(Decision.HANDOFF, "Soon.")))


def everything(url: str) -> dict[str, object]:
    """All that is in Redis."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return {key: _value(client, key) for key in sorted(client.scan_iter())}


def _value(client: redis.Redis, key: str) -> object:
    read = {"hash": client.hgetall, "set": client.smembers, "string": client.get}
    kind = client.type(key)
    if kind == "list":
        return client.lrange(key, 0, -1)
    if kind == "zset":
        return client.zrange(key, 0, -1, withscores=True)
    return read[kind](key)


def test_it_shows_the_difference_and_leaves_everything_as_it_was(data: Path, redis_url: str, tmp_path: Path):
    asyncio.run(recorded(redis_url))
    before = everything(redis_url)
    with scripted() as (_, settings):
        known = {**settings, "INNKEEPER_REDIS_URL": redis_url}
        done = run(data, "replay", "--since", "7d", "--json", "--report", str(tmp_path / "page.html"), **known)
        assert done.returncode == 0, done.stderr
        body = json.loads(done.stdout)
        people = run(data, "replay", "--limit", "2", **known)
        again = run(data, "replay", "--out", str(tmp_path / "run.jsonl"), "--json", **known)
        kept = run(data, "replay", "--out", str(tmp_path / "run.jsonl"), "--json", **known)
    assert everything(redis_url) == before
    assert {one["id"] for one in body["cases"]} == {"run-1", "run-2", "new"}
    changes = {one["id"]: one for one in body["comparison"]["changes"]}
    assert (changes["run-1"]["before"]["decision"], changes["run-1"]["turn"]) == (None, "changed")
    assert "€10" in changes["run-1"]["before"]["answer"]
    assert "A dog costs €12 per night." in changes["run-1"]["after"]["answer"]
    assert changes["new"]["before"]["decision"] == "handoff"
    assert changes["new"]["after"]["decision"] in {"answer", "draft"}
    assert "A dog costs €10" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert people.returncode == 0, people.stderr
    assert "beside the earlier run" in people.stdout
    assert len(json.loads(again.stdout)["cases"]) == 4
    assert "going on: 4 of 4" not in kept.stderr
    assert len(json.loads(kept.stdout)["cases"]) == 4


def test_nothing_on_record_and_no_redis_are_told(data: Path, redis_url: str):
    with scripted() as (_, settings):
        nothing = run(data, "replay", "--since", "7d", **settings, INNKEEPER_REDIS_URL=redis_url)
        away = run(data, "replay", **settings, INNKEEPER_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
        none = run(data, "replay", **settings)
        odd = run(data, "replay", "--since", "yesterday", **settings, INNKEEPER_REDIS_URL=redis_url)
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "nothing is recorded since 7d" in nothing.stderr
    assert "mode: shadow" in nothing.stderr
    assert away.returncode == none.returncode == odd.returncode == 1
    assert "Redis failed" in away.stderr
    assert "there is no Redis" in none.stderr
    assert "is no time" in odd.stderr
