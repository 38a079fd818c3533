"""Links of tickets on real Redis, with a clock of the test's own."""

from collections.abc import AsyncIterator

import pytest

from agent.adapters.links import FORGOTTEN_AFTER_S, LATEST_S, SOONEST_S, RedisTicketLinks
from agent.adapters.redis_store import redis_client
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


async def test_without_redis_it_says_so() -> None:
    async with redis_client(f"redis://127.0.0.1:{free_port()}/0") as client:
        with pytest.raises(QueueUnavailable):
            await RedisTicketLinks(client).keep(LINK)
