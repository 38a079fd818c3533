"""Servers that several kinds of tests use, and logging as each test found it.

The environment is that of our processes, before any library is imported.
"""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from agent.privacy.environment import lock_down
from tests.servers import RedisServer, valkey

lock_down()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has what it starts in the background ignore Ctrl-C, and so would every process that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command that runs in the test's own process sets up logging; the next test must not inherit its level."""
    root, is_set_up, setup = logging.getLogger(), structlog.is_configured(), structlog.get_config()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = [handler for handler in root.handlers if handler in handlers]
    if is_set_up:
        structlog.configure(**setup)
    else:
        structlog.reset_defaults()


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


@pytest.fixture(scope="session")
def llama() -> Iterator[str]:
    """The address of the packaged model on one thread, one for the whole session."""
    command = (sys.executable, "-m", "agent.adapters.local_model", "--profile", "smollm2", "--threads", "1")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
        assert process.wait(30) == 0
