"""`innkeeper eval retrieval` on a small data set, with the real index and the real model."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app

pytestmark = pytest.mark.slow
CORPUS = [
    {"id": "pets", "title": "Pets", "text": "Two dogs may stay with you for 10 euros a night each."},
    {"id": "wifi", "title": "", "text": "The password of the wifi is on the back of the router."},
    {"id": "pool", "title": "Pool", "text": "The pool is open from May to September, from 8 in the morning."},
]
QUERIES = [
    {"id": "q1", "text": "Customer: Hello!\nAgent: Hello.\nCustomer: can I bring my dog?"},
    {"id": "q2", "text": "how do I get online"},
    {"id": "q3", "text": "nobody judged this"},
]


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CORPUS))
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUERIES))
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tpets\t1\nq2\twifi\t1\n")
    monkeypatch.setenv("INNKEEPER_DATA_DIR", str(tmp_path / "own"))
    return folder


def test_figures_and_page_are_of_the_data_set_alone(dataset: Path, tmp_path: Path):
    arguments = ["eval", "retrieval", str(dataset), "--json", "--data", str(tmp_path / "kept")]
    first = CliRunner().invoke(app, [*arguments, "--report", str(tmp_path / "page.html")])
    assert first.exit_code == 0, first.output
    figures = json.loads(first.stdout)
    assert (figures["documents"], figures["queries"], figures["ndcg_10"], figures["recall_5"]) == (3, 2, 1.0, 1.0)
    assert figures["index_s"] > 0
    assert "can I bring my dog?" in (tmp_path / "page.html").read_text()
    again = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert again["index_s"] is None
    assert again["ndcg_10"] == 1.0
    # The company's own knowledge base was not opened.
    assert not (tmp_path / "own" / "chroma").exists()


def test_wrong_use_and_broken_sets_are_told(dataset: Path, tmp_path: Path):
    wrong = CliRunner().invoke(app, ["eval", "retrieval", str(dataset), "--report", str(tmp_path / "no" / "page.html")])
    assert wrong.exit_code == 2
    (dataset / "qrels.tsv").write_text("q1\tnothing\t1\n")
    broken = CliRunner().invoke(app, ["eval", "retrieval", str(dataset)])
    assert broken.exit_code == 1
    assert "qrels.tsv" in broken.stderr
    (dataset / "qrels.tsv").write_text("q1\tpets\t0\n")
    empty = CliRunner().invoke(app, ["eval", "retrieval", str(dataset)])
    assert empty.exit_code == 1
    assert "nothing to measure" in empty.stderr
