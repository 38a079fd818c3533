"""What every `Outbox` must do."""

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.types import ConversationId, OutboxEntry, OutboxId, OutboxKey, RunId
from tests.contract.conftest import Stores
from tests.samples import message, outcome, ticket

NONE = OutboxKey(ConversationId("desk:none"), OutboxId("out_none"))


async def commit(stores: Stores, number: int) -> OutboxEntry:
    where = ticket(number)
    await stores.conversations.append(where, message("m1"))
    read = await stores.conversations.read(where.conversation_id)
    entry = await stores.conversations.commit(read, RunId(f"r{number}"), outcome())
    assert entry is not None
    return entry


async def test_the_oldest_comes_first(stores: Stores) -> None:
    entries = [await commit(stores, number) for number in (3, 1, 2)]
    assert await stores.outbox.pending() == [entry.key for entry in entries]


@pytest.mark.parametrize("delivered", [True, False])
async def test_what_is_settled_is_gone(stores: Stores, delivered: bool) -> None:
    first, second = await commit(stores, 1), await commit(stores, 2)
    await stores.outbox.settle(first.key, delivered=delivered, detail="410 Gone")
    assert await stores.outbox.get(first.key) is None
    assert await stores.outbox.pending() == [second.key]


async def test_settling_again_changes_nothing(stores: Stores) -> None:
    entry = await commit(stores, 1)
    await stores.outbox.settle(entry.key, delivered=True)
    await stores.outbox.settle(entry.key, delivered=False, detail="late")
    assert await stores.outbox.pending() == []


async def test_an_unknown_entry_is_none(stores: Stores) -> None:
    assert await stores.outbox.get(NONE) is None
    await stores.outbox.settle(NONE, delivered=False, detail="x")


@pytest.mark.slow
async def test_what_is_given_up_is_kept_for_a_person(redis_url: str) -> None:
    async with redis_client(redis_url) as client:
        outbox = RedisOutbox(client)
        entry = await commit(Stores(RedisConversations(client), outbox), 1)
        await outbox.settle(entry.key, delivered=False, detail="410 Gone")
        await outbox.settle(entry.key, delivered=False, detail="again")
        (dead,) = await outbox.dead()
        assert (dead.entry, dead.reason) == (entry, "410 Gone")
