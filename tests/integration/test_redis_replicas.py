"""What was confirmed outlives the primary; what was not is neither acknowledged nor sent. Real servers, killed and stopped."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.checkpoints import open_checkpointer
from agent.adapters.hints import RedisTicketHints
from agent.adapters.redis_clients import RedisClient, is_ready, redis_client
from agent.adapters.redis_nodes import announced, fewest_replicas
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.adapters.widget_store import RedisWidgetConversations
from agent.errors import QueueUnavailable
from agent.settings import Settings
from agent.types import ConversationId, Customer, Identity, RunId
from agent.widget_ports import Event, Publication, WidgetConversation
from agent.wiring import erasing
from agent.wiring.customers import Named, open_stores
from agent.wiring.exporting import export
from tests.redis_groups import PASSWORD, Group, Member, debian_binary, info, until, watched
from tests.samples import message, outcome, ticket

pytestmark = pytest.mark.slow

SERVERS = [
    "valkey",
    pytest.param("redis", marks=pytest.mark.skipif(debian_binary() is None, reason="redis-server is not installed")),
]


@pytest.fixture(params=SERVERS)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Group]:
    """A primary, a replica, and a sentinel that must not be asked by others before it acts."""
    binary = debian_binary() if request.param == "redis" else None
    with watched(tmp_path, sentinels=1, binary=binary) as group:
        yield group


@pytest.fixture
async def client(pair: Group) -> AsyncIterator[RedisClient]:
    async with redis_client(pair.url, replicas=1) as client:
        yield client


@contextmanager
def frozen(member: Member) -> Iterator[None]:
    """It is there, and takes nothing; what is sent to it waits in its socket."""
    assert member.process
    os.kill(member.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(member.process.pid, signal.SIGCONT)


@contextmanager
def cut_off(pair: Group) -> Iterator[None]:
    """The replica is there and gets nothing. One that is stopped would find it all in its socket when it goes on."""
    primary, replica = pair.members
    assert replica.ask("CONFIG", "SET", "masterauth", "wrong")
    assert primary.ask("CLIENT", "KILL", "TYPE", "replica")
    until(lambda: "connected_slaves:0" in info(primary))
    try:
        yield
    finally:
        assert replica.ask("CONFIG", "SET", "masterauth", PASSWORD)


async def in_the_end(attempt: Callable[[], Awaitable[Any]]) -> Any:
    """What is given once Redis can be used again, as a sender or a worker would see it that tries again."""
    async with asyncio.timeout(120):
        while True:
            try:
                return await attempt()
            except QueueUnavailable:
                await asyncio.sleep(0.1)


async def test_nothing_counts_that_the_replica_has_not_got(pair: Group, client: RedisClient) -> None:
    conversations, hints = RedisConversations(client), RedisTicketHints(client)
    where = ticket(1)
    with frozen(pair.members[1]):
        with pytest.raises(QueueUnavailable, match="0 of 1 replicas"):
            await conversations.append(where, message("m1"))
        with pytest.raises(QueueUnavailable, match="0 of 1 replicas"):
            await hints.add(where.conversation_id, "delivery", "digest")
        # A repeat is not acknowledged either, though the primary knows it, and a connection that has written nothing of its own
        # would have nothing to wait for.
        async with redis_client(pair.url, replicas=1) as other:
            with pytest.raises(QueueUnavailable, match="0 of 1 replicas"):
                await RedisConversations(other).append(where, message("m1"))
        with pytest.raises(QueueUnavailable, match="0 of 1 replicas"):
            await RedisWidgetConversations(client).create(WidgetConversation("c", "shop", "o"))
        # What is being done at the moment need not last, and waits for nobody.
        await RedisWidgetConversations(client).publish("c", Publication([Event("progress", "{}")]))
    assert await in_the_end(lambda: conversations.append(where, message("m1"))) is False
    assert await hints.add(where.conversation_id, "delivery", "digest") is False
    assert [one.text for one in (await conversations.read(where.conversation_id)).messages] == [message("m1").text]


async def test_an_outcome_that_a_fail_over_could_take_back_is_not_sent(pair: Group, client: RedisClient) -> None:
    conversations, outbox = RedisConversations(client), RedisOutbox(client)
    where = ticket(1)
    await in_the_end(lambda: conversations.append(where, message("m1")))
    read = await conversations.read(where.conversation_id)
    with cut_off(pair):
        with pytest.raises(QueueUnavailable):
            await conversations.commit(read, RunId("r1"), outcome())
        (key,) = await outbox.pending()  # as the sweep finds it
        with pytest.raises(QueueUnavailable, match="read the outbox"):
            await outbox.get(key)
        pair.members[0].kill()
    # The replica follows, without the outcome: the turn is run again at the same state, so under the same id.
    assert await in_the_end(lambda: conversations.unanswered()) == [where.conversation_id]
    assert await outbox.pending() == []
    pair.members[0].start()
    again = await in_the_end(lambda: conversations.commit(read, RunId("r1"), outcome()))
    assert again is not None
    assert again.key == key
    assert await in_the_end(lambda: outbox.get(key)) == again


async def test_every_client_finds_the_new_primary(pair: Group, client: RedisClient) -> None:
    conversations = RedisConversations(client)
    await in_the_end(lambda: conversations.append(ticket(1), message("m1")))
    before = await announced(client)
    assert (before.mode, len(before.primaries), len(before.replicas)) == ("sentinels", 1, 1)
    assert await fewest_replicas(client) == 1
    pair.members[0].kill()
    async with redis_client(pair.url) as other:
        assert await in_the_end(lambda: RedisConversations(other).append(ticket(2), message("m1")))
        assert await is_ready(other)
        assert (await announced(other)).primaries == before.replicas
        assert await in_the_end(lambda: RedisConversations(other).unanswered()) == ["desk:1", "desk:2"]
    # The one that was there all the time, and must have a replica again.
    with pytest.raises(QueueUnavailable, match="0 of 1 replicas"):
        await in_the_end_of_connections(lambda: conversations.append(ticket(3), message("m1")))
    pair.members[0].start()
    assert await in_the_end(lambda: conversations.append(ticket(3), message("m1"))) is False


async def in_the_end_of_connections(attempt: Callable[[], Awaitable[object]]) -> None:
    """Try again while it is the connection that is missing."""
    async with asyncio.timeout(120):
        while True:
            try:
                await attempt()
            except QueueUnavailable as error:
                if "replicas" in str(error):
                    raise
                await asyncio.sleep(0.1)


async def test_a_checkpoint_is_on_the_replica_before_the_graph_goes_on(pair: Group) -> None:
    from tests.integration.test_checkpoints import THREAD, Draft, approval

    async with open_checkpointer(pair.url, state_types=[Draft], replicas=1) as saver:
        with cut_off(pair), pytest.raises(QueueUnavailable, match="write a checkpoint"):
            await approval(saver).ainvoke({}, THREAD)
        waiting = await in_the_end(lambda: approval(saver).ainvoke({}, THREAD))
        assert waiting["__interrupt__"]
        pair.members[0].kill()
        state = await in_the_end(lambda: approval(saver).aget_state(THREAD))
        assert state.values["draft"] == Draft("half back")
        assert state.next == ("approve",)


async def test_a_customer_is_told_and_forgotten_where_replicas_have_to_confirm(pair: Group, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=pair.url, redis_replicas=1)
    async with redis_client(pair.url, replicas=1) as client:
        anna = Customer(Identity.VERIFIED, "guest-anna")
        await in_the_end(lambda: RedisConversations(client).append(ticket(1), replace(message("m1"), customer=anna)))
    async with open_stores(settings) as stores:
        named = Named(ids=frozenset({"guest-anna"}))
        known = await stores.find(named, quiet)
        assert [one["conversation_id"] for one in (await export(stores, known, "a test"))["conversations"]] == ["desk:1"]
        assert (await erasing.erase(stores, known, "a test", 60, quiet)).conversations == 1
        assert not (await stores.find(named, quiet)).is_anything


def quiet(done: int, total: int, name: str) -> None:
    """No progress is shown."""


async def test_too_many_replicas_asked_for_is_told(pair: Group) -> None:
    async with redis_client(pair.url, replicas=2) as client:
        with pytest.raises(QueueUnavailable, match=r"1 of 2 replicas \(INNKEEPER_REDIS_REPLICAS\)"):
            await RedisConversations(client).append(ticket(1), message("m1"))
        assert await RedisConversations(client).unanswered() == [ConversationId("desk:1")]
