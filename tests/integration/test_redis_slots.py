"""On a cluster every step stays in one slot, whatever a conversation is called; and listing is a matter of a few round trips."""

import datetime as dt
import random
import string
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from redis.crc import key_slot

from agent.adapters.hints import RedisTicketHints
from agent.adapters.links import RedisTicketLinks
from agent.adapters.redis_clients import OneServer, redis_client
from agent.adapters.redis_commands import Command
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_shards import TAGS
from agent.adapters.redis_store import RedisConversations
from agent.adapters.shadow import RedisShadowRecords
from agent.adapters.widget_sessions import RedisWidgetSessions
from agent.adapters.widget_store import RedisWidgetConversations
from agent.ports import Link, ShadowRecord, Ticket
from agent.types import ConversationId, Decision, MessageId, RunId
from agent.widget_ports import Limit, Publication, Session, WidgetConversation
from tests.samples import message, outcome

pytestmark = pytest.mark.slow

LETTERS = string.ascii_letters + string.digits + "{}: /äß{}"


class Noting:
    """Passes everything on, and notes what was sent in one go."""

    def __init__(self, client: OneServer) -> None:
        self._client = client
        self.replicas = 0
        self.batches: list[Sequence[Command]] = []

    async def together(self, commands: Sequence[Command]) -> list[Any]:
        self.batches.append(commands)
        return await self._client.together(commands)


@pytest.fixture
async def noting(redis_url: str) -> AsyncIterator[Any]:
    async with redis_client(redis_url) as client:
        yield Noting(client)


def anything() -> str:
    return "".join(random.choices(LETTERS, k=random.randint(1, 20)))


async def use_everything(client: Any, name: str) -> None:
    """Every method of every store that writes or reads one thing."""
    conversations, outbox, hints = RedisConversations(client), RedisOutbox(client), RedisTicketHints(client)
    where = Ticket(ConversationId(f"desk:{name}"), "desk", name)
    await conversations.append(where, message("m1"))
    entry = await conversations.commit(await conversations.read(where.conversation_id), RunId(name), outcome(Decision.DRAFT))
    assert entry is not None
    assert await outbox.get(entry.key) == entry
    assert entry.key in await outbox.pending()
    read = await conversations.read(where.conversation_id)
    released = await conversations.release(read, RunId(name), outcome())
    assert released is not None
    await outbox.settle(entry.key, delivered=True)
    await outbox.settle(released.key, delivered=False, detail="gone")
    assert await conversations.hand_off(
        await conversations.read(where.conversation_id), RunId("x" + name), outcome(Decision.HANDOFF)
    )
    await conversations.set_owner(where.conversation_id, person=True)
    await conversations.give_back(where.conversation_id, MessageId("note"))
    await hints.add(where.conversation_id, "delivery", "digest")
    await hints.done(where.conversation_id, await hints.stamp(where.conversation_id))
    await hints.keep_cursor(name, "1")
    link = Link(where.conversation_id, ConversationId(f"other:{name}"), 1)
    links = RedisTicketLinks(client)
    await links.keep(link)
    await links.touch(link.ticket)
    assert await links.of_conversation(link.conversation_id) == await links.of_ticket(link.ticket) == link
    await RedisShadowRecords(client).record(
        ShadowRecord(RunId(name), where.conversation_id, dt.datetime.now(dt.UTC), (message("m1"),), outcome())
    )
    widget, sessions = RedisWidgetConversations(client), RedisWidgetSessions(client)
    await widget.create(WidgetConversation(name, "shop", anything()))
    await widget.publish(name, Publication((), "key", ('{"id":"1"}',), {"note": "n"}, {"m": "up"}))
    assert (await widget.history(name)).messages == ({"id": "1"},)
    await widget.events_after([(name, None)])
    await sessions.open(name, Session("shop", name, None, None, None, 1.0, 4e9))
    await sessions.claim_once(name, 9)
    await sessions.take([Limit(f"session:{name}", 5), Limit("site:shop", 5)])


async def test_the_keys_of_every_step_share_a_slot(noting: Noting) -> None:
    for _ in range(20):
        await use_everything(noting, anything())
    scripts = set()
    for one in (one for batch in noting.batches for one in batch if one.script is not None):
        scripts.add(one.script)
        keys = one.words[3 : 3 + one.words[2]]
        assert len({key_slot(key.encode()) for key in keys}) == 1, keys
    assert len(scripts) == 20, "so many scripts are there; a new one has to be used here, too"


async def test_what_is_owed_is_listed_in_one_round_trip_each(noting: Noting) -> None:
    client: Any = noting
    for _ in range(10):
        await use_everything(client, anything())
    noting.batches.clear()
    await RedisOutbox(client).pending()
    await RedisConversations(client).unanswered()
    await RedisTicketHints(client).waiting()
    assert [len(batch) for batch in noting.batches] == [len(TAGS)] * 3


def test_the_shards_are_spread_over_the_slots() -> None:
    for nodes in (3, 6, 12):
        shares = [0] * nodes
        for tag in TAGS:
            shares[key_slot(tag.encode()) * nodes // 16384] += 1
        assert min(shares) >= len(TAGS) / nodes / 2
