"""A real Prometheus reads the worker's page: it is up, its exemplars are kept, its alerts are loaded."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agent.api import create_worker_app
from agent.channels.deps import ApiDeps
from agent.errors import ServiceFailed
from agent.settings import Settings
from agent.telemetry import TURN_SECONDS, exemplar, trace_id_of, traced
from agent.wiring.http import listen, served_beside
from tests.fakes import InMemoryConversations, InMemoryQueue, InMemoryTicketHints
from tests.integration.channels.world import FixedAnswer, RecordedApprovals
from tests.prometheus_tools import PROMETHEUS, needed
from tests.servers import free_port

pytestmark = pytest.mark.slow
ALERTS = Path(__file__).parents[2] / "deploy" / "helm" / "innkeeper" / "alerts"


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[Callable[[str], Any]]:
    """Asks its HTTP API; None while it is not there."""
    job = {"job_name": "innkeeper", "scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": [{"targets": [target]}]}
    given = {"global": {"evaluation_interval": "1s"}, "scrape_configs": [job], "rule_files": [f"{ALERTS}/*.yaml"]}
    (folder / "prometheus.json").write_text(json.dumps(given))
    address = f"127.0.0.1:{free_port()}"
    command = [
        needed(PROMETHEUS),
        f"--config.file={folder / 'prometheus.json'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    client = httpx.Client(trust_env=False, timeout=10)

    def ask(path: str) -> Any:
        try:
            return client.get(f"http://{address}/api/v1/{path}").json()["data"]
        except (httpx.HTTPError, ValueError, KeyError):
            assert process.poll() is None, (folder / "prometheus.log").read_text()
            return None

    try:
        yield ask
    finally:
        client.close()
        process.kill()
        process.wait()


async def test_it_scrapes_keeps_exemplars_and_loads_the_alerts(tmp_path: Path) -> None:
    async def up() -> bool:
        return True

    deps = ApiDeps(
        Settings(),
        InMemoryConversations(),
        InMemoryQueue(),
        FixedAnswer(),
        RecordedApprovals(),
        InMemoryTicketHints(),
        {"redis": up, "model": up},
    )
    trace_id = trace_id_of("scraped:1", "m1")
    with traced(trace_id):
        TURN_SECONDS.labels("total").observe(0.4, exemplar())
    port = free_port()
    async with served_beside(create_worker_app(deps), "127.0.0.1", port, "the test"):
        with prometheus(tmp_path, f"127.0.0.1:{port}") as ask:

            async def until(query: str, found: Callable[[Any], bool]) -> Any:
                deadline = time.monotonic() + 90
                while time.monotonic() < deadline:
                    data = await asyncio.to_thread(ask, query)
                    if data and found(data):
                        return data
                    await asyncio.sleep(0.2)
                raise AssertionError(f"{query}: {data}\n{(tmp_path / 'prometheus.log').read_text()[-2000:]}")

            await until('query?query=innkeeper_ready{dependency="model"}', lambda data: bool(data["result"]))
            now = time.time()
            query = f"query_exemplars?query=innkeeper_turn_seconds_bucket&start={now - 3600:.0f}&end={now + 3600:.0f}"
            await until(query, lambda data: trace_id in json.dumps(data))
            targets = await until("targets", lambda data: bool(data["activeTargets"]))
            assert [(one["health"], one["lastError"]) for one in targets["activeTargets"]] == [("up", "")]
            loaded = await until("rules", lambda data: all(r["health"] == "ok" for g in data["groups"] for r in g["rules"]))
            assert sum(len(group["rules"]) for group in loaded["groups"]) >= 10


async def test_a_taken_port_is_told_with_the_setting_to_change() -> None:
    taken = listen("127.0.0.1", 0)
    with taken, pytest.raises(ServiceFailed, match="INNKEEPER_WORKER_PORT"):
        async with served_beside(FastAPI(), "127.0.0.1", taken.getsockname()[1], "INNKEEPER_HOST and INNKEEPER_WORKER_PORT"):
            pass
