"""Searches with a reranker: the order that it gives, what it sees, and what happens while it is away."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder, passage_text
from knowledge.errors import RerankerUnavailable
from knowledge.rerank_local import CrossEncoderReranker
from knowledge.rerank_step import RerankStep, Status
from knowledge.rerank_vllm import RerankerServer, VllmReranker
from knowledge.types import Audience, Query
from tests.integration.knowledge.help_centre import put
from tests.integration.knowledge.rerank_server import (
    Answer,
    RerankServer,
    after_the_probe,
    reply,
    reranking,
    results,
    without_template,
)

ASKED = Query("Can I bring my dog?")
EVERYONE = frozenset(Audience)
LIKES_ROUTERS = after_the_probe(results(lambda query, text: 0.99 if "router" in text else 0.01))
Open = Callable[..., KnowledgeBase]


@pytest.fixture
def server() -> Iterator[RerankServer]:
    with reranking() as server:
        server.answer = LIKES_ROUTERS
        yield server


@pytest.fixture
def open_base(data: Path, docs: Path, embedder: SentenceTransformerEmbedder) -> Iterator[Open]:
    """The help centre with a reranker: a server or a folder. `retry_s` as in `RerankStep`."""
    bases: list[KnowledgeBase] = []

    def opened(reranker: RerankServer | Path | None, retry_s: float = 0.0) -> KnowledgeBase:
        at = RerankerServer(reranker.base_url, "m", timeout_s=1.0) if isinstance(reranker, RerankServer) else None
        step = RerankStep(VllmReranker(at) if at else CrossEncoderReranker(reranker) if reranker else None, retry_s)
        base = KnowledgeBase(KnowledgeSettings(data), embedder, step)
        bases.append(base)
        base.sync([docs])
        return base

    yield opened
    for base in bases:
        base.close()


def order(base: KnowledgeBase, query: Query = ASKED) -> list[str]:
    hits = base.search(query)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    return [str(hit.passage.doc_id) for hit in hits]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "knowledge.rerank_step"]


def test_a_server_reorders_what_is_found(open_base: Open, server: RerankServer):
    assert order(open_base(None))[0] == "pets"
    base = open_base(server)

    assert order(base)[0] == "wifi"
    assert sorted(order(base)) == ["keys", "pets", "refund", "wifi"]
    assert base.reranker_state.status is Status.READY
    assert base.reranker_state.reranked == 2


def test_what_comes_first_may_lie_below_the_number_asked_for(open_base: Open, server: RerankServer):
    assert order(open_base(server), Query(ASKED.text, k=1)) == ["wifi"]


def test_it_reads_title_headings_and_text(open_base: Open, server: RerankServer):
    base = open_base(server)

    base.search(ASKED)

    assert "Pets\nYou may bring two dogs. Each dog costs 4 euros per night." in server.asked[-1]["documents"]


def test_it_reads_the_last_turns_before_the_request(open_base: Open, server: RerankServer):
    base = open_base(server)

    base.search(Query("And the router?", earlier=("long ago", "We arrive on Friday.", "Anything else?")))

    assert server.queries == ["We arrive on Friday.\nAnything else?\nAnd the router?"]


def test_it_never_sees_what_the_asker_may_not(open_base: Open, server: RerankServer):
    base = open_base(server)

    base.search(Query("How high may a voucher be?"))
    assert not any("voucher" in text for one in server.asked for text in one["documents"])
    base.search(Query("How high may a voucher be?", EVERYONE))
    assert any("voucher" in text for one in server.asked for text in one["documents"])


def test_a_cross_encoder_reorders_what_is_found(open_base: Open, docs: Path, word_model: Path):
    put(docs, "towels", "---\nid: towels\ntitle: Linen\n---\nCanine towels cost; friends bring them for free.\n")
    asked = Query("how many friends may I bring?")
    plain, base = open_base(None), open_base(word_model)
    base.check()

    # What the model likes best is not what comes first without it.
    model = CrossEncoderReranker(word_model)
    hits = plain.search(asked)
    likes = dict(
        zip([hit.passage.doc_id for hit in hits], model.score(asked.text, [passage_text(h.passage) for h in hits]), strict=True)
    )
    first, second = sorted(likes, key=lambda one: -likes[one])[:2]
    assert likes[first] - likes[second] > 0.1

    assert order(plain, asked)[0] != first
    assert order(base, asked)[0] == first


def test_where_it_tells_nothing_apart_the_order_stays(open_base: Open, word_model: Path):
    asked = Query("payment for two nights")
    plain, base = open_base(None), open_base(word_model)

    assert order(base, asked) == order(plain, asked)
    assert base.search(asked)[0].score < plain.search(asked)[0].score


@pytest.mark.parametrize("answer", [reply(500), reply(200, b"{"), results(without_template)])
def test_a_search_goes_on_without_it(open_base: Open, server: RerankServer, answer: Answer, caplog: pytest.LogCaptureFixture):
    server.answer = answer
    plain = open_base(None).search(ASKED)
    base = open_base(server)

    with caplog.at_level(logging.WARNING, "knowledge"):
        assert [base.search(ASKED) for _ in range(3)] == [plain] * 3

    state = base.reranker_state
    assert (state.status, state.passed_over, state.outages, state.reranked) == (Status.UNAVAILABLE, 3, 1, 0)
    (told,) = warnings(caplog)
    assert told.startswith("reranker_unavailable")
    assert state.reason in told
    assert "dog" not in told
    assert server.queries == []


def test_it_is_used_again_when_it_is_back(open_base: Open, server: RerankServer, caplog: pytest.LogCaptureFixture):
    base = open_base(server)
    seen = []
    with caplog.at_level(logging.WARNING, "knowledge"):
        for answer in (LIKES_ROUTERS, reply(503), reply(503), LIKES_ROUTERS, reply(503)):
            server.answer = answer
            seen.append(order(base)[0])

    assert seen == ["wifi", "pets", "pets", "wifi", "pets"]
    assert [line.split(":")[0] for line in warnings(caplog)] == ["reranker_unavailable", "reranker_back", "reranker_unavailable"]
    assert (base.reranker_state.outages, base.reranker_state.reranked) == (2, 2)


def test_searches_do_not_wait_for_it_while_it_is_away(open_base: Open, server: RerankServer):
    base = open_base(server, retry_s=600.0)
    server.answer = server.stall

    for _ in range(5):
        assert order(base)[0] == "pets"

    assert server.probes == 1
    assert base.reranker_state.passed_over == 5


def test_a_server_that_is_away_is_no_reason_not_to_start(open_base: Open, server: RerankServer):
    base = open_base(server)
    server.answer = reply(503)

    base.check()
    with pytest.raises(RerankerUnavailable, match="HTTP 503"):
        base.check_reranker()


def test_a_folder_that_can_not_be_used_is(open_base: Open, tmp_path: Path):
    base = open_base(tmp_path / "nowhere")

    with pytest.raises(RerankerUnavailable, match="nowhere"):
        base.check()
    assert order(base)[0] == "pets"
    assert base.reranker_state.status is Status.UNAVAILABLE


def test_the_settings_name_it(data: Path, embedder: SentenceTransformerEmbedder, server: RerankServer, word_model: Path):
    names = []
    for reranker in (None, word_model, RerankerServer(server.base_url, "qwen3-reranker")):
        base = KnowledgeBase(KnowledgeSettings(data, reranker=reranker), embedder)
        base.check_reranker()
        names.append(base.reranker_state.name)
        base.close()

    assert names == ["", "words", f"qwen3-reranker, at 127.0.0.1:{server.port}"]
    assert server.probes == 2
