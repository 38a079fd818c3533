"""An application on a port until it is told to stop, by SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Generator

import uvicorn
from fastapi import FastAPI

from agent.errors import ServiceFailed

GRACE_S = 10
BACKLOG = 2048


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn's own would send itself the signal again at the end: the process would die of it
        # before anything else is closed.
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        ServiceFailed: the port is taken, or the address is not this machine's.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG)
    except OSError as error:
        raise ServiceFailed(
            f"can't listen on {host}:{port}: {error.strerror}. Stop what uses it, or set INNKEEPER_HOST and INNKEEPER_PORT."
        ) from error


async def serve_app(app: FastAPI, host: str, port: int, fd: int | None = None) -> None:
    """Serve; returns when it was told to stop and what was under way is done, or `GRACE_S` have passed.

    Args:
        app: what to serve.
        host: address to listen on.
        port: port to listen on.
        fd: an inherited socket that listens already, used instead.

    Raises:
        ServiceFailed: the port is taken, or the address is not this machine's.
    """
    listening = listen(host, port) if fd is None else socket.socket(fileno=fd)
    config = uvicorn.Config(
        app,
        loop="asyncio",  # uvloop opens sockets where the egress guard can't see them
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    with listening:
        await _Server(config).serve(sockets=[listening])
