"""An application on a port until it is told to stop, by SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import signal
from collections.abc import Generator

import uvicorn
from fastapi import FastAPI

GRACE_S = 10


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


async def serve_app(app: FastAPI, host: str, port: int) -> None:
    """Serve; returns when it was told to stop and what was under way is done, or `GRACE_S` have passed."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="asyncio",  # uvloop opens sockets where the egress guard can't see them
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    await _Server(config).serve()
