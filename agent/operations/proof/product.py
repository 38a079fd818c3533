"""The product of the run: `innkeeper up` and single commands as processes of their own, with settings made for the run."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from agent.errors import ServiceFailed
from agent.privacy.egress import REFUSALS, REFUSED_MARK

INNKEEPER = (sys.executable, "-m", "agent")
API_PORT = 8080
STARTS_IN_S = 600.0
COMMAND_IN_S = 1800.0
STOPS_IN_S = 90.0
TAIL = 2000
TARGET = 200
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


@dataclass
class Product:
    """Where it runs, and with which settings."""

    folder: Path
    settings: Mapping[str, str]

    @property
    def data_dir(self) -> Path:
        """Its data folder, made for the run."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Of its API."""
        return f"http://127.0.0.1:{API_PORT}"

    def environment(self) -> dict[str, str]:
        """This environment with the settings of the run in place of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("INNKEEPER_", "PROMETHEUS_"))}
        return (
            kept
            | {"INNKEEPER_DATA_DIR": str(self.data_dir), "INNKEEPER_PORT": str(API_PORT), "NO_COLOR": "1"}
            | dict(self.settings)
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """`innkeeper up`, from when it is ready until it has stopped.

        Raises:
            ServiceFailed: it didn't start; the message ends with what it said.
        """
        log = self.folder / "up.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *INNKEEPER, "up", env=self.environment(), stdout=output, stderr=output, preexec_fn=_end_with_us
            )
        try:
            await self._ready(process, log)
            yield
        finally:
            await _stop(process)

    async def run(self, *arguments: str) -> tuple[int, str]:
        """One command to its end. Its exit code, and what it printed.

        Raises:
            ServiceFailed: it took too long.
        """
        process = await asyncio.create_subprocess_exec(
            *INNKEEPER,
            *arguments,
            env=self.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_end_with_us,
        )
        try:
            told, wrong = await asyncio.wait_for(process.communicate(), COMMAND_IN_S)
        except TimeoutError:
            raise ServiceFailed(f"`innkeeper {arguments[0]}` did not end within {COMMAND_IN_S:g} s") from None
        finally:
            await _stop(process)  # also on Ctrl-C: the folder that it writes into is removed next
        code = process.returncode or 0
        with (self.folder / "commands.log").open("ab") as log:
            log.write(wrong)
        return code, told.decode("utf-8", "replace") if code == 0 else (told + wrong).decode("utf-8", "replace")[-TAIL:]

    def logged(self, event: str) -> int:
        """How often the worker's log has this event."""
        try:
            lines = (self.data_dir / "logs" / "worker.log").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return 0
        return sum(f'"{event}"' in line for line in lines)

    def refusals(self) -> list[dict[str, Any]]:
        """What the guards in the processes refused: in the file for it, and in the logs of those that have none."""
        found: list[str] = []
        with contextlib.suppress(OSError):
            found += (self.data_dir / REFUSALS).read_text(encoding="utf-8", errors="replace").splitlines()
        for log in (self.folder / "up.log", self.folder / "commands.log", *(self.data_dir / "logs").glob("*.log*")):
            with contextlib.suppress(OSError):
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
                found += [line.removeprefix(REFUSED_MARK) for line in lines if line.startswith(REFUSED_MARK)]
        return [_read(line) for line in found if line.strip()]

    async def _ready(self, process: asyncio.subprocess.Process, log: Path) -> None:
        """Wait until it says so, which is when the worker was started, too."""
        async with contextlib.AsyncExitStack() as stack:
            client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=5.0))
            deadline = asyncio.get_running_loop().time() + STARTS_IN_S
            while asyncio.get_running_loop().time() < deadline:
                if process.returncode is not None:
                    break
                with contextlib.suppress(httpx.HTTPError):
                    if "Innkeeper is up" in _end_of(log) and (await client.get(f"{self.url}/readyz")).is_success:
                        return
                await asyncio.sleep(0.2)
        raise ServiceFailed(f"the product did not start in the namespace. What it said:\n{_end_of(log)}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOPS_IN_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _read(line: str) -> dict[str, Any]:
    """A refusal; of one that was cut off by the end of its process, that there was one."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        found = None
    if isinstance(found, dict) and "at" in found:
        return found
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"at": now, "event": "a refusal that was cut off", "target": line[:TARGET]}


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-TAIL:]


def _end_with_us() -> None:
    """In the child: end as on SIGTERM when this process dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
