"""A customer writes the number of a card to the started product: nobody and nothing gets it, be it Redis, a log or a model."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.e2e.product import SOURCE, Product, http, message, product
from tests.e2e.test_lies import MODELS
from tests.faulty_server import FaultyServer, Reply, Request, completion, in_thread, status

pytestmark = pytest.mark.slow

CARD, IBAN, SSN, MAIL = "4000 0566 5566 5556", "DE89 3704 0044 0532 0130 00", "219-09-9999", "ann.smith@example.com"
ASKED = f"How many pets can I bring? I am {MAIL}. I paid with {CARD}, my bank is {IBAN}, my SSN {SSN}."
SECRETS = (CARD, CARD.replace(" ", ""), "5566", IBAN, "0532", SSN)
TOLD = json.dumps(
    {
        "answerable": True,
        "sentences": [{"text": "Unless the listing allows more, the maximum is 2 pets per booking.", "passage": 1}],
    }
)


class Listening(FaultyServer):
    """Answers what the article says, and keeps what it was asked."""

    def choose(self, request: Request) -> Reply:
        return status(200, MODELS) if request.path.endswith("/models") else completion(TOLD)

    @property
    def read(self) -> str:
        return "\n".join(json.dumps(request.body, ensure_ascii=False) for request in self.requests if request.body)


@pytest.fixture
def model() -> Listening:
    return Listening([])


@pytest.fixture
def house(tmp_path: Path, knowledge: Path, model: Listening) -> Iterator[Product]:
    settings = {"INNKEEPER_LLM_PROFILE": "qwen3", "INNKEEPER_LOG_LEVEL": "DEBUG"}
    with in_thread(model) as url, product(tmp_path, knowledge, url, **settings) as made:
        made.start("serve", "worker")
        yield made


def test_a_card_number_is_nowhere_to_be_found(house: Product, model: Listening) -> None:
    house.insist(message("t1", ASKED, "t1-1", subject=f"Paid with {CARD}"), "msg_t1")
    house.say("t2", f"I want to talk to a human. My card is {CARD}, I am {MAIL}")
    answered, handed = house.outcomes("t1")[0], house.outcomes("t2")[0]
    assert "pets" in model.read, "the model was asked"
    assert (answered["type"], handed["type"]) == ("agent.reply.sent", "agent.handoff.requested")
    assert MAIL in handed["data"]["summary"], "a person may know whom to write to"
    assert MAIL not in model.read
    with redis.Redis.from_url(house.redis.url, decode_responses=True) as client:
        stored = "\n".join(client.lrange(next(client.scan_iter(f"*conversation:{SOURCE}:t1:messages")), 0, -1))
    assert "[payment card]" in stored
    assert MAIL in stored
    house.stop("serve", "worker")
    # The append-only file of Redis among it: what was ever written stands there.
    files = [path for path in house.data_dir.parent.rglob("*") if path.is_file() and path.suffix not in {".onnx", ".safetensors"}]
    places = {str(path.relative_to(house.data_dir.parent)): path.read_bytes().decode("utf-8", "replace") for path in files}
    assert any("appendonly" in place or place.endswith(".aof") for place in places), sorted(places)
    everywhere = {**places, "the model": model.read, "the helpdesk": json.dumps([answered, handed])}
    for secret in (CARD, CARD.replace(" ", ""), IBAN, SSN):
        assert [place for place, said in everywhere.items() if secret in said] == []
    assert MAIL not in places["serve.log"] + places["worker.log"]


def test_a_question_without_a_ticket_is_cleaned_too(house: Product, model: Listening) -> None:
    answer = http().post(f"{house.url}/v1/answers", json={"question": ASKED}, timeout=120).json()
    assert answer["decision"] in {"answer", "draft"}
    for secret in SECRETS:
        assert secret not in model.read
        assert secret not in json.dumps(answer)
