"""Which process a packet came from: by its port in /proc/net, the socket's inode, and the open files of the processes.

Good for as long as the socket is open. Who waits for an answer keeps it open, and gets none before it was looked for.
"""

import os
import re
import signal
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.operations.proof.packets import Kind, Packet

LOOKS_EVERY_S = 0.5
LONGEST_COMMAND = 300
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_TABLES = {Kind.TCP: ("tcp", "tcp6"), Kind.UDP: ("udp", "udp6"), Kind.PING: ("icmp", "icmp6", "raw", "raw6")}


@dataclass(frozen=True, slots=True)
class Process:
    """Who did something. `command` is how it was started, shortened."""

    pid: int
    command: str


@dataclass
class Owners:
    """The processes of this network namespace; those that are gone are remembered."""

    _commands: dict[int, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _here: str = ""

    def start(self) -> None:
        """Keep looking who is there, in a thread, until `stop`."""
        self._here = os.readlink("/proc/self/ns/net")
        threading.Thread(target=self._look_on, name="owners", daemon=True).start()

    def stop(self) -> None:
        """No more looking."""
        self._stop.set()

    def command(self, pid: int) -> str:
        """How the program was started that it runs, or last ran; empty if it was never seen.

        A process that was just begun is a copy of the one that began it, and has its command until it runs its own program.
        """
        if now := _command(Path(f"/proc/{pid}")):
            self._commands[pid] = now
        return self._commands.get(pid, "")

    def of(self, packet: Packet) -> Process | None:
        """Who sent it; None if its socket is closed already, or the kernel did."""
        inodes = _inodes(packet)
        if not inodes:
            return None
        for folder in self._folders():
            for inode in _sockets(folder):
                if inode in inodes:
                    pid = int(folder.name)
                    return Process(pid, self.command(pid))
        return None

    def outliving(self, patience_s: float) -> tuple[Process, ...]:
        """The other processes that are still in the namespace after that long. They are ended: nobody will look on any more."""
        deadline = time.monotonic() + patience_s
        while (left := self._others()) and time.monotonic() < deadline:
            time.sleep(0.1)
        told = tuple(Process(pid, self.command(pid)) for pid in left)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return told

    def _others(self) -> list[int]:
        return sorted({int(one.name) for one in self._folders()} - {os.getpid()})

    def _folders(self) -> list[Path]:
        return [one for one in Path("/proc").iterdir() if one.name.isdigit() and self._is_here(one)]

    def _is_here(self, folder: Path) -> bool:
        try:
            return os.readlink(folder / "ns/net") == self._here
        except OSError:
            return False

    def _look_on(self) -> None:
        seen_twice: set[int] = set()
        while not self._stop.wait(LOOKS_EVERY_S):
            for name in os.listdir("/proc"):
                if name.isdigit() and int(name) not in seen_twice and self._is_here(Path("/proc", name)):
                    if int(name) in self._commands:
                        seen_twice.add(int(name))
                    self.command(int(name))


def _inodes(packet: Packet) -> set[str]:
    """Of the sockets that are bound to the packet's source."""
    found: set[str] = set()
    for table in _TABLES.get(packet.kind, ("raw", "raw6")):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if packet.kind is Kind.OTHER or _matches(words[1], words[2], packet):
                    found.add(words[9])
    if packet.kind in {Kind.PING, Kind.OTHER} or not found - {"0"}:
        with suppress(OSError):  # a program that builds its packets itself
            found |= {line.split()[8] for line in Path("/proc/net/packet").read_text(encoding="ascii").splitlines()[1:]}
    return found - {"0"}


def _matches(local: str, remote: str, packet: Packet) -> bool:
    if packet.kind is Kind.PING:
        return True
    if int(local.rpartition(":")[2], 16) != packet.source[1]:
        return False
    host, _, port = remote.rpartition(":")
    # A socket that isn't connected has no other end; one that is must have this one.
    return int(port, 16) in {0, packet.target[1]} and _address(host) in {packet.target[0], "0.0.0.0", "::"}


def _address(text: str) -> str:
    """As /proc/net has it: words of four bytes, each in the byte order of this machine."""
    packed = b"".join(struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8))
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    if packed[:12] == bytes(10) + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed)


def _sockets(folder: Path) -> list[str]:
    found: list[str] = []
    with suppress(OSError):
        for entry in os.scandir(folder / "fd"):
            with suppress(OSError):
                if match := _SOCKET.fullmatch(os.readlink(entry.path)):
                    found.append(match[1])
    return found


def _command(folder: Path) -> str:
    try:
        words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return ""
    line = " ".join(" ".join(word.split()) for word in words if word)
    return line if len(line) <= LONGEST_COMMAND else line[: LONGEST_COMMAND - 1] + "…"
