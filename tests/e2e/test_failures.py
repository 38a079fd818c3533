"""What is down, broken or hostile: tickets wait or go to a person, the sender is told, nothing is lost or let in."""

import json
import time
from collections.abc import Iterator

import pytest
import redis

from agent.adapters.redis_shards import shard_key, tag_of
from tests.e2e.product import ModelServer, Product, http, message, product, small_model, until

pytestmark = pytest.mark.slow

DOG = "Can I bring my dog?"
REFUND = "How much do I get back if I cancel three days before check-in?"
"""What an article surely answers, so that the model is asked for a draft."""


@pytest.fixture(scope="module")
def own_model() -> Iterator[ModelServer]:
    with small_model() as server:
        yield server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, knowledge, own_model: ModelServer) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("failures"), knowledge, own_model.url) as made:
        made.start("serve", "worker")
        yield made


@pytest.fixture
def dead_model(own_model: ModelServer) -> Iterator[ModelServer]:
    own_model.kill()
    yield own_model
    own_model.kill()
    own_model.start()


def readiness(house: Product) -> tuple[int, str]:
    response = http().get(f"{house.url}/readyz")
    return response.status_code, response.json()["status"]


def test_tickets_wait_for_the_model_and_are_answered_when_it_is_back(house: Product, dead_model: ModelServer) -> None:
    house.say("waits", REFUND)
    until(lambda: readiness(house) == (200, "degraded"), 60)
    until(lambda: "turn_waits" in house.log("worker").read_text(), 60)
    time.sleep(2)
    assert house.inbox.of("waits") == []
    dead_model.start()
    assert house.outcomes("waits")[0]["data"]["decision"] == "answer"
    until(lambda: readiness(house) == (200, "ready"), 60)


def test_tickets_that_waited_too_long_go_to_a_person(house: Product, dead_model: ModelServer) -> None:
    house.stop("worker")
    house.start("worker", INNKEEPER_MODEL_DOWN_HANDOFF_S="2")
    try:
        house.say("late", REFUND)
        (outcome,) = house.outcomes("late")
    finally:
        house.stop("worker")
        house.start("worker")
    assert outcome["type"] == "agent.handoff.requested"
    assert REFUND in outcome["data"]["summary"]


def test_what_needs_no_model_is_done_without_it(house: Product, dead_model: ModelServer) -> None:
    house.say("human", "I'd like to talk to a real person, please.")
    assert house.outcomes("human")[0]["type"] == "agent.handoff.requested"


def test_without_redis_the_sender_is_told_to_come_again(house: Product) -> None:
    delivery = message("again", DOG, "M-again")
    house.redis.kill()
    try:
        refused = house.deliver(delivery, "msg_again")
        until(lambda: readiness(house) == (503, "unavailable"), 60)
    finally:
        house.redis.start()
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["code"] == "queue_unavailable"
    assert house.insist(delivery, "msg_again") == "accepted"
    assert house.outcomes("again")[0]["data"]["decision"] == "answer"
    until(lambda: readiness(house) == (200, "ready"), 60)


def test_nothing_of_a_bad_delivery_is_kept(house: Product) -> None:
    bad = message("BAD", DOG, "M-BAD")
    genuine = house.secret
    answers = {
        "stale": house.deliver(bad, age_s=3600),
        "broken": house.deliver(b'{"type": "ticket.message.created", BAD'),
        "too large": house.deliver(message("BAD", "x" * 2_000_000, "M-BAD")),
        "incomplete": house.deliver(json.dumps({"type": "ticket.message.created", "data": {"ticket_id": "BAD"}}).encode()),
        "unknown source": house.deliver(bad, source="nobody"),
        "unsigned": http().post(f"{house.url}/webhooks/acme", content=bad),
    }
    house.secret = "whsec_" + "A" * 44
    try:
        answers["forged"] = house.deliver(bad)
    finally:
        house.secret = genuine
    assert {name: (answer.status_code, answer.json()["error"]["code"]) for name, answer in answers.items()} == {
        "stale": (401, "signature_invalid"),
        "broken": (400, "json_invalid"),
        "too large": (413, "body_too_large"),
        "incomplete": (422, "payload_invalid"),
        "unknown source": (404, "source_unknown"),
        "unsigned": (401, "signature_invalid"),
        "forged": (401, "signature_invalid"),
    }
    with redis.Redis.from_url(house.redis.url, decode_responses=True) as client:
        assert [key for key in client.scan_iter() if "BAD" in key] == []
        assert "acme:BAD" not in client.zrange(shard_key(tag_of("acme:BAD"), "unanswered"), 0, -1)
