"""Child processes of `innkeeper up`: start in order, restart what crashes, stop in reverse, leave nothing behind."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil
import structlog

from agent.adapters.live_services import LiveService, take_lock, write_private
from agent.errors import ServiceFailed

BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
QUICK_S = 10.0
"""A process that lived shorter than this has failed quickly."""
MAX_QUICK_FAILURES = 6
TAIL_LINES = 15
_PR_SET_PDEATHSIG = 1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """One child process.

    Attributes:
        ready: True once it answers. Never raises.
        pass_fds: files and sockets of ours that it inherits, under the same numbers.
        explain: turns the end of its log into advice, or gives an empty string.
    """

    name: str
    command: tuple[str, ...]
    url: str
    ready: Callable[[], Awaitable[bool]]
    env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    ready_timeout_s: float = 60.0
    stop_timeout_s: float = 20.0
    explain: Callable[[str], str] = lambda tail: ""


class Supervisor:
    """Async context manager that owns the child processes of one data folder.

    Entering takes the folder's lock; leaving stops the services in reverse order.

    Raises:
        ServiceFailed: another `innkeeper up` uses the folder, or the folder can't be written.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()
        self._children: dict[str, _Child] = {}
        self._failed: asyncio.Future[ServiceFailed] | None = None
        self._lock: IO[str] | None = None

    async def __aenter__(self) -> Self:
        self._failed = asyncio.get_running_loop().create_future()
        self._lock = take_lock(self._data_dir)
        self._write_services()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for child in reversed(list(self._children.values())):
            await child.stop()
        self._children.clear()
        self._write_services()
        if self._lock:
            self._lock.close()

    async def start(self, service: Service) -> None:
        """Start a service and wait until it is ready; from then on it is restarted when it crashes.

        Raises:
            ServiceFailed: it exited or was not ready in time; the message ends with its log.
        """
        child = _Child(service, self._data_dir / "logs", self._write_services, self._give_up)
        self._children[service.name] = child
        await child.start()

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Wait for `stop`, or for SIGINT or SIGTERM.

        Raises:
            ServiceFailed: a service crashed again and again.
        """
        stop = stop or asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        assert self._failed is not None
        stopped = asyncio.create_task(stop.wait())
        waiting: set[asyncio.Future[Any]] = {stopped, self._failed}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                raise self._failed.result()
        finally:
            stopped.cancel()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _give_up(self, error: ServiceFailed) -> None:
        if self._failed and not self._failed.done():
            self._failed.set_result(error)

    def _write_services(self) -> None:
        live = [child.live for child in self._children.values() if child.live]
        write_private(self._data_dir / "run" / "services.json", json.dumps([asdict(service) for service in live], indent=1))


class _Child:
    def __init__(
        self, service: Service, logs: Path, changed: Callable[[], None], give_up: Callable[[ServiceFailed], None]
    ) -> None:
        self._service = service
        self._log_path = logs / f"{service.name}.log"
        self._changed = changed
        self._give_up = give_up
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self.live: LiveService | None = None

    async def start(self) -> None:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        if self._log_path.exists():
            self._log_path.replace(self._log_path.with_suffix(".log.1"))
        try:
            await self._spawn()
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep_alive(), name=f"supervisor:{self._service.name}")

    async def stop(self) -> None:
        if self._watch:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        process, self._process, self.live = self._process, None, None
        if process and process.returncode is None:
            _signal_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._service.stop_timeout_s)
        if process:
            # What the service itself started is in its group, and must not outlive it.
            _signal_group(process.pid, signal.SIGKILL)
            await process.wait()
            log.info("service_stopped", service=self._service.name, code=process.returncode)
        self._changed()

    async def _spawn(self) -> None:
        service = self._service
        parent = os.getpid()
        with self._log_path.open("ab") as output:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *service.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **service.env},
                    pass_fds=service.pass_fds,
                    start_new_session=True,
                    preexec_fn=(lambda: _die_with(parent)) if _libc else None,
                )
            except OSError as error:
                raise ServiceFailed(f"{service.name}: {service.command[0]} can't be started: {error}") from error
        await self._wait_ready(self._process)
        pid = self._process.pid
        with contextlib.suppress(psutil.NoSuchProcess):
            self.live = LiveService(service.name, pid, psutil.Process(pid).create_time(), service.url)
        self._changed()
        log.info("service_ready", service=service.name, pid=pid)

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> None:
        service = self._service
        try:
            async with asyncio.timeout(service.ready_timeout_s):
                while process.returncode is None:
                    if await service.ready():
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise self._failure(f"was not ready after {service.ready_timeout_s:g} s") from None
        raise self._failure(f"exited with code {process.returncode} before it was ready")

    async def _keep_alive(self) -> None:
        quick = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            error = self._failure("can't be kept running")
            if self._process:
                code = await self._process.wait()
                _signal_group(self._process.pid, signal.SIGKILL)
                error = self._failure(f"exited with code {code}")
            self.live = None
            self._changed()
            while True:
                quick = quick + 1 if loop.time() - began < QUICK_S else 1
                if quick > MAX_QUICK_FAILURES:
                    self._give_up(error)
                    return
                delay = BACKOFF_S[min(quick, len(BACKOFF_S)) - 1]
                log.warning("service_restarting", service=self._service.name, failures=quick, delay_s=delay)
                await asyncio.sleep(delay)
                began = loop.time()
                try:
                    await self._spawn()
                    break
                except ServiceFailed as failed:
                    error = failed

    def _failure(self, what: str) -> ServiceFailed:
        tail = _tail(self._log_path)
        advice = self._service.explain(tail)
        return ServiceFailed(
            f"{self._service.name} {what}. {advice + ' ' if advice else ''}"
            f"The end of its log, {self._log_path}:\n{tail or '(empty)'}"
        )


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:])
    except OSError:
        return ""


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


# Loaded before the fork: the child may not take the loader's lock.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with(parent: int) -> None:
    """In the child, before exec: ask the kernel to kill it with its parent, even on SIGKILL."""
    if _libc:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
