"""An application on a port until it is told to stop, by SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Generator

import uvicorn
from fastapi import FastAPI

from agent.errors import ServiceFailed

GRACE_S = 10
BACKLOG = 2048
FILES = 65_536


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def _stop(self, number: int) -> None:
        if self._on_stop is not None:
            self._on_stop()
        self.handle_exit(number, None)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn's own would send itself the signal again at the end: the process would die of it
        # before anything else is closed.
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


class _Beside(uvicorn.Server):
    """Leaves signals to whom the process belongs to."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(host: str, port: int, settings: str = "INNKEEPER_HOST and INNKEEPER_PORT") -> socket.socket:
    """A listening socket; port 0 takes a free one. `settings` say where.

    Raises:
        ServiceFailed: the port is taken, or the address is not this machine's.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG)
    except OSError as error:
        raise ServiceFailed(f"can't listen on {host}:{port}: {error.strerror}. Stop what uses it, or set {settings}.") from error


@contextlib.asynccontextmanager
async def served_beside(app: FastAPI, host: str, port: int, settings: str) -> AsyncIterator[None]:
    """Serve while something else is the process's work. Signals stay its business.

    Raises:
        ServiceFailed: the port is taken, or the address is not this machine's.
    """
    with listen(host, port, settings) as listening:
        server = _Beside(_config(app))
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="health")
        try:
            yield
        finally:
            server.should_exit = True
            await serving


async def serve_app(app: FastAPI, host: str, port: int, fd: int | None = None, on_stop: Callable[[], None] | None = None) -> None:
    """Serve; returns when it was told to stop and what was under way is done, or `GRACE_S` have passed.

    Args:
        app: what to serve.
        host: address to listen on.
        port: port to listen on.
        fd: an inherited socket that listens already, used instead.
        on_stop: called when it is told to stop: what lasts, as an event stream does, must be ended.

    Raises:
        ServiceFailed: the port is taken, or the address is not this machine's.
    """
    _allow_more_files()
    listening = listen(host, port) if fd is None else socket.socket(fileno=fd)
    with listening:
        await _Server(_config(app), on_stop).serve(sockets=[listening])


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",  # uvloop opens sockets where the egress guard can't see them
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )


def _allow_more_files() -> None:
    """Each connection is an open file, and many systems begin with 1,024 for a process that may have more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
