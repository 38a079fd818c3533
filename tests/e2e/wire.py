"""Between a process and the booking system: passes on, remembers each refund that was asked for, and fails when told to."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

_PASSED_ON = ("authorization", "content-type", "idempotency-key")


class Fault(Enum):
    """How a call fails. `AFTER`: the system has carried it out, and the caller doesn't hear of it."""

    LOST_BEFORE = "the connection breaks, and nothing has happened"
    LOST_AFTER = "the connection breaks"
    ERROR_BEFORE = "500, and nothing has happened"
    ERROR_AFTER = "500"
    SILENT_AFTER = "no answer until the caller hangs up"
    BUSY = "429, and nothing has happened"
    REFUSED = "422, and nothing has happened"

    @property
    def carries_out(self) -> bool:
        """Whether the system hears of the call."""
        return self in (Fault.LOST_AFTER, Fault.ERROR_AFTER, Fault.SILENT_AFTER)


@dataclass(frozen=True)
class Asked:
    """One attempt to pay back, as it came over the wire."""

    caller: str
    booking_id: str
    amount: int
    key: str


Meddle = Callable[[Asked], tuple[Fault | None, Callable[[], None]]]
"""What becomes of an attempt, and what happens once the system has or hasn't carried it out, before the caller hears of it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, caller: str, target: str, meddle: Meddle) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.caller, self.target, self.meddle = caller, target, meddle
        self.client = httpx.Client(trust_env=False, timeout=60)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who is killed hangs up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer(*self._pass_on(None))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self.path.partition("?")[0].endswith("/refund"):
            self._answer(*self._pass_on(body))
            return
        booking_id, amount = self.path.split("/")[2], int(json.loads(body)["amount_cents"])
        fault, then = self.server.meddle(Asked(self.server.caller, booking_id, amount, self.headers["idempotency-key"]))
        answer = self._pass_on(body) if fault is None or fault.carries_out else (0, b"")
        then()
        self._fail(fault, answer)

    def _fail(self, fault: Fault | None, answer: tuple[int, bytes]) -> None:
        match fault:
            case None:
                self._answer(*answer)
            case Fault.LOST_BEFORE | Fault.LOST_AFTER:
                self.close_connection = True
            case Fault.SILENT_AFTER:
                self.connection.settimeout(120)
                self.connection.recv(1)
                self.close_connection = True
            case Fault.ERROR_BEFORE | Fault.ERROR_AFTER:
                self._answer(500, b"{}")
            case Fault.BUSY:
                self._answer(429, b"{}")
            case Fault.REFUSED:
                self._answer(422, b"{}")

    def _pass_on(self, body: bytes | None) -> tuple[int, bytes]:
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        answer = self.server.client.request(self.command, self.server.target + self.path, content=body, headers=headers)
        return answer.status_code, answer.content

    def _answer(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # the caller was killed
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def wire(caller: str, target: str, meddle: Meddle) -> Iterator[str]:
    """The address to call in place of `target`."""
    server = _Server(caller, target, meddle)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        server.client.close()
