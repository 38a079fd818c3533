"""Links of tickets on real Redis, with a clock of the test's own."""

from collections.abc import AsyncIterator

import pytest

from agent.adapters.links import FORGOTTEN_AFTER_S, LATEST_S, SOONEST_S, RedisTicketLinks
from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_commands import command
from agent.adapters.redis_shards import shard_key, tag_of
from agent.errors import QueueUnavailable
from agent.ports import Link
from agent.types import ConversationId
from tests.redis_groups import Group
from tests.servers import RedisServer, free_port

LINK = Link(ConversationId("widget:abc"), ConversationId("desk:81"), 3)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["redis_server", "redis_cluster"])
async def made(request: pytest.FixtureRequest) -> AsyncIterator[tuple[RedisTicketLinks, Clock]]:
    server: RedisServer | Group = request.getfixturevalue(request.param)
    server.flush()
    clock = Clock()
    async with redis_client(server.url) as client:
        yield RedisTicketLinks(client, clock=clock), clock


async def test_a_link_is_found_from_both_ends(made: tuple[RedisTicketLinks, Clock]) -> None:
    links, _ = made
    assert await links.of_conversation(LINK.conversation_id) is None
    await links.keep(LINK)
    assert await links.of_conversation(LINK.conversation_id) == LINK
    assert await links.of_ticket(LINK.ticket) == LINK
    assert await links.of_ticket(ConversationId("desk:82")) is None


async def test_a_ticket_is_due_often_at_first_then_seldom_and_after_two_weeks_never(made: tuple[RedisTicketLinks, Clock]) -> None:
    links, clock = made
    await links.keep(LINK)
    assert await links.due() == []
    clock.now += SOONEST_S
    assert await links.due() == [LINK.ticket]
    assert await links.due() == []
    clock.now += 100_000
    assert await links.due() == [LINK.ticket]
    clock.now += LATEST_S - 1
    assert await links.due() == []
    await links.touch(LINK.ticket)
    clock.now += SOONEST_S
    assert await links.due() == [LINK.ticket]
    clock.now += FORGOTTEN_AFTER_S + 1
    await links.due()
    clock.now += LATEST_S
    assert await links.due() == []


async def test_a_ticket_without_a_link_is_looked_at_until_it_is_let_go(made: tuple[RedisTicketLinks, Clock]) -> None:
    links, clock = made
    lonely = ConversationId("desk:82")
    await links.touch(lonely)
    await links.keep(LINK)
    clock.now += SOONEST_S
    assert sorted(await links.due()) == [LINK.ticket, lonely]
    await links.let_go(lonely)
    await links.let_go(LINK.ticket)  # stands for a conversation
    clock.now += LATEST_S
    assert await links.due() == [LINK.ticket]


@pytest.mark.parametrize("kind", ["redis_server", "redis_cluster"])
async def test_both_ends_last_from_what_was_said_last(kind: str, request: pytest.FixtureRequest) -> None:
    server: RedisServer | Group = request.getfixturevalue(kind)
    server.flush()
    day_s, ends = 24 * 3600, {"conversation": LINK.conversation_id, "ticket": LINK.ticket}
    names = [shard_key(tag_of(one), f"links:{end}:{one}") for end, one in ends.items()]
    async with redis_client(server.url) as client:

        async def lasts() -> list[int]:
            return await client.together([command("TTL", name) for name in names])

        await RedisTicketLinks(client, keep_s=90 * day_s).keep(LINK)
        assert all(89 * day_s < left <= 90 * day_s for left in await lasts())
        short = RedisTicketLinks(client, keep_s=1)  # a person's answer must find its way for as long as the widget shows it
        await short.touch(LINK.ticket)
        assert all(29 * day_s < left <= 30 * day_s for left in await lasts())
        await short.touch(ConversationId("desk:99"))
        await RedisTicketLinks(client).keep(LINK)
        assert await lasts() == [-1, -1]


async def test_without_redis_it_says_so() -> None:
    async with redis_client(f"redis://127.0.0.1:{free_port()}/0") as client:
        with pytest.raises(QueueUnavailable):
            await RedisTicketLinks(client).keep(LINK)
