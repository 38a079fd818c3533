import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import EgressRefused, SettingsInvalid
from agent.privacy.egress import REFUSED_MARK, Destination, EgressGuard, destination

CHILD = """
import json, socket, sys
from pathlib import Path
from agent.errors import EgressRefused
from agent.privacy.egress import install
guard = install()
assert install() is guard
guard.log_path = Path(sys.argv[1])
refused = []
def attempt(name, work):
    try:
        work()
    except EgressRefused:
        refused.append(name)
    except OSError:
        pass
tcp, udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
attempt("connect", lambda: tcp.connect(("192.0.2.1", 443)))
attempt("sendto", lambda: udp.sendto(b"x", ("192.0.2.1", 53)))
attempt("lookup", lambda: socket.getaddrinfo("outside.example", 443))
attempt("bytes", lambda: socket.gethostbyname(b"outside.example"))
attempt("reverse", lambda: socket.getnameinfo(("192.0.2.1", 1), 0))
attempt("loopback", lambda: socket.create_connection(("127.0.0.1", 1)))
attempt("localhost", lambda: socket.getaddrinfo("localhost", 1))
tcp.close(); udp.close()
print(json.dumps({"refused": refused, "count": guard.refused}))
"""


def connect(guard: EgressGuard, host: str, port: int) -> None:
    guard.check("socket.connect", (None, (host, port)))


def test_hook_refuses_logs_and_counts_in_a_real_process(tmp_path: Path) -> None:
    log = tmp_path / "egress.jsonl"
    run = subprocess.run([sys.executable, "-c", CHILD, str(log)], capture_output=True, text=True, check=True)
    said = json.loads(run.stdout)
    assert said == {"refused": ["connect", "sendto", "lookup", "bytes", "reverse"], "count": 5}
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["target"] for line in lines][:3] == ["192.0.2.1:443", "192.0.2.1:53", "outside.example"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"])
def test_loopback_is_always_open(host: str) -> None:
    connect(EgressGuard(), host, 9)


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_everything_else_is_refused(host: str) -> None:
    guard = EgressGuard()
    with pytest.raises(EgressRefused, match="name it in the settings"):
        connect(guard, host, 443)
    assert guard.refused == 1


def test_service_is_allowed_on_its_own_port_only() -> None:
    guard = EgressGuard()
    guard.allow("http://192.0.2.7:8000/v1", None, "unix:/run/redis.sock")
    connect(guard, "192.0.2.7", 8000)
    with pytest.raises(EgressRefused):
        connect(guard, "192.0.2.7", 8001)


def test_service_is_allowed_by_name_and_by_the_address_it_resolves_to() -> None:
    known = {"llm.internal": (float("inf"), frozenset({"192.0.2.8"}))}
    guard = EgressGuard(_resolved=known)
    guard.allow("http://LLM.internal:8000/v1")
    guard.check("socket.getaddrinfo", ("llm.internal", 8000, 0, 0, 0))
    connect(guard, "llm.internal", 8000)
    connect(guard, "192.0.2.8", 8000)
    with pytest.raises(EgressRefused):
        connect(guard, "192.0.2.8", 22)


def test_refusal_is_told_and_an_unwritable_log_does_not_hide_it(tmp_path: Path) -> None:
    told: list[str] = []
    guard = EgressGuard(log_path=tmp_path / "missing" / "log", on_refused=told.append)
    with pytest.raises(EgressRefused):
        guard.check("socket.getaddrinfo", ("outside.example", 443, 0, 0, 0))
    assert told == ["outside.example"]


def refuse(guard: EgressGuard) -> None:
    with pytest.raises(EgressRefused):
        guard.check("socket.getaddrinfo", ("outside.example", 443, 0, 0, 0))


def test_what_was_refused_before_there_was_a_place_for_it_is_noted_then(tmp_path: Path) -> None:
    guard = EgressGuard()
    refuse(guard)
    guard.log_path = tmp_path / "egress.jsonl"
    guard.note()
    guard.note()
    (line,) = guard.log_path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["target"] == "outside.example"


def test_a_file_that_cannot_be_written_leaves_the_lines_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(EgressGuard(log_path=tmp_path))  # a folder
    refuse(EgressGuard(tells_stderr=True))
    told = capsys.readouterr().err.splitlines()
    assert [json.loads(line.removeprefix(REFUSED_MARK))["target"] for line in told] == ["outside.example"] * 2


def test_nothing_refused_makes_no_file(tmp_path: Path) -> None:
    guard = EgressGuard(log_path=tmp_path / "egress.jsonl")
    guard.note()
    assert not (tmp_path / "egress.jsonl").exists()


LIBRARY = """
import socket, urllib.request
def tell():
    urllib.request.urlopen("http://outside.example/collect", timeout=5)
"""
CALLED_THROUGH = """
import sys, threading
from pathlib import Path
from agent.privacy.egress import install
install().log_path = Path(sys.argv[1])
import friendly_metrics
def attempt():
    try:
        friendly_metrics.tell()
    except OSError:
        pass
thread = threading.Thread(target=attempt)
thread.start()
thread.join()
"""


def test_a_refusal_names_the_library_that_called(tmp_path: Path) -> None:
    (tmp_path / "friendly_metrics.py").write_text(LIBRARY, encoding="utf-8")
    log = tmp_path / "egress.jsonl"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    subprocess.run([sys.executable, "-c", CALLED_THROUGH, str(log)], env=env, check=True)
    (line,) = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    assert line["by"] == "__main__ (<string>) > friendly_metrics"


def test_local_sockets_and_other_events_pass() -> None:
    guard = EgressGuard()
    guard.check("socket.connect", (None, "/run/redis.sock"))
    guard.check("socket.sendmsg", (None, None))
    guard.check("open", ("file", "r", 0))


def test_destination_has_the_port_of_its_scheme() -> None:
    assert destination("https://Desk.Example/hook") == Destination("desk.example", 443)
    assert destination("redis://[::1]:6380/0") == Destination("::1", 6380)
    assert [destination(f"{one}://mail").port for one in ("imap", "imaps", "smtp", "smtps")] == [143, 993, 587, 465]
    assert str(destination("ftp://x")) == "x:*"


@pytest.mark.parametrize("url", ["vllm:8000", "http://:80", "http://x:99999", "http://[x"])
def test_url_without_a_usable_host_and_port_is_a_bad_setting(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="URL of a service"):
        EgressGuard().allow(url)
