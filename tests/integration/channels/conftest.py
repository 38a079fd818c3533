from collections.abc import AsyncIterator

import pytest

from tests.fakes import InMemoryConversations
from tests.integration.channels.world import BrokenConversations, World, started_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with started_world(InMemoryConversations()) as world:
        yield world


@pytest.fixture
async def world_without_redis() -> AsyncIterator[World]:
    async with started_world(BrokenConversations()) as world:
        yield world


@pytest.fixture
async def world_with_key() -> AsyncIterator[World]:
    async with started_world(InMemoryConversations(), api_key="open sesame") as world:
        yield world
