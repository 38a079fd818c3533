"""The egress guard: a Python audit hook that refuses connections and name look-ups off the allow-list.

The list starts at loopback and grows by the configured services alone. A refused attempt raises
`EgressRefused`, is counted, and is written to a file that `innkeeper doctor` reads. The hook sees what
Python's sockets do (PEP 578 events `socket.*`), not what Rust or C code does by itself: it is a guard.
The proof is `innkeeper prove-egress`, which runs the product where every packet that leaves is seen.
"""

import contextlib
import ipaddress
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from agent.errors import EgressRefused, SettingsInvalid
from agent.redis_urls import each_host

RESOLVE_TTL_S = 30.0
DEFAULT_PORTS = {
    "http": 80,
    "https": 443,
    "redis": 6379,
    "rediss": 6379,
    "redis+cluster": 6379,
    "rediss+cluster": 6379,
    "redis+sentinel": 26379,
    "rediss+sentinel": 26379,
    "imap": 143,
    "imaps": 993,
    "smtp": 587,
    "smtps": 465,
}
LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "localhost.localdomain"})
REFUSALS = Path("run", "egress-refused.jsonl")
"""Where in the data folder refusals are noted, one JSON line each."""
REFUSED_MARK = "egress_refused "
"""What such a line begins with on stderr."""
MOST_KEPT = 100
"""Refusals that are kept in memory until it is known where to note them."""
MOST_CALLERS = 6
CONNECT_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
LOOKUP_EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})


@dataclass(frozen=True, slots=True)
class Destination:
    """A host and port that may be reached. `port` None means any."""

    host: str
    port: int | None

    def __str__(self) -> str:
        return f"{self.host}:{self.port or '*'}"


def destination(url: str) -> Destination:
    """The destination of a service's URL; its scheme's port where the URL names none.

    Raises:
        SettingsInvalid: the URL names no host, or a port that can't be.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsInvalid(f"the URL of a service can't be read: {error}") from error
    if not host:
        raise SettingsInvalid("the URL of a service names no host: write it as scheme://host:port")
    return Destination(host.lower(), port or DEFAULT_PORTS.get(parts.scheme))


@dataclass
class EgressGuard:
    """The allow-list of this process, and the count of what was refused.

    Attributes:
        log_path: where refusals are noted; those from before it was known are noted then.
        tells_stderr: True for a process without a data folder, whose stderr is kept.
    """

    allowed: set[Destination] = field(default_factory=set)
    refused: int = 0
    log_path: Path | None = None
    on_refused: Callable[[str], None] | None = None
    tells_stderr: bool = False
    _unwritten: list[str] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _resolved: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)
    _local: threading.local = field(default_factory=threading.local)

    def allow(self, *urls: str | None) -> None:
        """Add the services behind these URLs. None and `unix:` URLs are passed over."""
        for url in urls:
            if url and not url.startswith("unix:"):
                self.allowed.update(destination(one) for one in each_host(url))

    def allows(self, host: str, port: int) -> bool:
        """True if a connection there would not be refused."""
        return self._may_connect(host, port)

    def check(self, event: str, args: tuple[Any, ...]) -> None:
        """Raise `EgressRefused` for a connection or look-up off the list; anything else passes."""
        if getattr(self._local, "resolving", False):
            return
        if event in CONNECT_EVENTS:
            address = args[1]
            if isinstance(address, tuple) and not self._may_connect(str(address[0]), int(address[1])):
                self._refuse(event, f"{address[0]}:{address[1]}")
        elif event in LOOKUP_EVENTS:
            host = args[0][0] if isinstance(args[0], tuple) else args[0]  # getnameinfo is given an address
            host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
            if host and not self._may_look_up(str(host)):
                self._refuse(event, str(host))

    def _may_look_up(self, host: str) -> bool:
        host = host.lower().rstrip(".")
        if _is_loopback(host) or host in LOOPBACK_NAMES or host in {"0.0.0.0", "::"}:
            return True
        return any(host == d.host for d in self.allowed) or self._is_resolved(host, None)

    def _may_connect(self, host: str, port: int) -> bool:
        host = host.lower().split("%")[0]
        if _is_loopback(host) or host in LOOPBACK_NAMES:
            return True
        if any(host == d.host and d.port in {None, port} for d in self.allowed):
            return True
        return self._is_resolved(host, port)

    def _is_resolved(self, address: str, port: int | None) -> bool:
        """True if `address` is what an allowed name resolves to now."""
        candidates = [d for d in self.allowed if port is None or d.port in {None, port}]
        return any(address in self._addresses(d.host) for d in candidates)

    def _addresses(self, name: str) -> frozenset[str]:
        known = self._resolved.get(name)
        if known and time.monotonic() - known[0] < RESOLVE_TTL_S:
            return known[1]
        self._local.resolving = True
        try:
            found = frozenset(str(info[4][0]).split("%")[0] for info in socket.getaddrinfo(name, None))
        except OSError:
            found = frozenset()
        finally:
            self._local.resolving = False
        self._resolved[name] = (time.monotonic(), found)
        return found

    def note(self) -> None:
        """Write down what was refused, also from before there was a place for it; to stderr if the disk is full or read-only."""
        with self._lock:
            if not self._unwritten or (self.log_path is None and not self.tells_stderr):
                return
            lines, self._unwritten = self._unwritten, []
            try:
                if self.log_path is None:
                    raise OSError("this process has no file for it")
                with self.log_path.open("a", encoding="utf-8") as log:
                    log.writelines(line + "\n" for line in lines)
            except OSError:
                with contextlib.suppress(OSError, ValueError, AttributeError):  # a process may have no stderr either
                    sys.stderr.writelines(f"{REFUSED_MARK}{line}\n" for line in lines)

    def _refuse(self, event: str, target: str) -> None:
        self.refused += 1
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "event": event,
            "target": target,
            "pid": os.getpid(),
            "by": _callers(sys._getframe(1)),
        }
        with self._lock:
            self._unwritten = [*self._unwritten, json.dumps(line)][-MOST_KEPT:]
        self.note()
        if self.on_refused:
            self.on_refused(target)
        known = ", ".join(sorted(map(str, self.allowed))) or "nothing else"
        raise EgressRefused(
            f"refused {event.removeprefix('socket.')} to {target}: only loopback and configured services may be reached "
            f"(now: {known}). If Innkeeper should use this service, name it in the settings."
        )


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _callers(frame: FrameType | None) -> str:
    """The modules from which the call came, outermost first, without those of Python itself; one of each package.

    Where a library looks a name up in a thread that Python made for it, the thread's name is all that is known.
    """
    names: list[str] = []
    while frame is not None:
        name = str(frame.f_globals.get("__name__", "?"))
        package = name.partition(".")[0]
        if name == "__main__":
            name = f"__main__ ({Path(frame.f_code.co_filename).name})"
        if package not in _PYTHONS_OWN and name != __name__ and package not in {one.partition(".")[0] for one in names}:
            names.append(name)
        frame = frame.f_back
    outermost_first = [one for one in reversed(names) if one != "agent.__main__" and not one.startswith("__main__ (__main__")]
    return " > ".join(outermost_first[-MOST_CALLERS:]) or f"thread {threading.current_thread().name}"


_PYTHONS_OWN = sys.stdlib_module_names - {"__main__"}
_guard: EgressGuard | None = None


def install() -> EgressGuard:
    """Put the guard on for the rest of this process. Calling again returns the same guard.

    An audit hook can't be removed, so that no library can switch it off either.
    """
    global _guard
    if _guard is None:
        guard = EgressGuard()
        sys.addaudithook(guard.check)
        _guard = guard
    return _guard
