"""A cluster that changes while it is used: slots move between nodes, a node dies. Real nodes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from agent.adapters.redis_clients import RedisClient, is_ready, redis_client
from agent.adapters.redis_nodes import announced, fewest_replicas, version
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_shards import tag_of
from agent.adapters.redis_store import RedisConversations
from agent.adapters.tickets import recorded_turns
from agent.errors import QueueUnavailable
from agent.types import ConversationId, RunId
from tests.redis_groups import PASSWORD, Group, Member, cluster
from tests.samples import message, outcome, ticket

pytestmark = pytest.mark.slow


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Group]:
    with cluster(tmp_path) as group:
        yield group


@pytest.fixture
async def client(nodes: Group) -> AsyncIterator[RedisClient]:
    async with redis_client(nodes.url) as client:
        yield client


async def in_the_end(attempt: Callable[[], Awaitable[Any]]) -> Any:
    """What is given once Redis can be used again, as a sender or a worker would see it that tries again."""
    async with asyncio.timeout(120):
        while True:
            try:
                return await attempt()
            except QueueUnavailable:
                await asyncio.sleep(0.1)


def owner(nodes: Group, slot: int) -> Member:
    return nodes.members[next(n for n in range(3) if slot < 16384 * (n + 1) // 3)]


class Move:
    """One slot on its way to another node, step by step."""

    def __init__(self, nodes: Group, slot: int) -> None:
        self.nodes, self.slot = nodes, slot
        self.source = owner(nodes, slot)
        self.target = next(one for one in nodes.members if one is not self.source)

    def begin(self) -> None:
        assert self.target.ask("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.source.ask("CLUSTER", "MYID"))
        assert self.source.ask("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.target.ask("CLUSTER", "MYID"))

    def carry(self) -> int:
        keys = self.source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, 10_000)
        if keys:
            to = ("127.0.0.1", self.target.port, "", 0, 5000, "AUTH", PASSWORD, "KEYS", *keys)
            assert self.source.ask("MIGRATE", *to) in (b"OK", "OK")
        return len(keys)

    def end(self) -> None:
        for one in (self.target, self.source, *self.nodes.members):
            assert one.ask("CLUSTER", "SETSLOT", self.slot, "NODE", self.target.ask("CLUSTER", "MYID"))


async def test_a_slot_that_moves_takes_its_conversations_along(nodes: Group, client: RedisClient) -> None:
    conversations, outbox = RedisConversations(client), RedisOutbox(client)
    where = ticket(1)
    move = Move(nodes, key_slot(tag_of(where.conversation_id).encode()))
    await conversations.append(where, message("m1"))
    move.begin()
    assert not await conversations.append(where, message("m1")), "what is still there is found there"
    assert move.carry() == 4
    assert not await conversations.append(where, message("m1")), "what has gone is asked for where it went"
    assert await conversations.append(where, message("m2"))
    read = await conversations.read(where.conversation_id)
    assert await conversations.unanswered() == [where.conversation_id]
    with pytest.raises(QueueUnavailable):  # a step of which some keys are not there yet could have them on either node
        await conversations.commit(read, RunId("r"), outcome())
    move.end()
    entry = await conversations.commit(read, RunId("r"), outcome())
    assert entry is not None
    assert await outbox.pending() == [entry.key]
    assert await conversations.unanswered() == []
    assert await outbox.get(entry.key) == entry
    await outbox.settle(entry.key, delivered=True)
    assert await outbox.pending() == []
    assert [turn.run_id async for turn in recorded_turns(client)] == ["r"]


async def test_nothing_is_lost_or_doubled_while_slots_move(nodes: Group, client: RedisClient) -> None:
    conversations = RedisConversations(client)
    tickets = [ticket(number) for number in range(40)]
    slots = {key_slot(tag_of(where.conversation_id).encode()) for where in tickets}

    async def talk() -> None:
        for number in range(10):
            said = message(f"m{number}")
            await asyncio.gather(*(in_the_end(lambda w=where, m=said: conversations.append(w, m)) for where in tickets))

    def rearrange() -> None:
        for slot in slots:
            move = Move(nodes, slot)
            move.begin()
            while move.carry():
                pass
            move.end()

    talking = asyncio.create_task(talk())
    await asyncio.to_thread(rearrange)
    await talking
    for where in tickets:
        read = await in_the_end(lambda w=where: conversations.read(w.conversation_id))
        assert [one.message_id for one in read.messages] == [f"m{number}" for number in range(10)]
    assert len(await in_the_end(conversations.unanswered)) == len(tickets)


async def test_a_node_that_is_away_is_told_and_found_again(nodes: Group, client: RedisClient) -> None:
    conversations = RedisConversations(client)
    where = next(ticket(n) for n in range(99) if owner(nodes, key_slot(tag_of(f"desk:{n}").encode())) is nodes.members[1])
    await conversations.append(where, message("m1"))
    found = await announced(client)
    assert (found.mode, len(found.primaries), found.replicas) == ("cluster", 3, ())
    assert await fewest_replicas(client) == 0
    assert (await version(client)).startswith("valkey ")
    nodes.members[1].kill()
    with pytest.raises(QueueUnavailable, match="read a conversation"):
        await conversations.read(where.conversation_id)
    assert not await is_ready(client)
    nodes.members[1].start()
    assert (await in_the_end(lambda: conversations.read(where.conversation_id))).length == 1
    assert await in_the_end(conversations.unanswered) == [ConversationId(where.conversation_id)]
