"""Whether a child process answers is asked over a real socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from agent.adapters.embedded_model import answers
from tests.servers import free_port


@contextmanager
def child(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (204, True), (404, False), (503, False)])
async def test_only_a_success_is_an_answer(status: int, ready: bool) -> None:
    with child(status) as url:
        assert await answers(f"{url}/health") is ready


async def test_nobody_there_is_no_error() -> None:
    assert await answers(f"http://127.0.0.1:{free_port()}/health") is False
