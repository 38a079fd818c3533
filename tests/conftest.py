"""Servers that several kinds of tests use. The environment is that of our processes, before any library is imported."""

import signal
from collections.abc import Iterator

import pytest

from agent.privacy.environment import lock_down
from tests.servers import RedisServer, valkey

lock_down()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has what it starts in the background ignore Ctrl-C, and so would every process that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The embedded server on loopback, one for the whole session. Don't kill this one."""
    with valkey(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty database."""
    redis_server.flush()
    return redis_server.url
