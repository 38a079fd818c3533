"""The promise of the house: nothing is lost and nothing is said twice, whatever is killed."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.types import Author, Conversation, ConversationId
from tests.e2e.product import SOURCE, ModelServer, Product, message, product, until

pytestmark = pytest.mark.slow

TICKETS = 100
WITH_MODEL = ("Can I bring my dog?", "How much do I get back if I cancel three days before check-in?")
WITHOUT = ("I'd like to talk to a real person, please.", "it doesn't work", "Do you also rent out cars?", "Write me a poem.")
WORKER_DIES_AT = (5, 20, 40, 60, 80)
"""So many outcomes have arrived when the worker is killed."""
REDIS_DIES_AT = 30
SENT_IN_S = 20.0
"""The deliveries are spread over so long, so that the crashes fall into them."""


@pytest.fixture
def house(tmp_path: Path, knowledge: Path, model: ModelServer) -> Iterator[Product]:
    with product(tmp_path, knowledge, model.url) as made:
        made.start("serve", "worker")
        yield made


def text_of(number: int) -> str:
    # One in ten goes to the model, so that this takes minutes, not an hour.
    return WITH_MODEL[number // 10 % 2] if number % 10 == 0 else WITHOUT[number % len(WITHOUT)]


def send_everything(house: Product) -> Counter[str]:
    """Each message twice, shuffled; every delivery is repeated until it is taken. What the deliveries were told."""
    numbers = [number for number in range(TICKETS) for _ in range(2)]
    random.shuffle(numbers)
    began = time.monotonic()

    def send(place: int, number: int) -> str:
        time.sleep(max(0.0, began + SENT_IN_S * place / len(numbers) - time.monotonic()))
        return house.insist(message(f"T{number}", text_of(number), f"M{number}"), f"msg_{number}")

    with ThreadPoolExecutor(8) as senders:
        return Counter(senders.map(send, range(len(numbers)), numbers))


def wreck(house: Product) -> None:
    """Kill the worker five times and Redis once, while the outcomes arrive."""
    redis_lives = True
    for arrived in WORKER_DIES_AT:
        if redis_lives and arrived > REDIS_DIES_AT:
            until(lambda: len(house.inbox.events) >= REDIS_DIES_AT)
            house.redis.kill()
            time.sleep(1)
            house.redis.start()
            redis_lives = False
        until(lambda arrived=arrived: len(house.inbox.events) >= arrived)
        time.sleep(random.uniform(0, 0.3))
        house.kill("worker")
        house.start("worker")
    assert not redis_lives


async def conversations(url: str) -> tuple[list[Conversation], int]:
    """Every conversation, and how much is still owed."""
    async with redis_client(url) as client:
        records, outbox = RedisConversations(client), RedisOutbox(client)
        owed = len(await records.unanswered()) + len(await outbox.pending()) + len(await outbox.dead())
        return [await records.read(ConversationId(f"{SOURCE}:T{number}")) for number in range(TICKETS)], owed


def test_every_message_has_one_outcome_though_everything_is_killed(
    house: Product, record_testsuite_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(2) as both:
        sending, wrecking = both.submit(send_everything, house), both.submit(wreck, house)
        told = sending.result()
        wrecking.result()
    until(lambda: len(house.inbox.events) >= TICKETS)
    read, owed = until(lambda: (found := asyncio.run(conversations(house.redis.url)))[1] == 0 and found, 60)
    record_testsuite_property("seconds", round(time.monotonic() - began))
    record_testsuite_property("repeats dropped by the helpdesk", house.inbox.repeats)

    assert owed == 0
    assert told == {"accepted": TICKETS, "duplicate": TICKETS}
    assert Counter(event["data"]["ticket_id"] for event in house.inbox.events.values()) == {f"T{n}": 1 for n in range(TICKETS)}
    for conversation in read:
        authors = [entry.author for entry in conversation.messages]
        assert authors == [Author.CUSTOMER, Author.ASSISTANT], conversation.conversation_id
    decisions = Counter(event["data"]["decision"] for event in house.inbox.events.values())
    assert decisions["answer"] >= 1
    assert decisions["handoff"] >= 1
