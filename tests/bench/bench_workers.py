"""What one more worker gains: `python -m tests.bench.bench_workers [--tickets 200] [--workers 1 2 3] [--model-s 0 1]`.

Two real `innkeeper serve`, so many `innkeeper worker`, one Valkey, one Chroma server and a scripted model that answers any
number of calls at a time, each after the same time; every one a process of its own, on this machine. The processes have
data folders of their own, as pods have. All tickets are sent at once, signed, to the two APIs in turn, and this process is the
helpdesk that gets the replies. Throughput is what arrives between the first and the last tenth of the replies, so that
neither start nor end counts. Prints a table: tickets a second, as a ratio to one worker, and how busy the processors were; and
what a ticket costs each part, which `--costs FILE` writes down for `tests.bench.simulate_capacity`; and what it has left in
Redis, by kind of key.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
from redis import Redis

from agent.adapters.queue import DELIVERIES_QUEUE, TURNS
from agent.channels.standard_webhooks import Signer
from agent.wiring.up import new_secret
from tests.bench.redis_keys import kinds, table
from tests.bench.report_samples import SAMPLES
from tests.e2e.product import INNKEEPER, ROOT, SOURCE, Inbox, environment, message, until
from tests.servers import free_port, valkey

APIS = 2
SENDERS = 8
WATCHED = 20
IDLE_S = 15.0
WAITS_S = 600.0


class Timed(Inbox):
    """The helpdesk, with a clock on what arrives."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret)
        self.arrived: list[float] = []

    def _take(self, headers: dict[str, str], body: bytes) -> None:
        before = len(self.events)
        super()._take(headers, body)
        if len(self.events) > before:
            self.arrived.append(time.perf_counter())


@dataclass
class House:
    """What runs beside the workers."""

    folder: Path
    inbox: Timed
    secret: str
    settings: dict[str, str]
    ports: tuple[int, ...] = field(default_factory=lambda: tuple(free_port() for _ in range(APIS)))
    running: dict[str, psutil.Process] = field(default_factory=dict)

    @contextmanager
    def process(self, name: str, *command: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        data_dir = self.folder / name
        data_dir.mkdir(exist_ok=True)
        env = environment(data_dir, **(self.settings | settings))
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        self.running[name] = psutil.Process(process.pid)
        try:
            yield process
        finally:
            self.running.pop(name)
            process.terminate()
            process.wait(60)

    def spent(self) -> dict[str, float]:
        """So far: processor seconds of each kind of process, Redis's commands and its bytes."""
        found: dict[str, float] = {}
        for name, process in self.running.items():
            kind = name.partition("-")[0]
            found[kind] = found.get(kind, 0.0) + sum(process.cpu_times()[:2])
        with Redis.from_url(self.settings["INNKEEPER_REDIS_URL"]) as redis:
            info = redis.info()
        found["redis"] = info["used_cpu_user"] + info["used_cpu_sys"]
        return found | {
            "redis_commands": info["total_commands_processed"],
            "redis_bytes": info["used_memory"],
            "redis_net_bytes": info["total_net_input_bytes"] + info["total_net_output_bytes"],
            "log_bytes": sum((self.folder / f"{n}.log").stat().st_size for n in self.running if n.startswith(("api", "worker"))),
        }

    def worker_bytes(self) -> int:
        """Memory of the largest worker."""
        return max(process.memory_info().rss for name, process in self.running.items() if name.startswith("worker"))

    def left(self) -> str:
        """What is in Redis now, as a table."""
        with Redis.from_url(self.settings["INNKEEPER_REDIS_URL"]) as redis:
            return table(kinds(redis), len(self.inbox.arrived))

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def house(folder: Path, model_s: float, concurrency: int) -> Iterator[House]:
    """Redis, Chroma with the sample help centre, the model and the APIs."""
    secret, chroma_port, model_port = new_secret(), free_port(), free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(valkey(folder / "redis"))
        inbox = stack.enter_context(Timed(secret))
        settings = {
            "INNKEEPER_REDIS_URL": redis.url,
            "INNKEEPER_CHROMA_URL": f"http://127.0.0.1:{chroma_port}",
            "INNKEEPER_LLM_BASE_URL": f"http://127.0.0.1:{model_port}/v1",
            "INNKEEPER_LLM_PROFILE": "qwen3",
            "INNKEEPER_HELPDESKS": json.dumps({SOURCE: {"secrets": [secret], "reply_url": inbox.url}}),
            "INNKEEPER_DEBOUNCE_MS": "0",
            "INNKEEPER_WORKER_CONCURRENCY": str(concurrency),
            "OMP_NUM_THREADS": "1",
        }
        made = House(folder, inbox, secret, settings)
        chroma = str(Path(sys.executable).parent / "chroma")
        stack.enter_context(made.process("chroma", chroma, "run", "--path", str(folder / "vectors"), "--port", str(chroma_port)))
        model = (sys.executable, "-m", "tests.bench.scripted_model", str(model_port), "--seconds", str(model_s))
        stack.enter_context(made.process("model", *model))
        until(lambda: answers(f"http://127.0.0.1:{chroma_port}/api/v2/heartbeat"), WAITS_S, lambda: made.log("chroma"))
        with made.process("ingest", *INNKEEPER, "ingest", "--samples") as ingest:
            if ingest.wait(WAITS_S) != 0:
                raise SystemExit(made.log("ingest"))
        for n, port in enumerate(made.ports):
            stack.enter_context(made.process(f"api-{n}", *INNKEEPER, "serve", INNKEEPER_PORT=str(port)))
        for n, port in enumerate(made.ports):
            until(lambda port=port: answers(f"http://127.0.0.1:{port}/readyz"), WAITS_S, lambda n=n: made.log(f"api-{n}"))
        yield made


def send(made: House, tickets: Sequence[str], questions: Sequence[str]) -> float:
    """Every ticket, to the APIs in turn. Seconds until the last was taken."""
    signer = Signer(made.secret)

    def one(place: int) -> None:
        ticket = tickets[place]
        body = message(ticket, questions[place % len(questions)], f"{ticket}-1")
        headers = signer.headers(f"msg_{ticket}", body) | {"content-type": "application/json"}
        url = f"http://127.0.0.1:{made.ports[place % APIS]}/webhooks/{SOURCE}"
        client.post(url, content=body, headers=headers).raise_for_status()

    began = time.perf_counter()
    with httpx.Client(trust_env=False, timeout=60) as client, ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(one, range(len(tickets))))
    return time.perf_counter() - began


def idle_costs(made: House) -> dict[str, float]:
    """What Redis is asked in a second when there is nothing to do: workers look for work all the time."""
    before = made.spent()
    time.sleep(IDLE_S)
    after = made.spent()
    return {name: (after[name] - before[name]) / IDLE_S for name in ("redis", "redis_commands")}


@contextmanager
def watched(url: str) -> Iterator[list[str]]:
    """Every command that Redis runs meanwhile, as MONITOR tells it."""
    told: list[str] = []
    over = threading.Event()

    def listen() -> None:
        with Redis.from_url(url) as redis, redis.monitor() as monitor:
            ready.set()
            while not over.is_set():
                told.append(monitor.next_command()["command"])

    ready = threading.Event()
    thread = threading.Thread(target=listen)
    thread.start()
    ready.wait(WAITS_S)
    try:
        yield told
    finally:
        over.set()
        with Redis.from_url(url) as redis:
            redis.ping()  # the last one that it sees
        thread.join()


def queue_share(made: House, questions: Sequence[str], idle: float) -> float:
    """Share of a ticket's commands that are about the queues of jobs: on a cluster those stay on one node or two.

    `idle`: commands a second that look for work, all of them there, whether there is any or not.
    """
    before, began = len(made.inbox.arrived), time.perf_counter()
    with watched(made.settings["INNKEEPER_REDIS_URL"]) as told:
        send(made, [f"watched-{time.time_ns()}-{n}" for n in range(WATCHED)], questions)
        until(lambda: len(made.inbox.arrived) >= before + WATCHED, WAITS_S)
    looking = idle * (time.perf_counter() - began)
    queues = sum(TURNS in one or DELIVERIES_QUEUE in one for one in told)
    return max(0.0, queues - looking) / (len(told) - looking)


@dataclass(frozen=True)
class Row:
    """What was measured with so many workers.

    Attributes:
        taken: tickets a second taken in.
        answered: tickets a second answered.
        busy: percent of all processors.
        costs: of one ticket: processor seconds by kind of process, Redis's commands and bytes, without what an idle worker asks
            of Redis a second, which is `redis_idle` and `redis_commands_idle`; memory of a worker; the queues' share of commands.
    """

    taken: float
    answered: float
    busy: float
    costs: dict[str, float]


def measure(made: House, workers: int, count: int, questions: Sequence[str]) -> Row:
    """Start the workers, send the tickets, wait for the replies."""
    with ExitStack() as stack:
        names = [f"worker-{n}" for n in range(workers)]
        for name in names:
            stack.enter_context(made.process(name, *INNKEEPER, "worker"))
        for name in names:
            until(lambda name=name: "worker_started" in made.log(name), WAITS_S, lambda name=name: made.log(name))
        # The first turns load what is loaded once.
        warm = [f"warm-{workers}-{time.time_ns()}-{n}" for n in range(4 * workers)]
        before = len(made.inbox.arrived)
        send(made, warm, questions)
        until(lambda: len(made.inbox.arrived) >= before + len(warm), WAITS_S)
        idle = idle_costs(made)
        before = len(made.inbox.arrived)
        spent, began = made.spent(), time.perf_counter()
        psutil.cpu_percent(None)
        taken = send(made, [f"T-{workers}-{time.time_ns()}-{n}" for n in range(count)], questions)
        until(lambda: len(made.inbox.arrived) >= before + count, WAITS_S, lambda: made.log(names[0])[-2000:])
        busy = psutil.cpu_percent(None)
        took_s = time.perf_counter() - began
        costs = {name: (value - spent[name] - idle.get(name, 0.0) * took_s) / count for name, value in made.spent().items()}
        costs |= {f"{name}_idle": value / workers for name, value in idle.items()}
        costs |= {"worker_bytes": made.worker_bytes(), "redis_queue_share": queue_share(made, questions, idle["redis_commands"])}
        arrived = made.inbox.arrived[before : before + count]
        tenth = count // 10
        inner = arrived[tenth : count - tenth]
        return Row(count / taken, (len(inner) - 1) / (inner[-1] - inner[0]), busy, costs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--model-s", type=float, nargs="+", default=[0.0, 1.0], help="how long a call of the model takes")
    parser.add_argument("--concurrency", type=int, default=4, help="turns at a time in one worker")
    parser.add_argument("--costs", type=Path, metavar="FILE", help="write what a ticket cost, as JSON")
    given = parser.parse_args()
    lines = (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line)["conversation"] for line in lines]
    questions = [conversation[0]["text"] for conversation in asked if len(conversation) == 1]
    print(f"{os.cpu_count()} cores, {APIS} APIs, {given.concurrency} turns at a time in a worker, {given.tickets} tickets a row")
    print(f"{'a model call':>12} {'workers':>8} {'taken in /s':>12} {'answered /s':>12} {'ratio':>6} {'busy':>6}")
    rows: list[Row] = []
    left = ""
    for model_s in given.model_s:
        with tempfile.TemporaryDirectory() as folder, house(Path(folder), model_s, given.concurrency) as made:
            first = None
            for workers in given.workers:
                row = measure(made, workers, given.tickets, questions)
                first = first or row.answered
                rows.append(row)
                told = f"{model_s:>10g} s {workers:>8} {row.taken:>12.0f} {row.answered:>12.1f} {row.answered / first:>6.2f}"
                print(f"{told} {row.busy:>5.0f}%", flush=True)
            left = made.left()
    costs = {name: statistics.median(row.costs[name] for row in rows) for name in rows[0].costs}
    print("a ticket costs (idle: a worker that waits, a second), at the median of the rows:")
    for name, value in costs.items():
        seconds = name in {"api", "worker", "chroma", "redis", "model", "redis_idle"}
        print(f"  {name:18}{f'{1000 * value:.1f} ms of a core' if seconds else f'{value:.6g}'}")
    print(f"what was left in Redis, right after the last reply:\n{left}")
    if given.costs:
        told = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {' '.join(sys.argv[1:])}"
        given.costs.write_text(json.dumps({"measured": told} | costs, indent=1) + "\n")


if __name__ == "__main__":
    main()
