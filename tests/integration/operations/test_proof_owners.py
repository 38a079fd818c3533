"""Who did something is told by the program that runs then, not by the one that had begun it."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.operations.proof.owners import LOOKS_EVERY_S, Owners
from tests.e2e.product import until


@pytest.fixture
def child() -> Iterator[tuple[int, int]]:
    """A copy of this process that becomes another program once the pipe is written to: its id, and the pipe."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(reads, 1)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)  # the other"])
    yield pid, writes
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    os.close(reads)
    os.close(writes)


def runs_the_other(pid: int) -> bool:
    return b"# the other" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_who_was_seen_before_it_became_another_program(child: tuple[int, int]) -> None:
    owners, (pid, pipe) = Owners(), child
    assert "# the other" not in owners.command(pid)
    os.write(pipe, b"1")
    until(lambda: runs_the_other(pid))
    assert owners.command(pid).endswith("# the other")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert owners.command(pid).endswith("# the other"), "who is gone is remembered"


def test_who_is_looked_at_is_looked_at_again(child: tuple[int, int]) -> None:
    owners, (pid, pipe) = Owners(), child
    owners.start()
    try:
        until(lambda: pid in owners._commands)
        os.write(pipe, b"1")
        until(lambda: owners._commands[pid].endswith("# the other"), 60 + LOOKS_EVERY_S)
    finally:
        owners.stop()
