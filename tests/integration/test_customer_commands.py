"""`innkeeper customer` and `innkeeper audit` as an operator meets them: what is asked, what is refused, which exit code."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_store import RedisConversations
from agent.privacy.traces import files_with
from agent.types import Customer, Identity
from tests.e2e.product import INNKEEPER, ROOT, environment
from tests.samples import message, ticket

pytestmark = pytest.mark.slow


def innkeeper(folder: Path, url: str, *words: str, typed: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    env = environment(folder, INNKEEPER_REDIS_URL=url, **more)
    command = (*INNKEEPER, *words)
    return subprocess.run(command, cwd=ROOT, env=env, input=typed, capture_output=True, text=True, timeout=300, check=False)


async def written(url: str) -> None:
    async with redis_client(url) as client:
        said = replace(message("m1", text="a heron"), customer=Customer(Identity.CLAIMED, "c-1"))
        await RedisConversations(client).append(ticket(1), said)


async def test_a_customer_is_named_shown_asked_about_and_erased(redis_url: str, tmp_path: Path) -> None:
    await written(redis_url)
    assert innkeeper(tmp_path, redis_url, "customer", "erase").returncode == 2
    assert innkeeper(tmp_path, redis_url, "customer", "export", "--id", " ").returncode == 2
    unknown = innkeeper(tmp_path, redis_url, "customer", "erase", "--id", "nobody", "--yes")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "nothing is kept of this customer" in unknown.stderr
    assert "Traceback" not in unknown.stderr
    no = innkeeper(tmp_path, redis_url, "customer", "erase", "--id", "c-1", typed="n\n")
    assert no.returncode == 1
    assert "desk:1" in no.stderr
    assert "nothing was erased" in no.stderr
    told = innkeeper(tmp_path, redis_url, "customer", "export", "--id", "c-1")
    assert json.loads(told.stdout)["conversations"][0]["messages"][0]["text"] == "a heron"
    done = innkeeper(tmp_path, redis_url, "customer", "erase", "--id", "c-1", typed="y\n")
    assert done.returncode == 0, done.stderr
    assert "erased: 1 conversations" in done.stdout
    assert "append-only file written anew" in done.stdout
    assert "helpdesk" in done.stdout
    assert innkeeper(tmp_path, redis_url, "customer", "export", "--id", "c-1").returncode == 1


async def test_the_log_is_checked_and_what_is_wrong_is_named(redis_url: str, tmp_path: Path) -> None:
    await written(redis_url)
    innkeeper(tmp_path, redis_url, "customer", "erase", "--id", "c-1", "--yes", "--json")
    good = innkeeper(tmp_path, redis_url, "audit", "verify")
    assert good.returncode == 0
    head = next(line.removeprefix("head: ") for line in good.stdout.splitlines() if line.startswith("head: "))
    assert innkeeper(tmp_path, redis_url, "audit", "verify", "--expect", head).returncode == 0
    assert innkeeper(tmp_path, redis_url, "audit", "verify", "--expect", "two").returncode == 2
    lines = innkeeper(tmp_path, redis_url, "audit", "show", COLUMNS="40").stdout.splitlines()
    assert [line.split()[3] for line in lines] == ["customer_erasure_begun", "customer_erased"], "a line each, however narrow"
    shown = innkeeper(tmp_path, redis_url, "audit", "show", "--json", "--since", "1h")
    assert [json.loads(line)["kind"] for line in shown.stdout.splitlines()] == ["customer_erasure_begun", "customer_erased"]
    with redis.Redis.from_url(redis_url) as client:
        client.xdel("innkeeper:{innkeeper-audit}:log", "1-0")
    bad = innkeeper(tmp_path, redis_url, "audit", "verify")
    assert bad.returncode == 1
    assert "entry 1 is missing" in bad.stderr
    broken = innkeeper(tmp_path, redis_url, "audit", "verify", "--json")
    assert (broken.returncode, json.loads(broken.stdout)["ok"]) == (1, False)


async def test_who_else_wrote_is_told_with_an_export(redis_url: str, tmp_path: Path) -> None:
    await written(redis_url)
    async with redis_client(redis_url) as client:
        other = replace(message("m2", text="an owl"), customer=Customer(Identity.CLAIMED, "c-2"))
        await RedisConversations(client).append(ticket(1), other)
    told = innkeeper(tmp_path, redis_url, "customer", "export", "--id", "c-1", "--json")
    assert json.loads(told.stdout)["shared_with_others"] == ["desk:1"]
    assert "others wrote there, too" in told.stderr


async def test_an_export_that_cant_be_written_leaves_nothing_behind(redis_url: str, tmp_path: Path) -> None:
    async with redis_client(redis_url) as client:
        half = replace(message("m1", text="a heron \ud83d"), customer=Customer(Identity.CLAIMED, "c-1"))
        await RedisConversations(client).append(ticket(1), half)
    (tmp_path / "taken").mkdir()
    refused = innkeeper(tmp_path, redis_url, "customer", "export", "--id", "c-1", "--out", str(tmp_path / "taken"))
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "--out" in refused.stderr
    assert files_with(tmp_path, ["heron"]) == []
    for words in (("--json",), ("--out", str(tmp_path / "c-1.json"))):
        done = innkeeper(tmp_path, redis_url, "customer", "export", "--id", "c-1", *words)
        assert done.returncode == 0, done.stderr
        told = done.stdout or (tmp_path / "c-1.json").read_text()
        assert json.loads(told)["conversations"][0]["messages"][0]["text"] == "a heron \ud83d"
