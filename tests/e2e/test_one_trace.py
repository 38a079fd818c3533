"""One ticket through the started product: one id in its logs, its spans, its metrics and the answers to who sent it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from agent.telemetry import trace_id_of
from tests.collector import Collector
from tests.e2e.product import SOURCE, ModelServer, Product, http, message, product, until
from tests.servers import free_port

pytestmark = pytest.mark.slow

QUESTION = "How much do I get back if I cancel three days before check-in?"
"""What an article surely answers, so that the model is asked for a draft."""
SUBJECT = "Zorblatt of Nowhere Street"
TRACE = trace_id_of(f"{SOURCE}:one", "m-1")
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, knowledge: Path, model: ModelServer, collector: Collector
) -> Iterator[Product]:
    settings = {"INNKEEPER_OTLP_ENDPOINT": collector.url, "INNKEEPER_WORKER_PORT": str(free_port())}
    with product(tmp_path_factory.mktemp("trace"), knowledge, model.url, **settings) as made:
        made.start("serve", "worker")
        yield made
        assert made.stop("worker", "serve") == [0, 0]


@pytest.fixture(scope="module")
def outcome(house: Product) -> dict[str, Any]:
    taken = house.deliver(message("one", QUESTION, "m-1", subject=SUBJECT))
    assert (taken.status_code, taken.headers["x-innkeeper-trace"]) == (202, TRACE)
    return house.outcomes("one")[0]


def worker(house: Product, path: str) -> Any:
    return http().get(f"http://127.0.0.1:{house.settings['INNKEEPER_WORKER_PORT']}{path}", headers=OPENMETRICS)


def lines(house: Product) -> list[dict[str, Any]]:
    texts = [house.log(command).read_text() for command in ("serve", "worker")]
    return [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]


def test_every_line_of_its_log_bears_the_one_id_and_no_word_of_the_customer(house: Product, outcome: dict[str, Any]) -> None:
    until(lambda: any(one["event"] == "delivered" for one in lines(house)), 60)
    about = [one for one in lines(house) if f"{SOURCE}:one" in json.dumps(one)]
    assert {"webhook_taken", "run_started", "model_called", "run_finished", "delivered"} <= {one["event"] for one in about}
    assert {one.get("trace_id") for one in about} == {TRACE}
    everything = json.dumps(lines(house))
    assert not any(words in everything for words in ("Zorblatt", "three days", "get back", outcome["data"]["text"][:40]))


def test_its_spans_come_from_both_processes_and_hang_together(
    house: Product, outcome: dict[str, Any], collector: Collector
) -> None:
    until(lambda: {"ticket", "turn", "delivery"} <= set(collector.of(TRACE)), 60, lambda: str(collector.of(TRACE)))
    found = collector.of(TRACE)
    assert {"queue", "triage", "gate", "retrieve", "draft", "verify", "decide", "model", "commit"} <= set(found)
    ticket, turn, draft, model = (found[name][0] for name in ("ticket", "turn", "draft", "model"))
    assert (ticket.process, turn.process) == ("serve", "worker")
    assert {turn.parent_id, found["queue"][0].parent_id, found["delivery"][0].parent_id} == {ticket.span_id}
    assert (draft.parent_id, model.parent_id) == (turn.span_id, draft.span_id)
    assert turn.facts["innkeeper.decision"] == outcome["data"]["decision"]
    assert model.facts["gen_ai.usage.input_tokens"] > 0
    assert not any(words.encode() in collector.raw for words in ("Zorblatt", "three days", outcome["data"]["text"][:40]))


def test_a_repeat_has_the_same_id_and_no_second_first_span(house: Product, outcome: dict[str, Any], collector: Collector) -> None:
    again = house.deliver(message("one", QUESTION, "m-1", subject=SUBJECT))
    assert (again.json()["status"], again.headers["x-innkeeper-trace"]) == ("duplicate", TRACE)
    refused = http().post(f"{house.url}/webhooks/{SOURCE}", content=b"{}")
    assert refused.status_code == 401
    assert "x-innkeeper-trace" not in refused.headers


def test_a_question_by_the_api_has_an_id_of_its_own(house: Product, collector: Collector) -> None:
    answers = [http().post(f"{house.url}/v1/answers", json={"question": QUESTION}, timeout=120) for _ in range(2)]
    ids = [answer.headers["x-innkeeper-trace"] for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(set(ids)) == 2
    until(lambda: {"ticket", "answer", "decide"} <= set(collector.of(ids[1])), 60, lambda: str(collector.of(ids[1])))
    assert {one["trace_id"] for one in lines(house) if one["event"] == "question_answered"} == set(ids)


def test_the_worker_shows_its_health_and_its_metrics_with_exemplars(house: Product, outcome: dict[str, Any]) -> None:
    assert worker(house, "/healthz").json() == {"status": "ok"}
    assert worker(house, "/readyz").json()["status"] == "ready"
    assert worker(house, "/webhooks/acme").status_code == 404

    def samples() -> dict[tuple[str, ...], Any]:
        page = worker(house, "/metrics")
        assert page.headers["content-type"].startswith("application/openmetrics-text")
        families = text_string_to_metric_families(page.text)
        return {(s.name, *s.labels.values()): s for family in families for s in family.samples}

    until(lambda: samples()["innkeeper_delivery_seconds_count",].value >= 1, 60)
    found = samples()
    decision = outcome["data"]["decision"]
    assert found["innkeeper_outcomes_total", "generic", decision].value == 1
    assert found["innkeeper_first_answer_seconds_count", decision].value == 1
    assert found["innkeeper_oldest_unanswered_seconds",].value == 0
    assert found["innkeeper_queue_jobs", "deliveries"].value >= 1  # the sweep
    assert found["innkeeper_ready", "redis"].value == found["innkeeper_ready", "model"].value == 1
    for name in ("innkeeper_turn_seconds_bucket", "innkeeper_first_answer_seconds_bucket", "innkeeper_delivery_seconds_bucket"):
        told = {s.exemplar.labels["trace_id"] for key, s in found.items() if key[0] == name and s.exemplar}
        assert TRACE in told, name
