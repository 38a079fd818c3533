"""A help centre with planted faults, its real index, and the command over it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase
from knowledge.health.report import HealthReport, Kind, Severity
from knowledge.health.run import Limits, examine
from knowledge.types import Audience, Query
from tests.integration.knowledge.help_centre import ARTICLES, put

pytestmark = pytest.mark.slow
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOSTILE = "Pool <script>alert(1)</script> rules"
PARKING = (
    "Park the car behind the house, on the right of the two places. The gate opens by the same code as the door, and it closes "
    "by itself after a minute. Please don't park in front of the gate, for the neighbours leave early.\n"
)
FAULTS = {
    "arrival": "---\ntitle: Arrival\nupdated: 2026-05-01\n---\nCheck-in is from 3 pm on every day of the week.\n",
    "rules": "---\ntitle: House rules\nupdated: 2026-05-01\n---\nYou can check in from 4 pm on every day of the week.\n",
    "parking": f"---\ntitle: Parking\nupdated: 2026-05-01\n---\n{PARKING}",
    "car": f"---\ntitle: Where to leave the car\nupdated: 2026-05-01\n---\n{PARKING}",
    "pool": f"---\ntitle: '{HOSTILE}'\nupdated: 2026-05-01\n---\nThe pool is closed until 1 May 2026. See [the keys](keys.md), "
    "[the towels](towels.md), [goodwill](goodwill.md) and [the weather](https://weather.example/now).\n",
    "codes": "---\ntitle: Decline codes\nupdated: 2019-01-01\n---\nDo not tell the customer why the card was declined.\n",
}


@pytest.fixture
def faulty(docs: Path) -> Path:
    for name, text in FAULTS.items():
        put(docs, name, text)
    return docs


def seen(report: HealthReport, kind: Kind) -> list[tuple[Severity, list[str]]]:
    return [
        (finding.severity, [place.doc_id.removesuffix(".md") for place in finding.places])
        for finding in report.findings
        if finding.kind is kind
    ]


def test_each_planted_fault_is_found_once_and_nothing_else(base: KnowledgeBase, faulty: Path):
    base.sync([faulty])
    steps: list[tuple[int, int, str]] = []
    report = examine(base, now=NOW, on_progress=lambda *step: steps.append(step))
    (contradiction,) = seen(report, Kind.CONTRADICTION)
    assert contradiction[1] == ["arrival", "rules"]
    assert seen(report, Kind.DUPLICATE) == [(Severity.MEDIUM, ["car", "parking"])]
    assert seen(report, Kind.LINK) == [(Severity.MEDIUM, ["pool"])]
    assert seen(report, Kind.AUDIENCE) == [(Severity.HIGH, ["pool", "goodwill"]), (Severity.HIGH, ["codes"])]
    assert seen(report, Kind.EXPIRED) == [(Severity.MEDIUM, ["pool"])]
    assert seen(report, Kind.STALE) == [(Severity.MEDIUM, ["codes"]), (Severity.LOW, sorted(ARTICLES))]
    assert [seen(report, kind) for kind in (Kind.UNUSED, Kind.LANGUAGE, Kind.SHAPE)] == [[], [], []]
    assert [(host.host, host.links) for host in report.hosts] == [("weather.example", 1)]
    assert "No search has been recorded yet" in report.notes[0]
    assert (report.documents, report.passages) == (11, 11)
    assert {name for _, _, name in steps} == {"contradictions", "duplicates"}


def test_what_searches_never_return_is_told_once_there_are_enough(base: KnowledgeBase, docs: Path):
    base.sync([docs])
    for _ in range(20):
        base.search(Query("router", k=1))
    base.search(Query("voucher", frozenset({Audience.INTERNAL}), k=1))
    report = examine(base, Limits(unused_days=1))
    assert seen(report, Kind.UNUSED) == [(Severity.LOW, ["keys", "pets", "refund"])]
    assert report.notes == ()


def test_everything_has_a_vector_and_an_empty_base_says_so(base: KnowledgeBase, docs: Path):
    assert examine(base).notes == ("The knowledge base is empty; fill it with `innkeeper ingest PATH`.",)
    base.sync([docs])
    rows = list(base.everything())
    assert sorted(passage.doc_id for passage, _ in rows) == sorted(ARTICLES)
    assert all(abs(float(vector @ vector) - 1) < 1e-4 for _, vector in rows)


def run(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INNKEEPER_")}
    env = kept | {"INNKEEPER_DATA_DIR": str(data), "NO_COLOR": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "agent", "knowledge", "health", *arguments]
    root = Path(__file__).parents[3]
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_the_command_prints_a_summary_and_writes_a_page(base: KnowledgeBase, faulty: Path, data: Path, tmp_path: Path):
    base.sync([faulty])
    base.close()
    page = tmp_path / "report.html"
    done = run(data, "--report", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    assert "things to look at" in done.stdout
    assert f"{HOSTILE} (" in done.stdout
    assert "“Check-in is from 3 pm on every day of the week.”" in done.stdout
    text = page.read_text()
    assert "<script" not in text
    assert "Pool &lt;script&gt;alert(1)&lt;/script&gt; rules" in text


def test_the_command_prints_json_and_nothing_else(base: KnowledgeBase, faulty: Path, data: Path):
    base.sync([faulty])
    base.close()
    done = run(data, "--json", "--stale-days", "10000")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert list(report) == ["made", "documents", "passages", "findings", "notes", "hosts"]
    assert {tuple(finding) for finding in report["findings"]} == {("kind", "severity", "seen", "action", "places")}
    assert not any("Last updated" in finding["seen"] for finding in report["findings"])


def test_the_command_fails_with_one_message(data: Path, tmp_path: Path):
    done = run(data, "--report", str(tmp_path / "nowhere" / "report.html"))
    assert done.returncode == 1
    assert "can't be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert run(data, "--stale-days", "0").returncode == 2
