"""What stands in for the places of the allow-list: servers in this process, on addresses of their own.

They aren't on the loopback's 127.0.0.0/8, which every process may reach, so a process gets there only by the allow-list.
Who does is counted in `loopback`.
"""

import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from agent.errors import ServiceFailed

PORT = 8090
ADDRESSES = tuple(f"10.99.53.{number}" for number in range(10, 250))
"""As those of an intranet: private ones. Source: RFC 1918."""
DOMAIN = "internal"
DESK, SITE = f"desk.{DOMAIN}", f"docs.{DOMAIN}"
MAIL_PORTS = {143: b"* BYE no mailbox is kept here\r\n", 587: b"421 no mail is taken here\r\n"}


@dataclass
class Inbox:
    """The helpdesk's side of the generic webhook: keeps the first event of each `webhook-id`, if it is signed."""

    secret: str
    unsigned: int = 0
    _events: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, headers: Mapping[str, str], body: bytes) -> bool:
        """False for a delivery that isn't signed with the secret."""
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            event = Webhook(self.secret).verify(body, lower)
        except WebhookVerificationError:
            self.unsigned += 1
            return False
        with self._lock:
            self._events.setdefault(lower["webhook-id"], event)
        return True

    def outcome(self, ticket_id: str) -> str | None:
        """How the ticket ended; None if nothing has come yet."""
        with self._lock:
            found = [one["data"] for one in self._events.values() if one["data"].get("ticket_id") == ticket_id]
        return str(found[0]["decision"]) if found else None


@dataclass
class Website:
    """A help page with links, which says something new in each edition."""

    edition: int = 1
    pages: tuple[str, ...] = ("parking", "luggage", "bicycles")

    def page(self, path: str) -> str | None:
        """The page at a path; None if there is none."""
        name = path.strip("/")
        if name == "":
            links = "".join(f'<li><a href="/{one}">About {one}</a></li>' for one in self.pages)
            return self._html("Good to know", f"<p>What guests ask about their stay, by subject.</p><ul>{links}</ul>")
        if name not in self.pages:
            return None
        return self._html(
            f"About {name}",
            f"<p>Guests find all that they need to know about {name} on the noticeboard beside the front door of the house. "
            f"This is edition {self.edition} of the page about {name}, and the reception answers whatever it leaves open.</p>",
        )

    def _html(self, title: str, body: str) -> str:
        head = f"<!doctype html><html lang=en><head><title>{title}</title></head>"
        return f"{head}<body><main><h1>{title}</h1>{body}</main></body></html>"


@dataclass
class Upstream:
    """All stand-ins. `asked`: how many requests each host was sent; of mail, sessions."""

    inbox: Inbox
    website: Website = field(default_factory=Website)
    asked: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, host: str) -> None:
        """One more request of a host's."""
        with self._lock:
            self.asked[host] += 1

    @contextmanager
    def serving(self, hosts: Mapping[str, str]) -> Iterator[None]:
        """Serve each host at its address; what isn't the desk or the website answers 404 to everything.

        Raises:
            ServiceFailed: an address isn't there.
        """
        with ExitStack() as stack:
            for host, address in hosts.items():
                ports = (*MAIL_PORTS, PORT) if host.startswith("mail.") else (PORT,)
                for port in ports:
                    try:
                        server = _Mail(self, host, address, port) if port in MAIL_PORTS else _Web(self, host, address, port)
                    except OSError as error:
                        raise ServiceFailed(
                            f"the stand-in for {host} can't listen on {address}:{port}: {error.strerror}"
                        ) from error
                    stack.callback(server.server_close)
                    stack.callback(server.shutdown)
                    threading.Thread(target=server.serve_forever, name=f"stand-in {host}", daemon=True).start()
            yield


class _Server(ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is stopped lets go of its connections, which is no fault of anybody's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Mail(_Server):
    """Says that it takes nothing, as a mail server would."""

    def __init__(self, upstream: Upstream, host: str, address: str, port: int) -> None:
        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                upstream.count(host)
                self.request.sendall(MAIL_PORTS[port])

        super().__init__((address, port), Handler)


class _Web(_Server, ThreadingHTTPServer):
    def __init__(self, upstream: Upstream, host: str, address: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                page = upstream.website.page(self.path) if host == SITE else None
                if page is None:
                    self._answer(404, json.dumps({"error": "not found"}), "application/json")
                else:
                    self._answer(200, page, "text/html; charset=utf-8")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                taken = host == DESK and upstream.inbox.take(dict(self.headers.items()), body)
                self._answer(200 if taken else 404, "{}", "application/json")

            do_HEAD, do_PUT, do_PATCH, do_DELETE = do_GET, do_POST, do_POST, do_POST

            def _answer(self, status: int, text: str, kind: str) -> None:
                upstream.count(host)
                content = text.encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        super().__init__((address, port), Handler)

    def server_bind(self) -> None:
        """Without asking for the name of the address, as `HTTPServer` does: the run counts look-ups."""
        ThreadingTCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
