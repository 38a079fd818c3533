"""A small real web server on loopback whose pages a test writes, and a backend that records each connection."""

import gzip
import html
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpcore

from knowledge.sources.connections import Network, system_resolver
from knowledge.sources.crawl import Watchers
from knowledge.sources.web_documents import Convert
from knowledge.sources.website import Website, read_website
from knowledge.types import Document, SourceFailure

Answer = Callable[[BaseHTTPRequestHandler], None]
SENTENCE = "The host holds a deposit of 200 euros until two days after check-out, and then it is released in full."


def article(title: str, *links: str, head: str = "", text: str = SENTENCE) -> str:
    anchors = "".join(f'<li><a href="{html.escape(link)}">{html.escape(link)}</a></li>' for link in links)
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title>{head}</head><body><nav><ul>{anchors}</ul></nav>'
        f"<main><article><h1>{title}</h1><p>{text}</p><p>{title}: {SENTENCE}</p></article></main></body></html>"
    )


def page(body: str | bytes, content_type: str = "text/html; charset=utf-8", status: int = 200, **headers: str) -> Answer:
    raw = body.encode() if isinstance(body, str) else body

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


def redirect(target: str, status: int = 302) -> Answer:
    return page("", status=status, Location=target)


def raw(*pieces: bytes) -> Answer:
    """Bytes as they go over the wire, and then the server hangs up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
        handler.close_connection = True

    return answer


def bomb(size: int) -> Answer:
    return page(gzip.compress(b"<p>" + b"a" * size), Content_Encoding="gzip")


def urlset(*urls: str) -> str:
    return "<urlset>" + "".join(f"<url><loc>{html.escape(url)}</loc></url>" for url in urls) + "</urlset>"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    site: "WebSite"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.site.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The reader may hang up whenever it has had enough."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        site = self.server.site
        site.requests.append(self.path)
        site.headers.append({name.lower(): value for name, value in self.headers.items()})
        answer = site.pages.get(self.path) or site.pages.get(self.path.partition("?")[0]) or page("no such page", status=404)
        answer(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class WebSite:
    """`pages` by path (with or without query). `requests`, `headers` and `connections` are what arrived."""

    port: int
    pages: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def drip(self, head: bytes, piece: bytes) -> Answer:
        """A server that sends a little now and then, until the test is over."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(head)
            while not self.over.wait(0.02):
                handler.wfile.write(piece)

        return answer


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[WebSite]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.site = WebSite(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.site
        finally:
            server.site.over.set()
            server.shutdown()
            thread.join()


class RecordingBackend(httpcore.NetworkBackend):
    """Notes where each connection was to go. `detours` sends one for an address that we don't have to loopback."""

    def __init__(self, detours: dict[str, str] | None = None) -> None:
        self.attempts: list[tuple[str, int]] = []
        self._detours = detours or {}
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.attempts.append((host, port))
        return self._real.connect_tcp(self._detours.get(host, host), port, timeout, local_address, socket_options)


@dataclass
class Reading:
    """What one reading gave."""

    found: list[Document | SourceFailure]
    broken: list[tuple[str, str, int]]
    left_out: list[tuple[str, str]]
    attempts: list[tuple[str, int]]
    looked_up: list[str]
    site: Website

    @property
    def documents(self) -> list[Document]:
        return [one for one in self.found if isinstance(one, Document)]

    @property
    def paths(self) -> list[str]:
        """Path and query of each document's URL, sorted."""
        return sorted("/" + (one.url or "").split("/", 3)[3] for one in self.documents)

    @property
    def failures(self) -> dict[str, str]:
        """Reason by source, without those of the whole site."""
        return {one.source: one.reason for one in self.found if isinstance(one, SourceFailure) and one.source != self.site.url}

    @property
    def of_all(self) -> list[str]:
        """The reasons why nothing may be taken as gone."""
        return [one.reason for one in self.found if isinstance(one, SourceFailure) and one.source == self.site.url]


def reads(
    url: str,
    *hosts: str,
    names: dict[str, list[str]] | None = None,
    detours: dict[str, str] | None = None,
    convert: Convert | None = None,
    **settings: Any,
) -> Reading:
    """Read a site. `names` are what the resolver knows besides loopback; `hosts` are allowed besides that of the URL."""
    own = url.split("/")[2]
    site = Website(url, frozenset({own, *hosts}), delay_s=0, timeout_s=60, max_seconds=600)
    site = replace(site, **settings)
    backend = RecordingBackend(detours)
    looked_up: list[str] = []
    broken: list[tuple[str, str, int]] = []
    left_out: list[tuple[str, str]] = []

    def resolve(host: str, port: int) -> list[str]:
        looked_up.append(host)
        if names and host in names:
            return names[host]
        if not host.startswith("127."):
            raise socket.gaierror(f"{host} is not known here")
        return system_resolver(host, port)

    watchers = Watchers(lambda *link: broken.append(link), lambda *what: left_out.append(what))
    found = list(read_website(site, convert, watchers, Network(resolve, backend)))
    return Reading(found, broken, left_out, backend.attempts, looked_up, site)
