"""Real Redis-compatible servers on loopback, which tests may kill and start again."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

from agent.adapters.embedded import embedded_redis


@dataclass
class RedisServer:
    command: tuple[str, ...]
    url: str
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        self._process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(4000):
            with redis.Redis.from_url(self.url) as client:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    time.sleep(0.025)
        raise RuntimeError(f"{self.command[0]} did not come up")

    def kill(self) -> None:
        """SIGKILL, as the kernel would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@contextmanager
def valkey(folder: Path) -> Iterator[RedisServer]:
    service = embedded_redis(folder)
    with _running(RedisServer(service.command, service.url)) as server:
        yield server


@contextmanager
def debian_redis(folder: Path) -> Iterator[RedisServer]:
    port = free_port()
    command = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
    with _running(RedisServer(command, f"redis://127.0.0.1:{port}/0")) as server:
        yield server


def has_debian_redis() -> bool:
    """CI installs it; elsewhere its tests are skipped."""
    return shutil.which("redis-server") is not None or "CI" in os.environ


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(server: RedisServer) -> Iterator[RedisServer]:
    server.start()
    try:
        yield server
    finally:
        server.kill()
