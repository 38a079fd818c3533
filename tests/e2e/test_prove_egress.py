"""`innkeeper prove-egress`: nothing leaves over hundreds of tickets by every way; and whoever tries to is found, by name."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.helpdesks.conftest import DESKS
from tests.e2e.plants import plant
from tests.e2e.product import INNKEEPER, ROOT, environment, run

pytestmark = pytest.mark.slow

TAKES_S = 3000.0
CAN_ENTER = """
import sys, tempfile
from pathlib import Path
from agent.operations.proof import namespace
namespace.enter(Path(tempfile.mkdtemp(dir=sys.argv[1])))
"""


@pytest.fixture(scope="module", autouse=True)
def _place(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips where no such namespace can be made; in CI it must be."""
    command = [sys.executable, "-c", CAN_ENTER, str(tmp_path_factory.mktemp("trial"))]
    tried = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if tried.returncode != 0:
        assert "CI" not in os.environ, tried.stderr
        pytest.skip("this machine lets nobody make a network namespace with a TUN device")


def proven(knowledge: Path, folder: Path, tickets: int, hours: int, *more: str, path: Path | None = None) -> dict[str, Any]:
    """The proof of a run beside every fake helpdesk, with a copy of an ingested knowledge base."""
    shutil.copytree(knowledge, folder / "run" / "data")
    out = folder / "proof.json"
    command = [sys.executable, "-m", "tests.e2e.proof_run", str(folder / "run"), str(tickets), str(hours), str(out), *more]
    env = environment(folder / "none", PYTHONPATH=os.pathsep.join(map(str, (*([path] if path else ()), ROOT))))
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=TAKES_S, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def test_two_hundred_tickets_by_every_way_and_a_day_of_work_leave_no_trace_outside(knowledge: Path, tmp_path: Path) -> None:
    proof = proven(knowledge, tmp_path, 210, 24)
    assert proof["tried"] == []
    assert proof["failures"] == []
    assert proof["ok"]
    assert proof["knocks"] == []
    assert sum(channel["sent"] for channel in proof["tickets"]) == 210
    ways = {channel["channel"]: channel for channel in proof["tickets"]}
    assert {*ways} >= {"webhook, signed", "chat widget", "POST /v1/answers", "innkeeper ask"}
    assert len([name for name in ways if name.startswith("helpdesk ")]) == len(DESKS)
    assert all(set(channel["ended"]) <= {"answer", "handoff", "clarify", "refuse", "draft"} for channel in ways.values())
    assert sum(channel["ended"].get("answer", 0) for channel in ways.values()) > 100
    used = {place["place"]: place for place in proof["permitted"]}
    assert all(place["connected"] > 0 for place in used.values() if place["place"].endswith(".internal:8090"))
    assert used["desk.internal:8090"]["looked_up"] > 0
    done = {work["name"]: work["times"] for work in proof["work"]}
    assert done["refreshes of sources by the worker"] >= 3 * 24
    page = (tmp_path / "proof.html").read_text(encoding="utf-8")
    assert "No attempt to reach a place outside of the allow-list" in page
    assert proof["facts"]["policy_sha256"] in page
    assert "desk.example:443" in page  # the list of the settings that it was run with


def test_a_library_that_phones_home_is_found_by_name_however_it_does(knowledge: Path, tmp_path: Path) -> None:
    proof = proven(knowledge, tmp_path, 20, 1, "alone", path=plant(tmp_path / "plants"))
    assert not proof["ok"]
    assert proof["failures"] == []
    tried = {one["target"]: one for one in proof["tried"]}
    # What each was meant to find stands in one of these; nothing else was tried.
    assert {target for target in tried if not target.startswith(("198.18.", "[2001:db8:dead:"))} == {
        "collect.thread.example",
        "203.0.113.80:8443",
        "dns-only.example",
        "collect.subprocess.example",
        "raw-query.example",
    }
    by_guard = tried["collect.thread.example"]
    assert (by_guard["seen"], by_guard["what"]) == ("guard in the process", "look-up")
    assert "friendly_metrics" in by_guard["by"]
    own_sockets = tried["203.0.113.80:8443"]
    assert (own_sockets["seen"], own_sockets["what"]) == ("network device", "tcp")
    assert tried["dns-only.example"]["seen"] == "network device"
    assert tried["dns-only.example"]["what"] in {"look-up A", "look-up AAAA"}
    assert tried["raw-query.example"]["what"] == "look-up A at 203.0.113.53"
    for target in ("collect.thread.example", "203.0.113.80:8443", "dns-only.example"):
        assert tried[target]["command"].endswith("-m agent worker")
    for target in ("collect.subprocess.example", "raw-query.example"):
        assert " -c import socket" in tried[target]["command"]
    followed = [one for one in proof["tried"] if one["target"].startswith(("198.18.", "[2001:db8:dead:"))]
    assert {one["name"] for one in followed} == {"collect.subprocess.example"}
    assert [(one["protocol"], one["port"]) for one in proof["knocks"]] == [("tcp", 4317)]


LIMITED = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'


def test_where_no_namespace_can_be_made_it_says_what_to_allow(tmp_path: Path) -> None:
    """As an administrator would forbid it: no more network namespaces."""
    limited = ("unshare", "--user", "--map-root-user", "sh", "-c", LIMITED, "limited")
    if not shutil.which("unshare") or subprocess.run([*limited, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may make no user namespace in which to forbid the other kind")
    command = [*limited, *INNKEEPER, "prove-egress", "--report", str(tmp_path / "report.html")]
    env = environment(tmp_path / "data")
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    assert "ProofImpossible: no network namespace can be made" in ended.stderr
    assert "--device /dev/net/tun" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("report", ["report.pdf", "report"])
def test_a_report_of_another_kind_is_wrong_use(tmp_path: Path, report: str) -> None:
    told = run(tmp_path, "prove-egress", "--report", str(tmp_path / report))
    assert told.returncode == 2
    assert ".html" in told.stderr


def test_a_report_that_can_not_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    told = run(tmp_path, "prove-egress", "--report", str(tmp_path / "report.html"))
    assert told.returncode == 2
    assert "can't be written" in " ".join(told.stderr.replace("│", " ").split())
