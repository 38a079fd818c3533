"""The product as real processes on loopback, with a helpdesk around it that signs, repeats and remembers."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from agent.adapters.embedded_model import embedded_model
from agent.channels.standard_webhooks import Signer, Verifier
from agent.model_profiles import load_profile
from agent.wiring.up import new_secret
from tests.redis_groups import Group
from tests.servers import RedisServer, free_port, valkey

ROOT = Path(__file__).parents[2]
SOURCE = "acme"
INNKEEPER = (sys.executable, "-m", "agent")
STARTS_IN_S = 240.0
ANSWERS_IN_S = 300.0


@functools.cache
def http() -> httpx.Client:
    """One client for all: making one takes longer than most calls."""
    return httpx.Client(trust_env=False, timeout=15)


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """This environment without the settings that it may hold, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INNKEEPER_", "PROMETHEUS_"))}
    return kept | {"INNKEEPER_DATA_DIR": str(data_dir), "NO_COLOR": "1", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"} | settings


def run(data_dir: Path, *arguments: str, timeout_s: float = 300.0, **settings: str) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return _ended(environment(data_dir, **settings), arguments, timeout_s)


def _ended(env: dict[str, str], words: Sequence[str], timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
    command = (*INNKEEPER, *words)
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout_s, check=False)


def until(condition: Callable[[], Any], timeout_s: float = ANSWERS_IN_S, what: Callable[[], str] = lambda: "") -> Any:
    """What the condition gives once it is true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"still not so after {timeout_s:g} s. {what()}")


class Inbox:
    """The helpdesk's side: verifies what arrives, keeps the first event of each webhook-id, counts repeats."""

    def __init__(self, secret: str) -> None:
        self._verifier = Verifier([secret])
        self._lock = threading.Lock()
        self.events: dict[str, dict[str, Any]] = {}
        self.repeats = 0
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                inbox._take(dict(self.headers.items()), body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/inbox"

    def _take(self, headers: dict[str, str], body: bytes) -> None:
        webhook_id = self._verifier.verify(headers, body)
        with self._lock:
            if webhook_id in self.events:
                self.repeats += 1
            else:
                self.events[webhook_id] = json.loads(body)

    def of(self, ticket_id: str) -> list[dict[str, Any]]:
        """The events of one ticket, in the order of their arrival."""
        with self._lock:
            return [event for event in self.events.values() if event["data"]["ticket_id"] == ticket_id]

    def __enter__(self) -> "Inbox":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class ModelServer:
    """The packaged model, which tests may kill and start again on its port."""

    command: tuple[str, ...]
    url: str
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        self._process = subprocess.Popen(self.command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers, STARTS_IN_S)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            return http().get(self.url.removesuffix("/v1") + "/health").is_success
        except httpx.HTTPError:
            return False


@contextmanager
def small_model() -> Iterator[ModelServer]:
    service = embedded_model(load_profile("smollm2"))
    server = ModelServer(service.command, service.url)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass
class Product:
    """`innkeeper serve` and `innkeeper worker` on one data folder, with a Redis, a model and a helpdesk of their own."""

    data_dir: Path
    redis: RedisServer | Group
    model_url: str
    inbox: Inbox
    secret: str
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, **more: str) -> dict[str, str]:
        helpdesks = {SOURCE: {"secrets": [self.secret], "reply_url": self.inbox.url}}
        ours = {
            "INNKEEPER_PORT": str(self.port),
            "INNKEEPER_REDIS_URL": self.redis.url,
            "INNKEEPER_LLM_BASE_URL": self.model_url,
            "INNKEEPER_LLM_PROFILE": "smollm2",
            "INNKEEPER_HELPDESKS": json.dumps(helpdesks),
            "INNKEEPER_DEBOUNCE_MS": "100",
            "INNKEEPER_REDELIVERY_S": "5",
        }
        return environment(self.data_dir, **(ours | self.settings | more))

    def start(self, *commands: str, **more: str) -> None:
        """Start `serve` or `worker` or both at once, and wait until they are ready. One of several is `worker-2`."""
        for command in commands:
            self.launch(command, **more)
        self.await_ready(*commands)

    def await_ready(self, *commands: str) -> None:
        """Until what was launched is ready."""
        for command in commands:
            until(lambda command=command: self._is_ready(command), STARTS_IN_S, self.log(command).read_text)

    def launch(self, command: str, **more: str) -> None:
        """Start one, without waiting."""
        with self.log(command).open("ab") as log:
            log.truncate(0)
            self.processes[command] = subprocess.Popen(
                (*INNKEEPER, command.partition("-")[0]), cwd=ROOT, env=self.environment(**more), stdout=log, stderr=log
            )

    def kill(self, command: str) -> None:
        """SIGKILL."""
        self.processes[command].kill()
        self.processes.pop(command).wait()

    def stop(self, *commands: str) -> list[int]:
        """SIGTERM, and wait. The exit codes."""
        going = [self.processes.pop(command) for command in commands]
        for process in going:
            process.terminate()
        return [process.wait(60) for process in going]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command to its end, in the processes' own environment."""
        return _ended(self.environment(), words)

    def log(self, command: str) -> Path:
        return self.data_dir.parent / f"{command}.log"

    def deliver(self, event: bytes, webhook_id: str = "msg_1", source: str = SOURCE, age_s: float = 0) -> httpx.Response:
        """One signed delivery."""
        headers = Signer(self.secret, lambda: time.time() - age_s).headers(webhook_id, event)
        headers["content-type"] = "application/json"
        url = f"{self.url}/webhooks/{source}"
        return http().post(url, content=event, headers=headers)

    def insist(self, event: bytes, webhook_id: str = "msg_1") -> str:
        """Deliver as helpdesks do: again after a 503 or a lost connection, until it is taken. What became of it."""

        def taken() -> str | None:
            try:
                response = self.deliver(event, webhook_id)
            except httpx.TransportError:
                return None
            if response.status_code == 503:
                return None
            assert response.status_code == 202, response.text
            return str(response.json()["status"])

        return str(until(taken, 120))

    def say(self, ticket_id: str, text: str, message_id: str = "1", author: str = "customer") -> str:
        return self.insist(message(ticket_id, text, f"{ticket_id}-{message_id}", author), f"msg_{ticket_id}-{message_id}")

    def rule(self, ticket_id: str, run_id: str, what: str, **data: str) -> str:
        return self.insist(event(f"agent.reply.{what}", ticket_id=ticket_id, run_id=run_id, **data), f"msg_{what}_{run_id}")

    def outcomes(self, ticket_id: str, count: int = 1, timeout_s: float = ANSWERS_IN_S) -> list[dict[str, Any]]:
        """The ticket's events, once there are so many."""

        def enough() -> list[dict[str, Any]] | None:
            found = self.inbox.of(ticket_id)
            return found if len(found) >= count else None

        found: list[dict[str, Any]] = until(enough, timeout_s, self._end_of_logs)
        return found

    def _end_of_logs(self) -> str:
        return "\n".join(log.read_text()[-3000:] for log in sorted(self.data_dir.parent.glob("worker*.log")))

    def _is_ready(self, command: str) -> bool:
        process = self.processes[command]
        assert process.poll() is None, f"{command} ended with {process.returncode}:\n{self.log(command).read_text()}"
        if command.startswith("worker"):
            return "worker_started" in self.log(command).read_text()
        try:
            return http().get(f"{self.url}/healthz").is_success
        except httpx.HTTPError:
            return False


@contextmanager
def product(folder: Path, knowledge: Path, model_url: str, redis: Group | None = None, **settings: str) -> Iterator[Product]:
    """A product in a new folder, with a copy of an ingested knowledge base. Only Redis runs yet: its own, or this."""
    data_dir = folder / "data"
    shutil.copytree(knowledge, data_dir)
    secret = new_secret()
    with nullcontext(redis) if redis else valkey(data_dir) as server, Inbox(secret) as inbox:
        made = Product(data_dir, server, model_url, inbox, secret, settings)
        try:
            yield made
        finally:
            for command in list(made.processes):
                made.kill(command)


def event(kind: str, **data: Any) -> bytes:
    """An event of the helpdesk."""
    return json.dumps({"type": kind, "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "data": data}).encode()


def message(ticket_id: str, text: str, message_id: str, author: str = "customer", **data: Any) -> bytes:
    given = {"ticket_id": ticket_id, "message_id": message_id, "author": {"kind": author}, "text": text}
    return event("ticket.message.created", **given, **data)


@dataclass
class Up:
    """An `innkeeper up` that runs, in a process group of its own; what it printed so far."""

    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    def printed(self, text: str, timeout_s: float = 300.0) -> str:
        """Everything on stdout, once this is in it."""

        def there() -> str | None:
            told = self.output.read_text()
            assert self.process.poll() is None or text in told, told + self.errors.read_text()
            return told if text in told else None

        found: str = until(there, timeout_s, lambda: self.output.read_text() + self.errors.read_text())
        return found

    def interrupt(self) -> int:
        """Ctrl-C, and its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@contextmanager
def up(data_dir: Path, *arguments: str, prefix: Sequence[str] = (), **settings: str) -> Iterator[Up]:
    output, errors = data_dir.parent / "up.out", data_dir.parent / "up.err"
    command = (*prefix, *INNKEEPER, "up", *arguments)
    env = environment(data_dir, **{"INNKEEPER_PORT": str(free_port())} | settings)
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=err, start_new_session=True)
    try:
        yield Up(process, output, errors)
    finally:
        if process.poll() is None:
            process.kill()  # its children die with it
            process.wait()
