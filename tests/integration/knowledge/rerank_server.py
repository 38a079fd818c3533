"""A small real HTTP server on loopback that speaks vLLM's `/v1/rerank`, well or badly."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from knowledge.rerank_probe import KNOWN
from tests.integration.knowledge.word_reranker import STOP_WORDS

Score = Callable[[str, str], float]
Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]
PROBES = frozenset(known.question for known in KNOWN)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - set(STOP_WORDS.split())


def with_template(query: str, document: str) -> float:
    """Bimodal, as Qwen3-Reranker's scores are: near 1 with the more of the query's words, near 0 without any."""
    share = len(words(query) & words(document)) / max(1, len(words(query)))
    return 0.0008 + 0.99 * share


def without_template(query: str, document: str) -> float:
    """As vLLM without `--chat-template`: .8 to .96 for anything."""
    return 0.8 + 0.16 * hashlib.sha256(f"{query}|{document}".encode()).digest()[0] / 255


def results(score: Score) -> Answer:
    """The documented answer: best first, each with its index and its text."""

    def answer(handler: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        found = [
            {"index": i, "document": {"text": text, "multi_modal": None}, "relevance_score": score(asked["query"], text)}
            for i, text in enumerate(asked["documents"])
        ]
        found.sort(key=lambda one: -float(one["relevance_score"]))
        usage = {"prompt_tokens": 9, "total_tokens": 9}
        send(handler, 200, {"id": "rerank-1", "model": asked["model"], "usage": usage, "results": found})

    return answer


def reply(status: int, body: object = b"", **headers: str) -> Answer:
    return lambda handler, asked: send(handler, status, body, **headers)


def after_the_probe(answer: Answer) -> Answer:
    """Right about what is known, and then this."""

    def choose(handler: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        (results(with_template) if asked["query"] in PROBES else answer)(handler, asked)

    return choose


def send(handler: BaseHTTPRequestHandler, status: int, body: object, **headers: str) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(raw)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    reranker: "RerankServer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client may hang up whenever it has had enough."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        served = self.server.reranker
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        served.paths.append(self.path)
        served.keys.append(self.headers.get("Authorization"))
        served.asked.append(asked)
        served.answer(self, asked)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class RerankServer:
    """`answer` may be changed at any time. `asked`, `paths` and `keys` are what arrived."""

    port: int
    answer: Answer = field(default_factory=lambda: results(with_template))
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def queries(self) -> list[str]:
        """All but those of the probe."""
        return [one["query"] for one in self.asked if one["query"] not in PROBES]

    @property
    def probes(self) -> int:
        return sum(one["query"] in PROBES for one in self.asked)

    def stall(self, handler: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        self.over.wait(30)

    def drip(self, handler: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        while not self.over.wait(0.05):
            handler.wfile.write(b" ")


@contextmanager
def reranking() -> Iterator[RerankServer]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.reranker = RerankServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.reranker
        finally:
            server.reranker.over.set()
            server.shutdown()
            thread.join()
