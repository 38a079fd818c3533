"""Nothing leaves: the product works where there is nothing but loopback, and the guard stops a library that tries."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.product import ROOT, environment, run, up

pytestmark = pytest.mark.slow

ALONE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "alone")
A_LIBRARY_THAT_CALLS_HOME = """
from agent.privacy.egress import install
from agent.privacy.environment import lock_down
lock_down()
guard = install()
import json, socket, httpx
from agent.errors import EgressRefused
from agent.settings import load_settings
from agent.telemetry import EGRESS_REFUSED
from agent.wiring import shelf
shelf.guard_egress(load_settings())
stopped = []
for url in ("http://192.0.2.1/collect", "http://telemetry.example/collect"):
    try:
        httpx.get(url, timeout=5)
    except (EgressRefused, httpx.ConnectError) as error:
        stopped.append(url)
try:
    socket.socket().connect(("192.0.2.1", 443))  # as a library that resolves names by itself
except EgressRefused:
    stopped.append("connect")
print(json.dumps([stopped, guard.refused, EGRESS_REFUSED._value.get()]))
"""


def works(*command: str) -> bool:
    """True if this machine allows it. In CI it must."""
    if shutil.which(command[0]) and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
        return True
    return "CI" in os.environ


@pytest.mark.skipif(not works(*ALONE), reason="this user may not make a network namespace")
def test_the_product_works_with_loopback_alone(data_dir: Path, tmp_path: Path) -> None:
    trace = tmp_path / "connects"
    traced = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace))
    is_traced = shutil.which("strace") is not None and works("strace", "-f", "-qq", "-o", str(tmp_path / "trial"))
    with up(data_dir, "--demo", prefix=(*ALONE, *(traced if is_traced else ()))) as house:
        told = house.printed("Try it yourself", 400)
        innkeeper = psutil.Process(house.process.pid)
        if is_traced:
            (innkeeper,) = innkeeper.children()
        devices = re.findall(r"^\s*(\S+):", Path(f"/proc/{innkeeper.pid}/net/dev").read_text(), re.M)
        innkeeper.send_signal(signal.SIGINT)
        assert house.process.wait(60) == 0
    assert devices == ["lo"]
    assert re.findall(r"^(answer|handoff) \(", told, re.M) == ["answer", "handoff", "handoff"]
    assert not (data_dir / "run" / "egress-refused.jsonl").exists()
    if is_traced:
        targets = set(re.findall(r"(?:sin_addr=inet_addr\(|AF_INET6, .*?)\"([^\"]+)\"", trace.read_text()))
        assert targets
        assert {target for target in targets if not target.startswith("127.") and target != "::1"} == set()


def test_a_library_that_calls_home_is_stopped_and_reported(tmp_path: Path) -> None:
    command = [sys.executable, "-c", A_LIBRARY_THAT_CALLS_HOME]
    env = environment(tmp_path)
    found = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 0, found.stderr
    stopped, refused, counted = json.loads(found.stdout)
    assert stopped == ["http://192.0.2.1/collect", "http://telemetry.example/collect", "connect"]
    assert refused == counted == 3

    report = json.loads(run(tmp_path, "doctor", "--json").stdout)
    assert [(line["event"], line["target"]) for line in report["egress"]["refused"]] == [
        ("socket.getaddrinfo", "192.0.2.1"),
        ("socket.getaddrinfo", "telemetry.example"),
        ("socket.connect", "192.0.2.1:443"),
    ]
    assert report["egress"]["allowed"] == ["loopback"]
