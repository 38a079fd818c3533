"""What every `TicketHints` must do."""

import pytest

from agent.adapters.hints import RedisTicketHints
from agent.adapters.redis_clients import redis_client
from agent.errors import QueueUnavailable
from agent.types import ConversationId
from tests.contract.conftest import Stores
from tests.servers import free_port

ONE, TWO = ConversationId("desk:1"), ConversationId("desk:2")


async def test_a_hint_waits_until_its_ticket_was_looked_at(stores: Stores) -> None:
    assert await stores.hints.stamp(ONE) is None
    assert await stores.hints.add(ONE, "d1", "a")
    assert await stores.hints.add(TWO, "d2", "a")
    assert await stores.hints.waiting() == [ONE, TWO]
    await stores.hints.done(ONE, await stores.hints.stamp(ONE))
    assert await stores.hints.waiting() == [TWO]


async def test_the_same_delivery_counts_once_and_with_another_body_again(stores: Stores) -> None:
    assert await stores.hints.add(ONE, "d1", "a")
    await stores.hints.done(ONE, await stores.hints.stamp(ONE))
    assert not await stores.hints.add(ONE, "d1", "a")
    assert await stores.hints.waiting() == []
    assert await stores.hints.add(ONE, "d1", "b")
    assert await stores.hints.waiting() == [ONE]


async def test_a_hint_that_comes_while_we_look_stays(stores: Stores) -> None:
    await stores.hints.add(ONE, "d1", "a")
    stamp = await stores.hints.stamp(ONE)
    await stores.hints.add(ONE, "d2", "a")
    await stores.hints.done(ONE, stamp)
    assert await stores.hints.waiting() == [ONE]
    await stores.hints.done(ONE, None)
    assert await stores.hints.waiting() == [ONE]


async def test_each_helpdesk_has_its_cursor(stores: Stores) -> None:
    assert await stores.hints.cursor("rt") is None
    await stores.hints.keep_cursor("rt", "17")
    await stores.hints.keep_cursor("mail", "9:4")
    assert (await stores.hints.cursor("rt"), await stores.hints.cursor("mail")) == ("17", "9:4")


async def test_without_redis_it_says_so() -> None:
    async with redis_client(f"redis://127.0.0.1:{free_port()}/0") as client:
        with pytest.raises(QueueUnavailable):
            await RedisTicketHints(client).add(ONE, "d1", "a")
