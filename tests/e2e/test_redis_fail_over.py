"""Nothing is lost and nothing is said twice on several Redis servers, of which one is killed in the middle of 500 tickets."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.types import Author, Conversation, ConversationId
from tests.e2e.product import SOURCE, Product, http, message, product, run, until
from tests.faulty_server import FaultyServer, completion, in_thread
from tests.redis_groups import Group, cluster, watched

pytestmark = pytest.mark.slow

TICKETS = 500
QUESTIONS = ("I'd like to talk to a real person, please.", "it doesn't work", "Do you also rent out cars?", "Write me a poem.")
"""None needs a model, so that all of them take a minute and not an hour."""
SENT_IN_S = 25.0
"""The deliveries are spread over so long…"""
HELD_BACK = 250
"""…and those from here on wait until a server was killed, so that they fall into the fail-over."""
KILLED_AT = 150
"""So many outcomes have arrived when it is killed."""
BACK_AT = 300


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    with in_thread(FaultyServer([completion("The model has nothing to say.")])) as url:
        yield url


def send_everything(house: Product, killed: Event) -> Counter[str]:
    """Every delivery is repeated until it is taken. What they were told in the end."""
    began = time.monotonic()

    def send(number: int) -> str:
        time.sleep(max(0.0, began + SENT_IN_S * number / TICKETS - time.monotonic()))
        if number >= HELD_BACK:
            assert killed.wait(300)
        return house.insist(message(f"T{number}", QUESTIONS[number % len(QUESTIONS)], f"M{number}"), f"msg_{number}")

    with ThreadPoolExecutor(8) as senders:
        return Counter(senders.map(send, range(TICKETS)))


async def conversations(url: str) -> tuple[list[Conversation], int]:
    """Every conversation, and how much is still owed."""
    async with redis_client(url) as client:
        records, outbox = RedisConversations(client), RedisOutbox(client)
        owed = len(await records.unanswered()) + len(await outbox.pending()) + len(await outbox.dead())
        return [await records.read(ConversationId(f"{SOURCE}:T{number}")) for number in range(TICKETS)], owed


def answer_everything(house: Product, wreck: Callable[[Event], object]) -> None:
    """Send all, wreck something meanwhile, and look at what came of it."""
    house.start("serve", "worker")
    killed = Event()
    with ThreadPoolExecutor(2) as both:
        sending, wrecking = both.submit(send_everything, house, killed), both.submit(wreck, killed)
        told = sending.result()
        wrecking.result()

    def tail() -> str:
        return f"{len(house.inbox.events)} outcomes\n" + house.log("worker").read_text()[-3000:]

    until(lambda: len(house.inbox.events) >= TICKETS, what=tail)
    read, _ = until(lambda: (found := asyncio.run(conversations(house.redis.url)))[1] == 0 and found, what=tail)

    # A delivery that was stored but not confirmed in time was refused, and is known when it comes again.
    assert sum(told.values()) == TICKETS
    assert set(told) <= {"accepted", "duplicate"}
    assert Counter(event["data"]["ticket_id"] for event in house.inbox.events.values()) == {f"T{n}": 1 for n in range(TICKETS)}
    for conversation in read:
        authors = [entry.author for entry in conversation.messages]
        assert authors == [Author.CUSTOMER, Author.ASSISTANT], conversation.conversation_id
    until(lambda: http().get(f"{house.url}/readyz").json()["redis"] == "up")


def kill_and_bring_back(house: Product, group: Group, number: int, killed: Event) -> None:
    until(lambda: len(house.inbox.events) >= KILLED_AT)
    group.members[number].kill()
    killed.set()
    until(lambda: len(house.inbox.events) >= BACK_AT)
    assert len(group.primaries()) == (1 if group.sentinels else 3), "the replica is the primary by now"
    group.members[number].start()


def test_a_primary_that_dies_is_followed_by_a_replica_and_no_ticket_notices(
    tmp_path: Path, knowledge: Path, model_url: str
) -> None:
    with (
        watched(tmp_path / "redis", replicas=2) as group,
        product(tmp_path, knowledge, model_url, group, INNKEEPER_REDIS_REPLICAS="1") as house,
    ):
        answer_everything(house, lambda killed: kill_and_bring_back(house, group, 0, killed))


def test_a_cluster_of_three_nodes_answers_everything(tmp_path: Path, knowledge: Path, model_url: str) -> None:
    with cluster(tmp_path / "redis") as group, product(tmp_path, knowledge, model_url, group) as house:
        answer_everything(house, Event.set)
        used = [int(node.ask("DBSIZE")) for node in group.members]
        assert min(used) > TICKETS / 2, f"every node has a part of it: {used}"
        told = json.loads(run(house.data_dir, "doctor", "--json", **house.environment()).stdout)
        redis = next(check for check in told["checks"] if check["name"] == "redis")
        assert redis["ok"]
        assert all(node.address in redis["detail"] for node in group.members)


def test_a_node_of_a_cluster_that_dies_is_followed_by_its_replica(tmp_path: Path, knowledge: Path, model_url: str) -> None:
    with (
        cluster(tmp_path / "redis", replicas=True) as group,
        product(tmp_path, knowledge, model_url, group, INNKEEPER_REDIS_REPLICAS="0") as house,
    ):
        answer_everything(house, lambda killed: kill_and_bring_back(house, group, 0, killed))
