"""One suite over the fakes and over every real server."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest

from agent.adapters.hints import RedisTicketHints
from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.adapters.shadow import RedisShadowRecords
from agent.ports import Conversations, Outbox, ShadowRecords, TicketHints
from tests.fakes import InMemoryConversations, InMemoryOutbox, InMemoryShadowRecords, InMemoryTicketHints
from tests.redis_groups import Group
from tests.servers import RedisServer, debian_redis, has_debian_redis


@dataclass(frozen=True)
class Stores:
    conversations: Conversations
    outbox: Outbox
    shadow: ShadowRecords = field(default_factory=InMemoryShadowRecords)
    hints: TicketHints = field(default_factory=InMemoryTicketHints)


@pytest.fixture(scope="session")
def debian_redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with debian_redis(tmp_path_factory.mktemp("debian-redis")) as server:
        yield server


@pytest.fixture(
    params=[
        "memory",
        pytest.param("redis_cluster", marks=pytest.mark.slow),
        pytest.param("redis_server", marks=pytest.mark.slow),
        pytest.param(
            "debian_redis_server",
            marks=[pytest.mark.slow, pytest.mark.skipif(not has_debian_redis(), reason="redis-server is not installed")],
        ),
    ]
)
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "memory":
        outbox = InMemoryOutbox()
        yield Stores(InMemoryConversations(outbox), outbox, InMemoryShadowRecords())
        return
    server: RedisServer | Group = request.getfixturevalue(request.param)
    server.flush()
    async with redis_client(server.url) as client:
        yield Stores(RedisConversations(client), RedisOutbox(client), RedisShadowRecords(client), RedisTicketHints(client))
