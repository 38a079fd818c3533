"""`innkeeper ingest` with a list of sources, as programs and people meet it."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.product import INNKEEPER, ROOT, environment, run, until
from tests.e2e.test_cli import assert_fails

pytestmark = pytest.mark.slow
LIST = """\
sources:
- {name: help, kind: folder, path: ../docs, owner: Desk}
- {name: prices, kind: files, paths: [../prices.md]}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pool.md").write_text("# Pool\n\nThe pool is heated from May to September.\n")
    (tmp_path / "prices.md").write_text("# Prices\n\nA night costs 90 euros.\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sources.yaml").write_text(LIST)
    return tmp_path / "data"


def test_without_a_path_every_listed_source_is_brought_in_line(data: Path) -> None:
    done = run(data, "ingest")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[1] == ["help", "folder", "public", "–", "Desk", "1", "0", "0", "0", "0"]
    assert rows[2] == ["prices", "files", "public", "–", "–", "1", "0", "0", "0", "0"]
    (data.parent / "prices.md").write_text("# Prices\n\nA night costs 95 euros.\n")
    (data.parent / "docs").rename(data.parent / "away")
    done = run(data, "ingest", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    first, second = json.loads(done.stdout)["sources"]
    assert (first["name"], first["is_broken"], first["removed"]) == ("help", True, 0)
    assert (second["name"], second["updated"], second["failed"]) == ("prices", 1, [])
    (data / "sources.yaml").write_text(LIST.replace("prices,", "fees,"))
    done = run(data, "ingest", "--source", "fees")
    assert done.returncode == 0, done.stderr


def test_an_interrupted_ingest_says_how_to_go_on(data: Path) -> None:
    for n in range(300):
        (data.parent / "docs" / f"{n}.md").write_text(
            f"# House {n}\n\n" + f"Breakfast in house {n} is from 7 to 10 o'clock. " * 20
        )
    child = subprocess.Popen(
        (*INNKEEPER, "ingest"), cwd=ROOT, env=environment(data), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until((data / "chroma" / "chroma.sqlite3").exists, 60)
    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=60)
    assert (child.returncode, stdout) == (130, "")
    assert stderr == "interrupted: what was written so far stays; the same command again does the rest\n"
    done = run(data, "ingest", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert len({*report["added"], *report["unchanged"]}) == 302
    assert report["failed"] == []


def test_an_index_of_another_model_is_rebuilt_when_asked_for(data: Path) -> None:
    assert run(data, "ingest").returncode == 0
    assert_fails(run(data, "search", "pool", INNKEEPER_MULTILINGUAL="true"), 1, "ingest --rebuild")
    done = run(data, "ingest", "--rebuild", "--json", INNKEEPER_MULTILINGUAL="true")
    assert (done.returncode, done.stderr) == (0, "")
    assert [len(json.loads(done.stdout)[part]) for part in ("added", "unchanged", "failed")] == [2, 0, 0]
    done = run(data, "search", "Was kostet eine Nacht?", "-k", "1", "--json", INNKEEPER_MULTILINGUAL="true")
    assert [row["title"] for row in json.loads(done.stdout)] == ["Prices"]


def test_a_bad_list_is_named_with_its_lines_and_a_missing_one_with_its_place(data: Path, tmp_path: Path) -> None:
    (data / "sources.yaml").write_text("sources:\n- name: a\n  kind: folder\n  pth: x\n")
    assert_fails(run(data, "ingest"), 1, "sources.yaml:4", "did you mean path?", "nothing was changed")
    assert_fails(run(data, "ingest", INNKEEPER_SOURCES=str(tmp_path / "none.yaml")), 1, "none.yaml", "--example")
    (data / "sources.yaml").unlink()
    assert_fails(run(data, "ingest"), 2, "sources.yaml", "--example")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--source", "nowhere"),
        ("--forget", "help"),
        ("--forget", ""),
        ("docs", "--source", "help"),
        ("--rebuild", "--source", "help"),
        ("--rebuild", "--forget", "prices"),
        ("gopher://x/",),
    ],
)
def test_wrong_use(data: Path, arguments: tuple[str, ...]) -> None:
    assert_fails(run(data, "ingest", *arguments), 2)


def test_the_example_is_printed(data: Path) -> None:
    done = run(data, "ingest", "--example")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("# What the knowledge base is made of")
    assert "\nsources:\n- name: help-centre\n" in done.stdout
