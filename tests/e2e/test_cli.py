"""The command line as programs and people meet it: JSON of a known shape, or one clear message."""

import json
import shutil
from pathlib import Path

import pytest

from policies.load import default_folder
from tests.e2e.product import run
from tests.integration.knowledge.rerank_server import reranking

pytestmark = pytest.mark.slow

QUESTION = "How much do I get back if I cancel three days before check-in?"


def assert_fails(done, code: int, *words: str) -> None:
    """One message on stderr that says all of this; nothing on stdout, no traceback."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") <= 1
    for word in words:
        assert word in done.stderr


def test_ask_gives_the_object_of_the_api_and_nothing_else(data_dir: Path) -> None:
    done = run(data_dir, "ask", QUESTION, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    body = json.loads(done.stdout)
    assert list(body) == [
        *("decision", "answer", "citations", "confidence", "reason", "language", "policy", "usage", "timings_ms"),
    ]
    assert body["decision"] == "answer"
    assert {"version", "rules"} <= set(body["policy"])
    assert set(body["usage"]) == {"llm_calls", "prompt_tokens", "completion_tokens"}
    assert all(list(c) == ["n", "doc_id", "passage_id", "title", "url", "quote"] for c in body["citations"])
    assert any("50%" in citation["quote"] for citation in body["citations"])


def test_ask_for_people_shows_the_answer_and_its_source(data_dir: Path) -> None:
    done = run(data_dir, "ask", QUESTION)
    assert (done.returncode, done.stderr) == (0, "")
    assert "answer" in done.stdout
    assert "50%" in done.stdout
    assert "[1]" in done.stdout


def test_search_gives_its_rows_and_nothing_else(data_dir: Path) -> None:
    done = run(data_dir, "search", "cancel", "-k", "3", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [list(row) for row in rows] == [["doc_id", "passage_id", "title", "score", "text"]] * 3


def test_search_says_why_it_shows_nothing(tmp_path: Path) -> None:
    done = run(tmp_path / "data", "search", "pool")
    assert (done.returncode, done.stdout) == (0, "")
    assert "the knowledge base is empty" in done.stderr
    (tmp_path / "pool.md").write_text("---\naudience: internal\n---\nThe pool's alarm code is in the safe.\n")
    run(tmp_path / "data", "ingest", str(tmp_path / "pool.md"))
    done = run(tmp_path / "data", "search", "pool")
    assert (done.returncode, done.stdout) == (0, "")
    assert "--internal" in done.stderr
    assert "alarm" in run(tmp_path / "data", "search", "pool", "--internal").stdout
    assert_fails(run(tmp_path / "data", "search", " "), 2, "the query is empty")


def test_search_keeps_to_languages(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for language in ("en", "de-AT", "fr"):
        (folder / f"{language}.md").write_text(f"---\nid: pool-{language}\nlanguage: {language}\n---\nPool 12.\n")
    (folder / "any.md").write_text("---\nid: pool-any\n---\nPool 14.\n")
    run(tmp_path / "data", "ingest", str(folder))

    def found(*arguments: str) -> set[str]:
        done = run(tmp_path / "data", "search", "pool", *arguments, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return {row["doc_id"] for row in json.loads(done.stdout)}

    assert found("--language", "de") == {"pool-de-AT", "pool-any"}
    assert found("--language", "DE", "--language", "fr") == {"pool-de-AT", "pool-fr", "pool-any"}
    assert found() == {"pool-en", "pool-de-AT", "pool-fr", "pool-any"}


def test_ingest_reports_what_it_did_and_names_what_it_could_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "good.md").write_text("# Pool\n\nThe pool is heated from May to September.\n")
    done = run(tmp_path / "data", "ingest", str(folder), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert set(report) == {"added", "updated", "unchanged", "removed", "failed", "passages", "sources"}
    assert (len(report["added"]), report["failed"], report["passages"]) == (1, [], 1)

    (folder / "bad.md").write_bytes(b"\xff\xfe\x00broken\x9f")
    done = run(tmp_path / "data", "ingest", str(folder), "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(report["unchanged"]) == 1
    assert report["failed"][0]["source"].endswith("bad.md")


def test_doctor_says_what_is_missing(data_dir: Path) -> None:
    done = run(data_dir, "doctor", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    assert set(report) == {"ok", "checks", "egress"}
    found = {check["name"]: check for check in report["checks"]}
    assert [name for name, check in found.items() if not check["ok"]] == ["redis"]
    assert "innkeeper up" in found["redis"]["detail"]


def test_doctor_asks_the_reranker_and_may_reach_it(tmp_path: Path) -> None:
    server = {"INNKEEPER_RERANKER_URL": "http://localhost:9/v1", "INNKEEPER_RERANKER_MODEL": "qwen3-reranker"}
    report = json.loads(run(tmp_path, "doctor", "--json", **server).stdout)
    found = {check["name"]: check for check in report["checks"]}
    assert not found["reranker"]["ok"]
    assert "the reranker at localhost:9 can't be reached" in found["reranker"]["detail"]
    assert "localhost:9" in report["egress"]["allowed"]

    with reranking() as reranker:
        server["INNKEEPER_RERANKER_URL"] = reranker.base_url
        report = json.loads(run(tmp_path, "doctor", "--json", **server).stdout)
    (check,) = [check for check in report["checks"] if check["name"] == "reranker"]
    assert check["ok"]
    assert check["detail"] == f"qwen3-reranker, at 127.0.0.1:{reranker.port}; the probe with known answers passed"


def test_a_verifier_that_is_not_there_stops_the_start_and_is_told_by_doctor(tmp_path: Path) -> None:
    folder = shutil.copytree(default_folder(), tmp_path / "policies")
    (folder / "topics.yaml").write_text("otherwise: {dial: draft, verifiers: [built_in, cross_encoder]}\n")
    pack = {"INNKEEPER_POLICY_DIR": str(folder)}
    assert_fails(run(tmp_path, "up", **pack), 1, "cross_encoder", "INNKEEPER_VERIFIER_MODEL")
    report = json.loads(run(tmp_path, "doctor", "--json", **pack).stdout)
    (check,) = [check for check in report["checks"] if check["name"] == "verifiers"]
    assert not check["ok"]
    assert "INNKEEPER_VERIFIER_MODEL is not set" in check["detail"]


def test_an_empty_knowledge_base_is_named(tmp_path: Path) -> None:
    assert_fails(run(tmp_path, "ask", "hello?"), 1, "is empty", "innkeeper ingest")


def test_an_unknown_setting_is_named_with_its_neighbour(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", INNKEEPER_REDIS_ULR="redis://x")
    assert_fails(done, 1, "INNKEEPER_REDIS_ULR", "did you mean INNKEEPER_REDIS_URL?")


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    assert_fails(run(tmp_path, "ingest", str(tmp_path / "nowhere")), 1, str(tmp_path / "nowhere"))


def test_a_bad_policy_file_is_named_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "policy.yaml").write_text("id: x\nversoin: 1.0.0\n")
    done = run(tmp_path, "ask", "hello?", INNKEEPER_POLICY_DIR=str(folder))
    assert_fails(done, 1, "policy.yaml:2", "versoin", "version")


@pytest.mark.parametrize(
    "arguments",
    [("ask",), ("ask", " "), ("ingest",), ("search", "x", "-k", "0"), ("search", "x", "--language", " "), ("nonsense",)],
)
def test_wrong_use_exits_with_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert_fails(run(tmp_path, *arguments), 2)
