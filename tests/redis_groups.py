"""Several real servers on loopback that belong together: a cluster, or a primary with replicas that sentinels watch."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from agent.adapters.embedded import valkey_binary
from tests.servers import free_port

PASSWORD = "between-us"
SERVICE = "inn"
LOST_AFTER_MS = 1500
"""Without a sign of life for so long, a server is taken for dead."""
SLOTS = 16384


@dataclass
class Member:
    """One server, which tests may kill and start again."""

    folder: Path
    command: tuple[str, ...]
    port: int
    password: str | None = PASSWORD
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=log, stderr=log)
        until(lambda: self.ask("PING"), (self.folder / "log").read_text)

    def kill(self) -> None:
        """SIGKILL, as the kernel would."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, *words: Any) -> Any:
        """One command; None if it is refused or nobody is there."""
        with redis.Redis(port=self.port, password=self.password, decode_responses=True, socket_timeout=5) as client:
            try:
                return client.execute_command(*words)
            except redis.RedisError:
                return None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass
class Group:
    """What belongs together, and the URL that it is reached by."""

    url: str
    members: list[Member]
    sentinels: list[Member] = field(default_factory=list)

    def primaries(self) -> list[Member]:
        """Those that live and take writes."""
        return [one for one in self.members if one.process and (one.ask("ROLE") or [""])[0] == "master"]

    def flush(self) -> None:
        for one in self.primaries():
            one.ask("FLUSHALL")


def until(condition: Callable[[], Any], what: Callable[[], str] = lambda: "", timeout_s: float = 120) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"still not so after {timeout_s:g} s. {what()[-2000:]}")


@contextmanager
def cluster(folder: Path, *, replicas: bool = False, binary: str | None = None) -> Iterator[Group]:
    """Three nodes with a third of the slots each, and a replica for each if asked for."""
    members = [
        server(folder / str(number), binary, "--cluster-node-timeout", str(LOST_AFTER_MS), of_cluster=True)
        for number in range(6 if replicas else 3)
    ]
    url = f"redis+cluster://:{PASSWORD}@" + ",".join(one.address for one in members)
    with _running(Group(url, members)) as group:
        primaries = members[:3]
        for number, one in enumerate(primaries):
            assert one.ask("CLUSTER", "ADDSLOTSRANGE", SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1)
        for one in members[1:]:
            bus = members[0].command[members[0].command.index("--cluster-port") + 1]
            assert one.ask("CLUSTER", "MEET", "127.0.0.1", members[0].port, bus)
        until(lambda: all(len(_nodes(one)) == len(members) for one in members))
        for primary, replica in zip(primaries, members[3:], strict=False):
            until(lambda p=primary, r=replica: r.ask("CLUSTER", "REPLICATE", p.ask("CLUSTER", "MYID")))
        until(lambda: all("cluster_state:ok" in info(one, "CLUSTER", "INFO") for one in members))
        for replica in members[3:]:
            until(lambda r=replica: "master_link_status:up" in info(r))
        until(lambda: sum(line.count("slave") for line in _nodes(members[0])) == len(members) - 3)
        yield group


@contextmanager
def watched(folder: Path, *, replicas: int = 1, sentinels: int = 3, binary: str | None = None) -> Iterator[Group]:
    """A primary with replicas, and sentinels that make one of them the primary when it dies."""
    primary = server(folder / "0", binary, "--masterauth", PASSWORD)
    copies = [
        server(folder / str(number), binary, "--masterauth", PASSWORD, "--replicaof", f"127.0.0.1 {primary.port}")
        for number in range(1, replicas + 1)
    ]
    watching = [
        sentinel(folder / f"sentinel{number}", "127.0.0.1", primary.port, sentinels, binary=binary) for number in range(sentinels)
    ]
    url = f"redis+sentinel://:{PASSWORD}@" + ",".join(one.address for one in watching) + f"/{SERVICE}"
    with _running(Group(url, [primary, *copies], watching)) as group:
        for one in copies:
            until(lambda r=one: "master_link_status:up" in info(r))

        def all_seen() -> bool:
            found = [_pairs(one.ask("SENTINEL", "MASTER", SERVICE)) for one in watching]
            seen = [(one.get("num-slaves"), one.get("num-other-sentinels")) for one in found]
            return all(one == (str(replicas), str(sentinels - 1)) for one in seen)

        until(all_seen)
        yield group


def server(folder: Path, binary: str | None, *words: str, of_cluster: bool = False) -> Member:
    """One that is not started yet, in a new folder.

    The nodes of a cluster talk to each other at a port that is 10,000 higher, if no other is named, and many a free one is too
    high for that.
    """
    folder.mkdir(parents=True)
    port = free_port()
    command = (
        *(binary or str(valkey_binary()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
        *("--requirepass", PASSWORD, "--masterauth", PASSWORD, "--save", "", "--appendonly", "yes"),
        *("--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"),
        *(("--cluster-enabled", "yes", "--cluster-port", str(free_port())) if of_cluster else ()),
        *words,
    )
    return Member(folder, command, port)


def sentinel(
    folder: Path, host: str, port_of_primary: int, of: int, *, binary: str | None = None, lost_after_ms: int = LOST_AFTER_MS
) -> Member:
    """One of so many that watch a primary; not started yet."""
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
        f"sentinel monitor {SERVICE} {host} {port_of_primary} {of // 2 + 1}\n"
        f"sentinel auth-pass {SERVICE} {PASSWORD}\n"
        f"sentinel down-after-milliseconds {SERVICE} {lost_after_ms}\n"
        f"sentinel failover-timeout {SERVICE} 10000\n"
    )
    return Member(folder, (binary or str(valkey_binary()), str(config), "--sentinel"), port, password=None)


@contextmanager
def _running(group: Group) -> Iterator[Group]:
    try:
        for one in (*group.members, *group.sentinels):
            one.start()
        yield group
    finally:
        for one in (*group.sentinels, *group.members):
            one.kill()


def _nodes(member: Member) -> list[str]:
    found = member.ask("CLUSTER", "NODES")
    if isinstance(found, dict):
        return [str(one.get("flags")) for one in found.values()]
    return str(found or "").splitlines()


def info(member: Member, *words: str) -> str:
    """What a server tells of itself, one thing a line."""
    found = member.ask(*(words or ("INFO", "replication")))
    if isinstance(found, dict):
        return "\n".join(f"{name}:{value}" for name, value in found.items())
    return str(found)


def _pairs(found: Any) -> dict[str, str]:
    if isinstance(found, dict):
        return {str(name): str(value) for name, value in found.items()}
    flat = [str(one) for one in found or ()]
    return dict(zip(flat[::2], flat[1::2], strict=True))


def debian_binary() -> str | None:
    """Debian's Redis, if it is installed."""
    return shutil.which("redis-server")
