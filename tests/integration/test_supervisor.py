"""Children are started in order, restarted, and never left behind. And the embedded Redis on top of it."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from agent.adapters import supervisor as supervisor_module
from agent.adapters.embedded import embedded_redis, valkey_binary
from agent.adapters.live_services import LiveService, live_services
from agent.adapters.supervisor import Service, Supervisor
from agent.errors import ServiceFailed

pytestmark = pytest.mark.slow


def service(name: str, code: str, folder: Path) -> Service:
    """A Python child that is ready once it has made a file of its name."""
    flag = folder / name
    script = f"import pathlib, time, sys, signal\n{code}\npathlib.Path({str(flag)!r}).touch()\ntime.sleep(600)"

    async def ready() -> bool:
        return flag.exists()

    return Service(name, (sys.executable, "-c", script), f"test://{name}", ready, ready_timeout_s=120)


async def until(condition: Callable[[], Any]) -> Any:
    async with asyncio.timeout(120):
        while True:
            if found := condition():
                return found
            await asyncio.sleep(0.05)


async def comes_back(folder: Path, name: str, pid: int) -> LiveService:
    """The service under another process than this. It is looked up once each time: it may end between two looks."""
    found: LiveService = await until(lambda: (found := live_services(folder).get(name)) and found.pid != pid and found)
    return found


async def test_services_are_listed_while_they_live(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(service("one", "print('hello', flush=True)", tmp_path))
        await supervisor.start(service("two", "", tmp_path))
        live = live_services(tmp_path)
        assert {name: found.url for name, found in live.items()} == {"one": "test://one", "two": "test://two"}
        assert all(psutil.pid_exists(found.pid) for found in live.values())
        listed = tmp_path / "run" / "services.json"
        assert stat.S_IMODE(listed.stat().st_mode) == 0o600
    assert live_services(tmp_path) == {}
    assert not any(psutil.pid_exists(found.pid) for found in live.values())
    assert (tmp_path / "logs" / "one.log").read_text() == "hello\n"


async def test_logs_of_the_last_start_are_kept_aside(tmp_path: Path) -> None:
    for word in ("first", "second"):
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(service("one", f"print('{word}', flush=True)", tmp_path))
        (tmp_path / "one").unlink()
    assert (tmp_path / "logs" / "one.log").read_text() == "second\n"
    assert (tmp_path / "logs" / "one.log.1").read_text() == "first\n"


def test_an_entry_with_another_start_time_is_stale(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    entry = {"name": "one", "pid": os.getpid(), "started": 1.0, "url": "test://"}
    (tmp_path / "run" / "services.json").write_text(json.dumps([entry]))
    assert live_services(tmp_path) == {}
    (tmp_path / "run" / "services.json").write_text("{broken")
    assert live_services(tmp_path) == {}


async def test_a_second_up_is_refused(tmp_path: Path) -> None:
    async with Supervisor(tmp_path):
        with pytest.raises(ServiceFailed, match=f"pid {os.getpid()}"):
            async with Supervisor(tmp_path):
                pass
    async with Supervisor(tmp_path):
        pass


async def test_a_crashed_service_comes_back(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(service("one", "", tmp_path))
        before = live_services(tmp_path)["one"].pid
        os.kill(before, signal.SIGKILL)
        await comes_back(tmp_path, "one", before)


async def test_one_that_crashes_again_and_again_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "BACKOFF_S", (0.01,))
    crashing = service("one", "", tmp_path)
    script = crashing.command[2].replace("time.sleep(600)", "time.sleep(.2); print('boom'); sys.exit(3)")
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(replace(crashing, command=(*crashing.command[:2], script)))
        with pytest.raises(ServiceFailed, match=r"(?s)exited with code 3.*boom"):
            async with asyncio.timeout(60):
                await supervisor.run(asyncio.Event())


async def test_one_that_fails_to_start_says_why(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        with pytest.raises(ServiceFailed, match=r"(?s)exited with code 1 before it was ready.*no luck"):
            await supervisor.start(service("one", "sys.exit('no luck')", tmp_path))
        with pytest.raises(ServiceFailed, match="not ready after"):
            await supervisor.start(replace(service("two", "time.sleep(60)", tmp_path), ready_timeout_s=0.3))
        missing = replace(service("three", "", tmp_path), command=("/no/such/program",))
        with pytest.raises(ServiceFailed, match="can't be started"):
            await supervisor.start(missing)


async def test_one_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "import subprocess; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True)"
    )
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(replace(service("one", code, tmp_path), stop_timeout_s=0.3))
        grandchild = int((tmp_path / "logs" / "one.log").read_text())
    await until(lambda: not _runs(grandchild))


PARENT = """
import asyncio, pathlib, sys
from tests.integration.test_supervisor import service
from agent.adapters.supervisor import Supervisor
async def main():
    folder = pathlib.Path(sys.argv[1])
    async with Supervisor(folder) as supervisor:
        await supervisor.start(service("one", "", folder))
        await supervisor.start(service("two", "", folder))
        (folder / "started").touch()
        await supervisor.run()
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
async def test_children_die_with_their_parent(tmp_path: Path, number: signal.Signals) -> None:
    parent = await asyncio.to_thread(subprocess.Popen, [sys.executable, "-c", PARENT, str(tmp_path)])
    await until((tmp_path / "started").exists)
    pids = [found.pid for found in live_services(tmp_path).values()]
    assert len(pids) == 2
    parent.send_signal(number)
    code = await asyncio.to_thread(parent.wait, 60)
    assert code == (-9 if number is signal.SIGKILL else 0)
    await until(lambda: not any(_runs(pid) for pid in pids))
    assert live_services(tmp_path) == {}


async def test_the_embedded_redis_keeps_what_it_was_told(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        found = embedded_redis(tmp_path)
        await supervisor.start(found)
        with redis.Redis.from_url(found.url) as client:
            client.set("kept", "1")
        before = live_services(tmp_path)["redis"].pid
        os.kill(before, signal.SIGKILL)
        again = await comes_back(tmp_path, "redis", before)
        with redis.Redis.from_url(again.url) as client:
            assert client.get("kept") == b"1"
    config = tmp_path / "run" / "redis.conf"
    assert stat.S_IMODE(config.stat().st_mode) == stat.S_IMODE((tmp_path / "run" / "redis.password").stat().st_mode) == 0o600
    assert embedded_redis(tmp_path).url.split("@")[0] == found.url.split("@")[0]


async def test_the_embedded_redis_asks_for_its_password(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        found = embedded_redis(tmp_path)
        await supervisor.start(found)
        with redis.Redis(port=int(found.url.rsplit(":", 1)[1].split("/")[0])) as client, pytest.raises(redis.AuthenticationError):
            client.get("x")


async def test_a_damaged_append_only_file_is_explained(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        found = embedded_redis(tmp_path)
        await supervisor.start(found)
        with redis.Redis.from_url(found.url) as client:
            for number in range(100):
                client.set(f"k{number}", "v" * 50)
    (log,) = (tmp_path / "redis" / "appendonlydir").glob("*.incr.aof")
    data = bytearray(log.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 100] = b"#" * 100
    log.write_bytes(data)
    async with Supervisor(tmp_path) as supervisor:
        with pytest.raises(ServiceFailed, match="valkey-check-aof") as failed:
            await supervisor.start(embedded_redis(tmp_path))
        command = str(failed.value).split("`")[1]
        fixed = await asyncio.to_thread(subprocess.run, command, shell=True, input=b"y\n", capture_output=True)
        assert fixed.returncode == 0, fixed
        found = embedded_redis(tmp_path)
        await supervisor.start(found)
        with redis.Redis.from_url(found.url) as client:
            assert client.get("k1") == b"v" * 50


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServiceFailed, match="port"):
            embedded_redis(tmp_path, port=taken.getsockname()[1])


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "redis").touch()
    with pytest.raises(ServiceFailed, match="INNKEEPER_DATA_DIR"):
        embedded_redis(tmp_path)


def test_the_server_is_in_the_wheel() -> None:
    assert os.access(valkey_binary(), os.X_OK)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
