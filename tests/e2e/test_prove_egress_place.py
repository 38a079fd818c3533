"""The place that the proof runs in: whatever is sent to anywhere else is seen there, whoever sends it, and in whatever way."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import ROOT

pytestmark = pytest.mark.slow

LOOK_ON = """
import encodings.ascii, encodings.idna, encodings.latin_1, encodings.utf_8, stringprep
import ctypes, json, os, socket, struct, sys, time
from dataclasses import astuple
from pathlib import Path
from agent.errors import ProofImpossible
from agent.operations.proof import namespace
from agent.operations.proof.loopback import Loopback
from agent.operations.proof.owners import Owners
from agent.operations.proof.watch import Watch

folder, who, code = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if who != "root":
    # A device node that everybody may use, as most systems have it; else only root may.
    if who == "user":
        namespace.TUN = folder / "tun"
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as after the start of a program
try:
    place = namespace.enter(folder, ["10.99.53.10"])
except ProofImpossible as error:
    print(json.dumps({"impossible": str(error)}))
    sys.exit()
owners = Owners()
owners.start()
watch, loopback = Watch(place.tun, {"desk.internal": "10.99.53.10"}, owners), Loopback(owners)
exec(code)
time.sleep(1)
outlived = [[one.pid, one.command] for one in owners.outliving(1)]
seen = [[one.what, one.target, one.name, one.command] for one in watch.stop()]
knocks = [[one.protocol, one.port, one.times] for one in loopback.stop()]
reached = [[kind, host, port, times] for (kind, host, port), times in loopback.reached.items()]
owners.stop()
told = {"as_user": place.as_user, "seen": seen, "knocks": knocks, "reached": reached, "looked_up": watch.looked_up}
told["outlived"] = outlived
told["is_blind"], told["dropped"] = watch.is_blind, [watch.dropped, loopback.dropped]
print(json.dumps(told | {"has_way_out": namespace.has_way_out(), "housekeeping": watch.housekeeping}))
"""
TRY = """
def attempt(work):
    try:
        work()
    except OSError:
        pass
"""
EVERY_WAY = (
    TRY
    + """
attempt(lambda: socket.create_connection(("evil.example", 443), 10))
attempt(lambda: socket.create_connection(("203.0.113.5", 8080), 10))
attempt(lambda: socket.create_connection(("2001:db8:1::5", 8080), 10))
quic = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
quic.sendto(b"hello", ("2001:db8:1::5", 443))
multicast = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
multicast.sendto(b"who is there?", ("224.0.0.251", 5353))
time.sleep(1)
"""
)
BY_HAND = (
    TRY
    + """
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.sendto(bytes([8, 0, 0xF7, 0xFF, 0, 0, 0, 0]), ("203.0.113.6", 0))
odd = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
odd.sendto(b"of my own", ("203.0.113.7", 0))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 29, 0, 0, 64, 17, 0, socket.inet_aton("192.0.2.1"), socket.inet_aton("203.0.113.8"))
wire.sendto(head + struct.pack("!HHHH", 4000, 9999, 9, 0) + b"x", ("outside", 0x0800))
goes_on = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
goes_on.sendto(struct.pack("!HHIIBBHHH", 4000, 443, 7, 7, 0x50, 0x18, 1000, 0, 0) + b"all that I know", ("203.0.113.9", 0))
wire.sendto(b"in a language of our own", ("outside", 0x88B5))
time.sleep(1)
"""
)
FLOOD = """
many = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(1500):
    many.sendto(b"x", ("203.0.113.10", 2000 + number))
"""
MANY_AT_HOME = """
many = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(200):
    many.sendto(b"x", ("10.99.53.10", 2000 + number))
"""
OTHER_DEVICE = """
import fcntl
from agent.operations.proof import links
other = os.open(namespace.TUN, os.O_RDWR)
fcntl.ioctl(other, 0x400454CA, struct.pack("16sH22x", b"tunl0", 0x0001))
"""
AT_HOME = (
    TRY
    + """
here, desk = socket.create_server(("127.0.0.1", 8080)), socket.create_server(("10.99.53.10", 8090))
attempt(lambda: socket.create_connection(("127.0.0.1", 8080)))
attempt(lambda: socket.create_connection(("127.0.0.1", 4317)))
attempt(lambda: socket.create_connection(("::1", 4318)))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"metric:1|c", ("127.0.0.1", 8125))
attempt(lambda: socket.create_connection(("desk.internal", 8090)))
attempt(lambda: socket.create_connection(("desk.internal", 9999)))
"""
)


def looked_on(code: str, who: str = "root") -> dict[str, Any]:
    """What is seen while the code runs in the place; skips where there can be none."""
    # Not in pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory(prefix="innkeeper-place-") as made:
        place = Path(made)
        if who == "user":
            os.mknod(place / "tun", 0o020666, os.makedev(10, 200))
            (place / "tun").chmod(0o666)
        if who != "root":
            os.chown(place, 65534, 65534)
        command = [sys.executable, "-c", LOOK_ON, made, who, code]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    if "impossible" in told and who != "nobody":
        assert "CI" not in os.environ, told
        pytest.skip(told["impossible"])
    return told


def places(told: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(what, target, name) for what, target, name, _ in told["seen"]]


def test_connections_datagrams_and_look_ups_are_seen_with_name_and_process() -> None:
    told = looked_on(EVERY_WAY)
    found = places(told)
    assert ("look-up A", "evil.example", None) in found
    assert ("look-up AAAA", "evil.example", None) in found
    assert {name for what, target, name in found if what == "tcp" and target.endswith(":443")} == {"evil.example"}
    for wanted in (
        ("tcp", "203.0.113.5:8080", None),
        ("tcp", "[2001:db8:1::5]:8080", None),
        ("udp", "[2001:db8:1::5]:443", None),
        ("udp", "224.0.0.251:5353", None),
    ):
        assert wanted in found
    assert all(sys.executable in command for *_, command in told["seen"])
    assert not told["has_way_out"]


def test_packets_that_a_program_builds_itself_are_seen() -> None:
    told = looked_on(BY_HAND)
    assert places(told) == [
        ("icmp", "203.0.113.6", None),
        ("protocol 253", "203.0.113.7", None),
        ("udp", "203.0.113.8:9999", None),
        ("tcp, without a beginning", "203.0.113.9:443", None),
        ("no IP", "24 bytes", None),
    ]
    assert all(sys.executable in command for *_, command in told["seen"][:4])


def test_what_comes_too_fast_to_be_looked_at_is_counted() -> None:
    told = looked_on(FLOOD)
    assert len(told["seen"]) + told["dropped"][0] == 1500
    assert told["dropped"][0] > 0


def test_what_waits_to_be_looked_at_within_the_machine_is_not_forgotten_at_the_end() -> None:
    told = looked_on(MANY_AT_HOME)
    assert (len(told["reached"]), told["dropped"]) == (200, [0, 0])
    told = looked_on("loopback._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)\n" + MANY_AT_HOME)
    assert told["dropped"][1] > 0


def test_what_stays_at_home_is_told_apart() -> None:
    told = looked_on(AT_HOME)
    assert told["seen"] == []
    assert told["knocks"] == [["tcp", 4317, 1], ["tcp", 4318, 1], ["udp", 8125, 1]]
    assert told["reached"] == [["tcp", "10.99.53.10", 8090, 1], ["tcp", "10.99.53.10", 9999, 1]]
    assert told["looked_up"]["desk.internal"] > 0


def test_the_kernels_own_words_are_no_attempt() -> None:
    told = looked_on("time.sleep(3)")
    assert told["seen"] == []
    assert not told["is_blind"]


def test_what_goes_on_after_the_run_is_told_and_ended() -> None:
    told = looked_on("import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)")
    ((pid, command),) = told["outlived"]
    assert command == "sleep 600"
    assert not Path(f"/proc/{pid}").exists() or "sleep" not in Path(f"/proc/{pid}/cmdline").read_text("utf-8")
    assert looked_on("import subprocess\nsubprocess.Popen(['true'])")["outlived"] == []


def test_a_device_that_is_off_is_no_way_out_and_one_that_is_on_is() -> None:
    assert not looked_on(OTHER_DEVICE)["has_way_out"]
    assert looked_on(OTHER_DEVICE + "links.set_up('tunl0')")["has_way_out"]


def test_looking_on_that_broke_off_is_no_proof() -> None:
    told = looked_on(
        "watch._names = None\ntry:\n    socket.create_connection(('evil.example', 443), 5)\nexcept OSError:\n    pass"
    )
    assert told["is_blind"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_user_can_make_the_place_where_the_device_is_everybodys() -> None:
    told = looked_on(EVERY_WAY, "user")
    assert told["as_user"]
    assert ("tcp", "203.0.113.5:8080", None) in places(told)
    assert ("look-up A", "evil.example", None) in places(told)


@pytest.mark.skipif(os.getuid() != 0 or os.access("/dev/net/tun", os.F_OK) is False, reason="needs root, and the device")
def test_a_user_without_the_device_is_told_what_to_do() -> None:
    if Path("/dev/net/tun").stat().st_mode & 0o006 == 0o006:
        pytest.skip("here the device is everybody's")
    told = looked_on("", "nobody")
    assert "chmod 666 /dev/net/tun" in told["impossible"] or "namespaces" in told["impossible"]
