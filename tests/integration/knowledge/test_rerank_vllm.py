"""The client of vLLM's /v1/rerank against a real server: right, wrong and broken."""

import threading
import traceback
from collections.abc import Callable, Iterator

import pytest

from knowledge.errors import RerankerUnavailable
from knowledge.rerank_vllm import DOCUMENTS, INSTRUCTION, TEXT_CHARS, RerankerServer, VllmReranker
from tests.integration.knowledge.rerank_server import (
    Answer,
    RerankServer,
    after_the_probe,
    reply,
    reranking,
    results,
    with_template,
    without_template,
)

QUERY = "dogs in the pool"
TEXTS = ["Towels are in the bathroom.", "No dogs in the pool, please.", "The pool opens at nine."]
Make = Callable[..., VllmReranker]


@pytest.fixture
def server() -> Iterator[RerankServer]:
    with reranking() as server:
        yield server


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[VllmReranker] = []

    def client(server: RerankServer, timeout_s: float = 5.0, api_key: str | None = None, **options: float) -> VllmReranker:
        made.append(VllmReranker(RerankerServer(server.base_url, "qwen3-reranker", api_key, timeout_s), **options))
        return made[-1]

    yield client
    for one in made:
        one.close()


def test_scores_come_in_the_order_of_the_texts(server: RerankServer, make: Make):
    scores = make(server).score(QUERY, TEXTS)

    assert scores == [with_template(QUERY, text) for text in TEXTS]
    assert scores[1] > scores[2] > scores[0]


def test_the_request_is_the_documented_one(server: RerankServer, make: Make):
    make(server, api_key="k3y").score(QUERY, TEXTS)

    assert server.asked[-1] == {"model": "qwen3-reranker", "query": QUERY, "documents": TEXTS, "instruction": INSTRUCTION}
    assert set(server.paths) == {"/v1/rerank"}
    assert set(server.keys) == {"Bearer k3y"}


def test_no_key_is_sent_if_there_is_none(server: RerankServer, make: Make):
    make(server).score(QUERY, TEXTS)

    assert set(server.keys) == {None}


def test_texts_are_cut_and_sent_in_batches(server: RerankServer, make: Make):
    texts = [f"dogs {n} \ud83d " + "x" * 10_000 for n in range(DOCUMENTS + 3)]

    scores = make(server).score(QUERY, texts)

    sent = [one["documents"] for one in server.asked if one["query"] == QUERY]
    assert [len(batch) for batch in sent] == [DOCUMENTS, 3]
    assert {len(text) for batch in sent for text in batch} == {TEXT_CHARS}
    assert len(scores) == len(texts)


def test_nothing_is_asked_for_no_texts(server: RerankServer, make: Make):
    assert make(server).score(QUERY, []) == []
    assert server.asked == []


def test_what_is_known_is_asked_first_and_once(server: RerankServer, make: Make):
    client = make(server)

    client.score(QUERY, TEXTS)
    client.score(QUERY, TEXTS)

    assert (server.probes, server.asked[2]["query"], len(server.queries)) == (2, QUERY, 2)


def test_many_threads_ask_what_is_known_once(server: RerankServer, make: Make):
    client = make(server)
    found: list[list[float]] = []
    threads = [threading.Thread(target=lambda: found.append(client.score(QUERY, TEXTS))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert server.probes == 2
    assert found == [found[0]] * 6


def test_a_server_without_the_template_is_refused_and_sees_no_search(server: RerankServer, make: Make):
    server.answer = results(without_template)

    with pytest.raises(RerankerUnavailable) as refused:
        make(server).score(QUERY, TEXTS)

    assert "--chat-template qwen3_reranker.jinja" in str(refused.value)
    assert "--hf-overrides" in str(refused.value)
    assert server.queries == []


@pytest.mark.parametrize(
    "score",
    [
        lambda query, document: 0.9 if "capital" in document else 0.1,  # looks at the texts alone
        lambda query, document: 0.5 + 0.1 * with_template(query, document),  # in order, and near to each other
        lambda query, document: 1 - with_template(query, document),
        lambda query, document: 0.0,
    ],
)
def test_other_wrong_scores_are_refused(server: RerankServer, make: Make, score: Callable[[str, str], float]):
    server.answer = results(score)

    with pytest.raises(RerankerUnavailable, match="wrong scores"):
        make(server).score(QUERY, TEXTS)


def test_after_a_failure_what_is_known_is_asked_again(server: RerankServer, make: Make):
    client = make(server)
    client.score(QUERY, TEXTS)
    server.answer = reply(503)
    with pytest.raises(RerankerUnavailable):
        client.score(QUERY, TEXTS)

    server.answer = results(without_template)
    with pytest.raises(RerankerUnavailable, match="chat-template"):
        client.score(QUERY, TEXTS)
    server.answer = results(with_template)

    assert client.score(QUERY, TEXTS) == [with_template(QUERY, text) for text in TEXTS]


def test_a_server_that_was_exchanged_is_found_out_in_time(server: RerankServer, make: Make):
    client = make(server, proven_s=0.0)
    client.score(QUERY, TEXTS)
    server.answer = results(without_template)

    with pytest.raises(RerankerUnavailable, match="chat-template"):
        client.score(QUERY, TEXTS)


def test_check_asks_now(server: RerankServer, make: Make):
    client = make(server)
    client.check()
    client.check()
    server.answer = results(without_template)

    with pytest.raises(RerankerUnavailable, match="chat-template"):
        client.check()
    assert (server.probes, server.queries) == (6, [])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(500, b"dogs in the pool"), "HTTP 500: see the server's own log"),
        (reply(401), "INNKEEPER_RERANKER_API_KEY"),
        (reply(404), "INNKEEPER_RERANKER_MODEL"),
        (reply(400), "--runner pooling"),
        (reply(200, b"<html>dogs in the pool"), "not a list of scores"),
        (reply(200, b"\xff\xfe"), "not a list of scores"),
        (reply(200, b'{"results": [{"index": 0, "relevance_score": NaN}]}'), "within 0 to 1"),
        (reply(200, b"[" * 100_000), "not a list of scores"),
        (reply(200, {"results": [{"index": "dogs", "relevance_score": 0.5}]}), "a result without an index"),
        (reply(200, {"results": []}), "0 scores for 3 texts"),
        (reply(200, {"results": [{"index": 7, "relevance_score": 0.5}]}), "index 7 of 3"),
        (reply(200, {"results": [{"index": 1, "relevance_score": 0.5}] * 3}), "index 1 of 3"),
        (reply(200, b" " * 4_100_000), "more than 4,000,000 bytes"),
    ],
)
def test_what_is_no_answer_is_told(server: RerankServer, make: Make, answer: Answer, reason: str):
    server.answer = after_the_probe(answer)

    with pytest.raises(RerankerUnavailable, match="the reranker at 127") as refused:
        make(server).score(QUERY, TEXTS)

    assert reason in str(refused.value)
    assert "dogs" not in str(refused.value)


def test_a_redirect_is_not_followed(server: RerankServer, make: Make):
    with reranking() as other:
        server.answer = reply(307, Location=f"{other.base_url}/rerank")
        with pytest.raises(RerankerUnavailable, match="not followed"):
            make(server).score(QUERY, TEXTS)
        assert other.asked == []


def test_a_server_that_stalls_or_drips_is_given_up(server: RerankServer, make: Make):
    for answer in (server.stall, server.drip):
        server.answer = answer
        with pytest.raises(RerankerUnavailable, match=r"did not answer in 0\.3 s"):
            make(server, timeout_s=0.3).score(QUERY, TEXTS)


def test_those_who_wait_for_a_server_that_is_away_do_not_each_wait_again(server: RerankServer, make: Make):
    server.answer = server.stall
    client = make(server, timeout_s=0.5)
    failed: list[str] = []

    def ask() -> None:
        try:
            client.score(QUERY, TEXTS)
        except RerankerUnavailable as error:
            failed.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(failed) == 8
    assert server.probes < 8


def test_a_server_that_is_not_there_is_told(make: Make):
    with pytest.raises(RerankerUnavailable, match="can't be reached"):
        make(RerankServer(9)).score(QUERY, TEXTS)


@pytest.mark.parametrize("url", ["vllm:8000", "ftp://vllm/v1", "http://", "", "http://[vllm/v1", "http://vllm:99999/v1"])
def test_an_address_that_is_none_is_told(url: str):
    with pytest.raises(RerankerUnavailable, match="INNKEEPER_RERANKER_URL"):
        VllmReranker(RerankerServer(url, "m"))


def test_no_name_or_repr_holds_a_secret():
    server = RerankerServer("http://user:hush-1@127.0.0.1:9/v1", "m", "hush-2")
    client = VllmReranker(server)
    with pytest.raises(RerankerUnavailable) as refused:
        client.check()
    client.close()

    assert client.name == "m, at 127.0.0.1:9"
    assert "hush-2" not in repr(server)
    assert "hush" not in client.name + str(refused.value)


@pytest.mark.parametrize("key", ["hush-3\n", "hush-3\x00", "hush-3é"])
def test_a_key_that_can_not_be_sent_is_told_and_not_shown(key: str):
    with pytest.raises(RerankerUnavailable, match="INNKEEPER_RERANKER_API_KEY") as refused:
        VllmReranker(RerankerServer("http://127.0.0.1:9/v1", "m", key))
    assert "hush" not in "".join(traceback.format_exception(refused.value))
