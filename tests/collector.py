"""A collector on loopback that takes spans by OTLP over HTTP, as a real one does, and keeps them."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Kept:
    """A span as it came."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    process: str
    facts: dict[str, Any]
    links: tuple[str, ...]
    seconds: float
    status: str


class Collector:
    """Use it with `with`. `raw` is every byte that came."""

    def __init__(self, port: int = 0, status: int = 200) -> None:
        self.spans: list[Kept] = []
        self.raw = b""
        self.paths: set[str] = set()
        self.headers: list[dict[str, str]] = []
        self._lock = threading.Lock()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector._take(self.path, dict(self.headers.items()), body)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def of(self, trace_id: str) -> dict[str, list[Kept]]:
        """The spans of one trace, by name."""
        with self._lock:
            found: dict[str, list[Kept]] = {}
            for one in self.spans:
                if one.trace_id == trace_id:
                    found.setdefault(one.name, []).append(one)
            return found

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self.raw += body
            self.paths.add(path)
            self.headers.append({name.lower(): value for name, value in headers.items()})
            for resource in request.resource_spans:
                process = {one.key: one.value.string_value for one in resource.resource.attributes}["innkeeper.process"]
                self.spans += [_kept(span, process) for scope in resource.scope_spans for span in scope.spans]

    def __enter__(self) -> "Collector":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _kept(span: Any, process: str) -> Kept:
    facts = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
    seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    links = tuple(link.trace_id.hex() for link in span.links)
    told = span.status.message + "".join(event.name for event in span.events)
    return Kept(
        span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), process, facts, links, seconds, told
    )
