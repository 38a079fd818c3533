"""`innkeeper eval answers` over a real knowledge base and a scripted model: judged, stopped, killed, compared."""

import datetime as dt
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.evaluation.runs import read_run
from knowledge.usage import UsageRecord
from tests.e2e.product import INNKEEPER, ROOT, environment, until
from tests.faulty_server import stall, status
from tests.integration.evaluation.asked import CASES, CAT, DOG, WIFI, Scripted, fill, run, scripted, written

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("answers"))


@pytest.fixture
def house() -> Iterator[tuple[Scripted, dict[str, str]]]:
    with scripted() as made:
        yield made


def told(done: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, Any]:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_judges_what_would_be_sent_and_shows_every_sentence_with_its_source(data: Path, house, tmp_path: Path):
    _, settings = house
    file, out, page = written(tmp_path / "mine.jsonl", *CASES), tmp_path / "run.jsonl", tmp_path / "page.html"
    command = ("eval", "answers", str(file), "--out", str(out))
    body = told(run(data, *command, "--json", "--report", str(page), **settings))
    cases = {one["id"]: one for one in body["cases"]}
    assert {name: one["judgement"]["verdict"] for name, one in cases.items()} == {
        **{"dog": "right", "cat": "wrong", "wifi": "right", "person": "right"}
    }
    assert cases["cat"]["judgement"]["why"] == ["missing fact: €7"]
    (sentence,) = cases["dog"]["made"]["sentences"]
    assert (sentence["text"], sentence["doc_id"]) == ("A dog costs €12 per night.", "pet-fees")
    assert sentence["span"] in "A dog costs €12 per night. A cat costs €5 per night."
    assert sentence["support"] > 0.5
    assert cases["person"]["made"]["usage"]["llm_calls"] == 0
    assert all(one["made"]["run_id"] == name and one["made"]["untraced"] == [] for name, one in cases.items())
    figures = body["figures"]
    assert (figures["answerable"], figures["answered"] + figures["proposed"], figures["right_article"]) == (3, 3, 3)
    assert figures["decisions"]["labels"] == ["answer", "handoff"]
    assert {row["topic"]: row["judged"] for row in body["topics"]}["payments"] == 2  # pet-fees is one of its articles
    assert "A dog costs €12 per night." in page.read_text(encoding="utf-8")
    assert [one.id for one in read_run(out).records] == [case["id"] for case in CASES]

    for_people = run(data, *command, **settings)
    assert for_people.returncode == 0, for_people.stderr
    assert "right 3, wrong 1" in for_people.stdout
    assert "missing fact: €7" in for_people.stdout
    assert "decisions: 4 of 4 as expected, macro-F1 1.00" in for_people.stdout


def test_its_searches_are_not_those_of_customers(data: Path, house, tmp_path: Path):
    _, settings = house
    told(run(data, "eval", "answers", str(written(tmp_path / "f.jsonl", CASES[0])), "--json", "--fresh", **settings))
    assert UsageRecord(data / "usage.sqlite3").since(dt.date(2020, 1, 1)).searches == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_a_run_that_is_stopped_or_killed_goes_on(data: Path, house, tmp_path: Path, number: signal.Signals, code: int):
    model, settings = house
    file, out = written(tmp_path / "mine.jsonl", *CASES), tmp_path / "run.jsonl"
    command = ("eval", "answers", str(file), "--out", str(out), "--json")
    model.instead[WIFI] = stall
    patient = {**settings, "INNKEEPER_LLM_TIMEOUT_S": "60"}
    process = subprocess.Popen(
        (*INNKEEPER, *command),
        cwd=ROOT,
        env=environment(data, **patient),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: WIFI in model.drafted, 120)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    if number is not signal.SIGKILL:
        assert "stopped: 2 of 4 cases are done; the same command goes on from there" in errors
    assert [one.id for one in read_run(out).records] == ["dog", "cat"]
    model.instead.clear()
    model.drafted.clear()
    done = run(data, *command, **settings)
    assert {one["id"]: one["judgement"]["verdict"] for one in told(done)["cases"]}["wifi"] == "right"
    assert "going on: 2 of 4 cases are done already" in done.stderr
    assert set(model.drafted) == {WIFI}


def test_what_failed_is_told_and_tried_again(data: Path, house, tmp_path: Path):
    model, settings = house
    file, out = written(tmp_path / "mine.jsonl", *CASES), tmp_path / "run.jsonl"
    command = ("eval", "answers", str(file), "--out", str(out), "--json")
    model.instead[CAT] = status(503, {"error": {"message": "busy"}})
    done = run(data, *command, **settings)
    failed = {one["id"]: one["failed"] for one in told(done, 1)["cases"] if one["failed"]}
    assert "cat" in failed
    assert "ModelUnavailable" in failed["cat"]
    assert "failed: ModelUnavailable" in done.stderr
    model.instead.clear()
    body = told(run(data, *command, **settings))
    assert body["figures"]["failed"] == 0
    assert len(read_run(out).records) == 4


def test_a_model_that_is_away_is_not_asked_for_ever(data: Path, house, tmp_path: Path):
    _, settings = house
    cases = [{"id": f"c{n}", "question": DOG} for n in range(12)]
    away = {**settings, "INNKEEPER_LLM_BASE_URL": "http://127.0.0.1:9/v1"}
    done = run(
        data, "eval", "answers", str(written(tmp_path / "f.jsonl", *cases)), "--out", str(tmp_path / "r"), "--json", **away
    )
    body = told(done, 1)
    assert (len(body["cases"]), body["left"]) == (5, 7)
    assert "5 cases in a row have failed, so the other 7 were not asked" in done.stderr


def test_another_policy_begins_anew_and_every_changed_answer_is_listed(data: Path, house, tmp_path: Path):
    model, settings = house
    file, out, page = written(tmp_path / "mine.jsonl", *CASES), tmp_path / "run.jsonl", tmp_path / "page.html"
    command = ("eval", "answers", str(file), "--out", str(out))
    told(run(data, *command, "--json", **settings))
    other = {**settings, "INNKEEPER_LLM_MODEL": "another"}
    refused = run(data, *command, "--json", **other)
    assert refused.returncode == 1
    assert "was begun otherwise: the model (innkeeper-chat then, another now)" in refused.stderr
    assert "--fresh" in refused.stderr

    model.says = {**model.says, WIFI: "The wifi password is in the house manual under Trips."}
    compared = run(data, *command, "--fresh", "--against", str(out), "--report", str(page), **other)
    assert compared.returncode == 0, compared.stderr
    assert "run-1.jsonl" in compared.stderr
    assert "beside the earlier run: 3 alike, 1 differ (0 worse, 0 better, 1 changed)" in compared.stdout
    assert "under Trips" in compared.stdout
    body = told(run(data, *command, "--json", "--against", str(tmp_path / "run-1.jsonl"), **other))
    (change,) = body["comparison"]["changes"]
    assert (change["id"], change["turn"]) == ("wifi", "changed")
    # What leaves a condition out is not sent: the article was quoted in its place.
    before, after = ([one["is_quote"] for one in change[side]["sentences"]] for side in ("before", "after"))
    assert (before, after) == ([True], [False])
    assert change["before"]["answer"] != change["after"]["answer"]
    assert "Every changed answer" in page.read_text(encoding="utf-8")
    itself = run(data, *command, "--against", str(out), **other)
    assert itself.returncode == 1
    assert "is this very run" in itself.stderr


def test_a_run_of_other_code_is_refused(data: Path, house, tmp_path: Path):
    _, settings = house
    out = tmp_path / "run.jsonl"
    command = ("eval", "answers", str(written(tmp_path / "mine.jsonl", CASES[3])), "--out", str(out), "--json")
    code = told(run(data, *command, **settings))["header"]["code"]
    out.write_text(out.read_text(encoding="utf-8").replace(code, "0123456789ab"), encoding="utf-8")
    refused = run(data, *command, **settings)
    assert refused.returncode == 1
    assert f"was begun otherwise: Innkeeper's code (0123456789ab then, {code} now). Begin anew with --fresh" in refused.stderr


def test_wrong_use_and_broken_files_are_told(data: Path, tmp_path: Path):
    file = written(tmp_path / "mine.jsonl", CASES[0])
    assert run(data, "eval", "answers").returncode == 2
    assert run(data, "eval", "answers", str(file), "--report", str(tmp_path / "no" / "page.html")).returncode == 2
    broken = run(data, "eval", "answers", str(written(tmp_path / "bad.jsonl", {"facts": []})))
    assert broken.returncode == 1
    assert "line 1: give either `question` or `conversation`" in broken.stderr
    none = run(data, "eval", "answers", str(file), "--against", str(tmp_path / "none.jsonl"))
    assert none.returncode == 1
    assert "can't be read" in none.stderr
    empty = run(tmp_path / "empty", "eval", "answers", str(file))
    assert empty.returncode == 1
    assert "innkeeper ingest" in empty.stderr
