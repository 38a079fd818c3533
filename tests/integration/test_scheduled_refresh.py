"""A worker keeps the knowledge base in line with the listed sources: real queue, real index, real processes."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import filelock
import pytest

from agent.adapters.queue import DocketQueue
from agent.adapters.redis_clients import redis_client
from knowledge.refresh import load_states
from tests.integration.test_queue import World, until
from tests.servers import RedisServer, valkey

pytestmark = pytest.mark.slow
TICK = {"refresh_s": 0.3}


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    with valkey(tmp_path) as server:
        yield server


@pytest.fixture
async def world(own_server: RedisServer, tmp_path: Path) -> AsyncIterator[World]:
    async with redis_client(own_server.url) as client, DocketQueue(own_server.url, debounce_ms=50) as queue:
        world = World(own_server, client, queue, tmp_path)
        yield world
        for worker in world.workers:
            worker.kill()
            worker.wait()


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pool.md").write_text("# Pool\n\nThe secret pool is heated from May to September.\n")
    fill(tmp_path / "sources.yaml")
    return tmp_path / "sources.yaml"


def fill(listing: Path) -> None:
    listing.write_text("sources:\n- {name: help, kind: folder, path: docs, refresh: 1m}\n")


def empty(listing: Path) -> None:
    listing.write_text("sources: []\n")


def events(world: World, number: int = 0) -> list[dict]:
    lines = (world.logs / f"worker{number}.log").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def named(world: World, event: str, number: int = 0) -> list[dict]:
    return [found for found in events(world, number) if found["event"] == event]


async def until_told(world: World, event: str, number: int = 0) -> dict:
    async def told() -> bool:
        return bool(named(world, event, number))

    await until(told, 60)
    return named(world, event, number)[0]


async def test_a_due_source_is_refreshed_once_and_told_without_its_text(world: World, listing: Path, tmp_path: Path) -> None:
    world.start_worker(TICK, data=str(tmp_path / "data"), listing=str(listing))
    done = await until_told(world, "refresh_done")
    assert (done["source"], done["added"], done["failed"]) == ("help", 1, 0)
    assert load_states(tmp_path / "data")["help"].succeeded is not None
    await asyncio.sleep(1.5)
    assert len(named(world, "refresh_done")) == 1
    assert "heated" not in (world.logs / "worker0.log").read_text(encoding="utf-8")


async def test_a_list_that_breaks_and_a_source_that_is_away_stop_nothing(world: World, listing: Path, tmp_path: Path) -> None:
    empty(listing)
    worker = world.start_worker(TICK, data=str(tmp_path / "data"), listing=str(listing))
    assert "is empty" in (await until_told(world, "sources_invalid"))["problems"][0]
    (tmp_path / "docs").rename(tmp_path / "away")
    fill(listing)
    failed = await until_told(world, "refresh_failed")
    assert "not mounted" in failed["detail"]
    assert load_states(tmp_path / "data")["help"].failures == 1
    assert len(named(world, "sources_invalid")) == 1
    assert worker.poll() is None
    await world.say(1)
    assert await world.delivered(1) == ["desk:1"]


async def test_another_sync_is_waited_for_and_is_no_failure(world: World, listing: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with filelock.FileLock(data / "sync.lock"):
        world.start_worker(TICK, data=str(data), listing=str(listing))
        await until_told(world, "refresh_waits")
        assert load_states(data) == {}
    assert (await until_told(world, "refresh_done"))["added"] == 1


async def test_two_workers_do_not_both_refresh(world: World, listing: Path, tmp_path: Path) -> None:
    for _ in range(2):
        world.start_worker(TICK, data=str(tmp_path / "data"), listing=str(listing))

    async def done() -> bool:
        return "help" in load_states(tmp_path / "data")

    await until(done, 60)
    await asyncio.sleep(1.5)
    assert sum(len(named(world, "refresh_done", number)) for number in range(2)) == 1


async def test_sigterm_ends_a_refresh_and_the_next_worker_finishes_it(world: World, listing: Path, tmp_path: Path) -> None:
    for n in range(300):
        (tmp_path / "docs" / f"n{n}.md").write_text(f"# Number {n}\n\n" + f"The number {n} is a number like others. " * 10)
    worker = world.start_worker(TICK, data=str(tmp_path / "data"), listing=str(listing))

    async def under_way() -> bool:
        return (tmp_path / "data" / "chroma").exists()

    await until(under_way, 60)
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 60) == 0
    assert named(world, "refresh_stopped")
    world.start_worker(TICK, data=str(tmp_path / "data"), listing=str(listing))
    done = await until_told(world, "refresh_done", 1)
    assert done["added"] + done["updated"] + done["unchanged"] == 301
