"""Shadow mode: everything is decided and kept, and the helpdesk hears nothing."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.shadow import RedisShadowRecords
from policies.load import default_folder
from tests.e2e.product import SOURCE, ModelServer, Product, product, run, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, knowledge: Path, model: ModelServer) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("shadow")
    shutil.copytree(default_folder(), folder / "policies")
    page = folder / "policies" / "policy.yaml"
    page.write_text(page.read_text().replace("mode: auto", "mode: shadow"))
    with product(folder, knowledge, model.url, INNKEEPER_POLICY_DIR=str(folder / "policies")) as made:
        made.start("serve", "worker")
        yield made


def rows_of(house: Product) -> list[dict[str, Any]]:
    done = run(house.data_dir, "shadow", "--json", INNKEEPER_REDIS_URL=house.redis.url)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def decided(house: Product, ticket_id: str) -> int:
    """How many records of a ticket there are: to start the command again and again would take longer than the turns."""

    async def count() -> int:
        async with redis_client(house.redis.url) as client:
            return len([one async for one in RedisShadowRecords(client).all() if one.conversation_id == f"{SOURCE}:{ticket_id}"])

    return asyncio.run(count())


def recorded(house: Product) -> dict[str, dict[str, Any]]:
    return {row["conversation_id"].partition(":")[2]: row for row in rows_of(house)}


def test_what_would_have_been_sent_is_kept_and_nothing_is_sent(house: Product) -> None:
    house.say("dog", "Can I bring my dog?")
    house.say("person", "I want to talk to a human")
    until(lambda: decided(house, "dog") and decided(house, "person"), 60)
    rows = recorded(house)
    assert rows["dog"]["outcome"]["decision"] == "answer"
    assert rows["dog"]["outcome"]["citations"]
    assert rows["dog"]["conversation"] == [{"author": "customer", "text": "Can I bring my dog?"}]
    assert rows["person"]["outcome"]["decision"] == "handoff"
    assert house.inbox.of("dog") == house.inbox.of("person") == []
    # A hand-off that nobody was told of leaves the conversation as it was: the next message is decided, too.
    house.say("person", "Can I bring my dog?", "2")
    until(lambda: decided(house, "person") == 2, 60)
    assert [row["conversation_id"] for row in rows_of(house)].count(f"{SOURCE}:person") == 2
    assert house.inbox.of("person") == []


def test_people_read_a_table(house: Product) -> None:
    house.say("table", "I want to talk to a human")
    until(lambda: decided(house, "table"), 60)
    done = run(house.data_dir, "shadow", INNKEEPER_REDIS_URL=house.redis.url)
    assert done.returncode == 0, done.stderr
    assert "handoff" in done.stdout
