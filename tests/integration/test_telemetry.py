"""Logs name the event first and never repeat an exception's words; metrics have closed labels."""

import asyncio
import gc
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from agent import telemetry
from agent.privacy.handling import PersonalRules
from agent.telemetry.logs import QUIET
from policies.privacy import CAREFUL, Classes, InLogs, PersonalData


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    telemetry.hide_in_logs(PersonalRules())


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_the_event_comes_first_with_the_bound_ids(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging()
    with structlog.contextvars.bound_contextvars(conversation_id="desk:1", run_id="r1"):
        structlog.get_logger("x").info("run_finished", decision="answer")
    (line,) = lines(capsys)
    assert next(iter(line)) == "event"
    assert (line["event"], line["conversation_id"], line["run_id"], line["decision"]) == (
        "run_finished",
        "desk:1",
        "r1",
        "answer",
    )


def test_an_exception_is_logged_by_place_not_by_words(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging()
    try:
        raise ValueError("my card is 4111")
    except ValueError as error:
        structlog.get_logger("x").error("turn_failed", exc_info=error)
        logging.getLogger("library").exception("library_failed")
    for line in lines(capsys):
        assert line["exception"] == "ValueError"
        assert "test_telemetry.py" in line["trace"][-1]
        assert "4111" not in json.dumps(line)


async def test_what_nobody_has_caught_is_logged_by_place_too(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging()

    async def fails() -> None:
        raise ValueError("a heron in the attic")

    def fails_with(text: str) -> None:
        raise ValueError(text)

    asyncio.get_running_loop().call_soon(fails_with, "a heron in the attic")
    task = asyncio.create_task(fails())
    await asyncio.wait({task})
    del task
    gc.collect()
    await asyncio.sleep(0)
    told = lines(capsys)
    assert [line["event"] for line in told] == [
        "Exception in callback test_what_nobody_has_caught_is_logged_by_place_too.<locals>.fails_with",
        "Task exception was never retrieved",
    ]
    assert {line["exception"] for line in told} == {"ValueError"}
    assert "heron" not in json.dumps(told)


def test_personal_data_is_hidden_wherever_in_a_line_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging()
    log = structlog.get_logger("x")
    log.info(
        "wrote ann@example.com", detail="card 4111 1111 1111 1111", nested={"a": [("+44 20 7946 0958",)]}, number=4111111111111111
    )
    log.warning("failed", error=ValueError("iban DE89370400440532013000"))
    logging.getLogger("library").warning("sent to %s, ssn %s", "ann@example.com", "219-09-9999")
    with structlog.contextvars.bound_contextvars(ticket="ann@example.com"):
        log.info("bound")
    first, second, third, fourth = lines(capsys)
    shown = json.dumps([first, second, third, fourth])
    for value in ("ann@", "4111", "7946", "DE89", "219-09", "3000"):
        assert value not in shown
    assert first["detail"] == "card [payment card]"
    assert third["event"].startswith("sent to [e-mail address #")
    # The same address in all three.
    assert first["event"].removeprefix("wrote ") == fourth["ticket"] == third["event"][8:].partition(",")[0]


def test_ids_times_and_counts_of_ours_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging()
    ids = {"run_id": "7f3b5c1e-4111-4b1a-9111-111111111111", "conversation_id": "desk:20155501234", "ms": 12.25, "tokens": 4111}
    structlog.get_logger("x").info("run_finished", done=True, nothing=None, **ids)
    (line,) = lines(capsys)
    assert {name: line[name] for name in ids} == ids
    assert (line["done"], line["nothing"]) == (True, None)
    assert line["timestamp"].startswith("20")


def test_logs_hide_by_the_rules_of_the_policies_once_they_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    masked = CAREFUL[PersonalData.PHONE].model_copy(update={"log": InLogs.MASKED})
    telemetry.configure_logging()
    telemetry.hide_in_logs(PersonalRules(Classes(phone=masked)))
    structlog.get_logger("x").info("called", number="+44 20 7946 0958")
    assert lines(capsys)[0]["number"] == "[phone number ending 0958]"


def test_the_level_holds_for_ours_and_for_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging("WARNING")
    structlog.get_logger("x").info("quiet")
    logging.getLogger("library").info("quiet")
    logging.getLogger("docket.worker").warning("quiet")
    logging.getLogger("library").warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_the_metrics_page_lists_ours() -> None:
    telemetry.EGRESS_REFUSED.inc(0)
    page = telemetry.metrics_page().decode()
    for name in (
        "turns_total",
        "turn_seconds",
        "model_calls_total",
        "model_call_seconds",
        "model_prompt_tokens_total",
        "model_cached_prompt_tokens_total",
        "model_completion_tokens_total",
        "model_fallbacks_total",
        "query_rewrites_total",
        "action_readings_total",
        "deliveries_total",
        "egress_refused_total",
        "outbox_pending",
    ):
        assert f"# TYPE innkeeper_{name.removesuffix('_total')}" in page


def test_processes_share_one_page(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").touch()
    environment = telemetry.fresh_metrics_dir(tmp_path)
    assert list(tmp_path.iterdir()) == []
    count = "from agent import telemetry; telemetry.TURNS.labels('answer').inc()"
    show = "from agent import telemetry; print(telemetry.metrics_page().decode())"
    for code in (count, count, show):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert 'innkeeper_turns_total{decision="answer"} 2.0' in done.stdout


def test_openmetrics_holds_the_trace_of_what_was_observed() -> None:
    with telemetry.traced("ab" * 16):
        telemetry.DELIVERY_SECONDS.observe(0.2, telemetry.exemplar())
    page, content_type = telemetry.metrics_in("application/openmetrics-text; version=1.0.0")
    families = text_string_to_metric_families(page.decode())
    told = [s.exemplar.labels for f in families for s in f.samples if f.name == "innkeeper_delivery_seconds" and s.exemplar]
    assert {"trace_id": "ab" * 16} in told
    assert content_type.startswith("application/openmetrics-text")
    plain, content_type = telemetry.metrics_in("text/html")
    assert b"trace_id" not in plain
    assert content_type.startswith("text/plain")


def test_processes_that_share_a_page_show_it_as_openmetrics_too(tmp_path: Path) -> None:
    code = (
        "from agent import telemetry; telemetry.DELIVERY_SECONDS.observe(1, {'trace_id': 'ab' * 16});"
        "print(telemetry.metrics_in('application/openmetrics-text')[0].decode())"
    )
    environment = telemetry.fresh_metrics_dir(tmp_path)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "innkeeper_delivery_seconds_count 1.0" in done.stdout
    assert done.stdout.rstrip().endswith("# EOF")
