"""Many open chat widgets on one API process: `python -m tests.bench.bench_widget [--streams 2000] [--rate 20] [--seconds 20]`.

The real `innkeeper serve` as a process of its own with a real Redis, a worker process whose turns are scripted (three
stages, then an answer; queue, commit and sender are the real ones), and this process as all the browsers. Prints the API
process's memory before and with the streams, and from the moment a message is posted: when the first progress event and
when the whole answer are read here, as the median and the 95th percentile in milliseconds. Sessions and conversations are
written to Redis beforehand, not over HTTP. Everything shares the machine's cores.
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from agent.adapters.hints import RedisTicketHints
from agent.adapters.jobs import Handlers, Owed, WorkerOptions
from agent.adapters.queue import DocketQueue, run_worker
from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.adapters.widget_sessions import RedisWidgetSessions
from agent.adapters.widget_store import RedisWidgetConversations
from agent.channels.widget.sessions import hash_of
from agent.ports import Stage
from agent.turns import has_question, run_id_of
from agent.types import ConversationId, Decision, Outcome, PolicyTrace
from agent.widget_ports import Session, WidgetConversation
from agent.wiring.widget import build_progress, build_sender, promises_of
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from tests.servers import free_port, valkey

ORIGIN = "https://shop.example"
ANSWER = "You get half back until 48 hours before check-in. [1] The rest is kept. [1] A person can look at it, too."
STAGE_S = 0.05
STREAMS_AT_ONCE = 100
STARTS_IN_S = 300


@dataclass
class Page:
    """A browser: its conversation, its open stream, and when it read what."""

    token: str
    conversation_id: str
    posted: float = 0.0
    first_progress: list[float] = field(default_factory=list)
    completed: list[float] = field(default_factory=list)

    def read(self, line: bytes, at: float) -> None:
        """A line of the stream."""
        if self.posted and line.startswith(b"event: progress") and len(self.first_progress) == len(self.completed):
            self.first_progress.append(at - self.posted)
        elif self.posted and line.startswith(b"event: message.completed"):
            self.completed.append(at - self.posted)
            self.posted = 0.0


async def work(redis_url: str) -> None:
    """The worker process."""
    async with redis_client(redis_url) as redis, DocketQueue(redis_url, debounce_ms=0) as queue:
        conversations, progress = RedisConversations(redis), build_progress(redis)

        async def turn(conversation_id: ConversationId) -> None:
            conversation = await conversations.read(conversation_id)
            if not has_question(conversation):
                return
            for stage in (Stage.SEARCHING, Stage.WRITING, Stage.CHECKING):
                await progress.tell(conversation_id, stage)
                await asyncio.sleep(STAGE_S)
            outcome = Outcome(Decision.ANSWER, ANSWER, "scripted", "en", PolicyTrace("1", "0" * 64))
            entry = await conversations.commit(conversation, run_id_of(conversation), outcome)
            if entry is not None:
                await queue.add_delivery(entry.key)

        handlers = Handlers(turn, build_sender(redis, {}, promises_of(PolicyEngine(load_pack(default_folder())))))
        owed = Owed(conversations, RedisOutbox(redis), RedisTicketHints(redis))
        await run_worker(queue, handlers, owed, WorkerOptions(concurrency=32, deliveries=32))


@contextmanager
def child(command: Sequence[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", *command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@asynccontextmanager
async def serving(redis_url: str, data_dir: str, streams: int) -> AsyncIterator[tuple[int, psutil.Process]]:
    """The port and the process of the API."""
    port = free_port()
    limits = {"session_messages": 10_000, "address_sessions": 10_000, "site_messages": 1_000_000}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INNKEEPER_", "PROMETHEUS_"))}
    env = kept | {
        "INNKEEPER_DATA_DIR": data_dir,
        "INNKEEPER_PORT": str(port),
        "INNKEEPER_REDIS_URL": redis_url,
        "INNKEEPER_LLM_BASE_URL": "http://127.0.0.1:9/v1",
        "INNKEEPER_DEBOUNCE_MS": "0",
        "INNKEEPER_WIDGET_STREAMS": str(streams + 100),
        "INNKEEPER_SITES": json.dumps({"shop": {"name": "Shop", "origins": [ORIGIN], "limits": limits}}),
    }
    with child(("agent", "serve"), env) as api, child(("tests.bench.bench_widget", "--work", redis_url), env):
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(STARTS_IN_S):
                try:
                    if (await client.get(f"http://127.0.0.1:{port}/healthz")).is_success:
                        break
                except httpx.HTTPError:
                    await asyncio.sleep(1)
            else:
                raise SystemExit(f"the API did not start in {STARTS_IN_S} s")
        yield port, psutil.Process(api.pid)


async def make_pages(redis_url: str, count: int) -> list[Page]:
    async with redis_client(redis_url) as redis:
        sessions, conversations = RedisWidgetSessions(redis), RedisWidgetConversations(redis)
        pages = [Page(uuid.uuid4().hex * 2, uuid.uuid4().hex) for _ in range(count)]
        for page in pages:
            now = time.time()
            owner = hash_of(page.token)
            await sessions.open(hash_of(page.token), Session("shop", owner, None, None, None, now, now + 3600))
            await conversations.create(WidgetConversation(page.conversation_id, "shop", owner))
    return pages


def head(page: Page, method: str, what: str, more: str = "") -> bytes:
    lines = [
        f"{method} /widget/conversations/{page.conversation_id}/{what} HTTP/1.1",
        "host: 127.0.0.1",
        f"origin: {ORIGIN}",
        f"authorization: Bearer {page.token}",
    ]
    return ("\r\n".join(lines) + "\r\n" + more + "\r\n").encode()


async def open_stream(page: Page, port: int, opened: asyncio.Semaphore) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(page, "GET", "events"))
        status = await reader.readline()
        assert b" 200 " in status, status
        while (await reader.readline()).strip() != b"retry: 2000":
            pass
    return reader, writer


async def watch(page: Page, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            page.read(line, time.perf_counter())
    finally:
        writer.close()


async def post(page: Page, port: int) -> int:
    """Post a message, again where the API says that it can't now, as a browser does. How often it said so."""
    body = json.dumps({"text": "What do I get back if I cancel?"}).encode()
    more = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    more += f"idempotency-key: {uuid.uuid4()}\r\nconnection: close\r\n"
    page.posted = time.perf_counter()
    refused = 0
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(page, "POST", "messages", more) + body)
        status = await reader.readline()
        writer.close()
        if b" 202 " in status:
            return refused
        assert b" 503 " in status, status
        refused += 1
        await asyncio.sleep(1)


def told(name: str, seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return f"{name}: {len(seconds)} seen"
    cut = statistics.quantiles(seconds, n=20)
    return (
        f"{name}: p50 {1000 * statistics.median(seconds):.0f} ms, p95 {1000 * cut[-1]:.0f} ms, most {1000 * max(seconds):.0f} ms"
    )


async def measure(streams: int, rate: float, seconds: float, redis_url: str, data_dir: str) -> None:
    pages = await make_pages(redis_url, streams)
    async with serving(redis_url, data_dir, streams) as (port, api):
        before = api.memory_info().rss
        opened = asyncio.Semaphore(STREAMS_AT_ONCE)
        began = time.perf_counter()
        readers = await asyncio.gather(*(open_stream(page, port, opened) for page in pages))
        watching = [asyncio.create_task(watch(page, *pair)) for page, pair in zip(pages, readers, strict=True)]
        print(f"{streams} streams open after {time.perf_counter() - began:.1f} s")
        opened_rss = api.memory_info().rss
        cpu, began = api.cpu_times(), time.perf_counter()
        posting = []
        for n in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + n / rate - time.perf_counter()))
            posting.append(asyncio.create_task(post(pages[n * 37 % streams], port)))
        refused = sum(await asyncio.gather(*posting))
        spent = time.perf_counter() - began
        await asyncio.sleep(3)
        busy = sum(api.cpu_times()[:2]) - sum(cpu[:2])
        first = [one for page in pages for one in page.first_progress]
        whole = [one for page in pages for one in page.completed]
        mib = 2**20
        print(f"{len(posting)} messages posted in {spent:.1f} s, {refused} times not at once; {len(whole)} answered")
        print(told("POST to first progress event", first))
        print(told("POST to whole answer", whole))
        print(
            f"memory of the API process: {before / mib:.0f} MiB idle, {opened_rss / mib:.0f} with the streams "
            f"({(opened_rss - before) / streams / 1024:.0f} KiB each), {api.memory_info().rss / mib:.0f} at the end"
        )
        print(f"processor time of the API process: {100 * busy / (spent + 3):.0f} % of one core; load {os.getloadavg()[0]:.1f}")
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--work", metavar="REDIS_URL")
    given = parser.parse_args()
    if given.work:
        asyncio.run(work(given.work))
        return
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # through the `finally`s that end the children
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65_536)), hard))
    with tempfile.TemporaryDirectory() as data_dir, valkey(Path(data_dir)) as redis:
        asyncio.run(measure(given.streams, given.rate, given.seconds, redis.url, data_dir))


if __name__ == "__main__":
    main()
