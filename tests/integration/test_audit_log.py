"""The audit log on a real Redis: chained, once each, by many at a time; what is tampered with is found."""

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.redis_audit import CONVERSATION, CUSTOMER, RedisAuditLog
from agent.adapters.redis_clients import RedisClient, redis_client
from agent.adapters.redis_commands import command
from agent.ports import AuditEvent, AuditKind
from agent.privacy.chain import Mark, canonical, seal
from agent.types import PolicyTrace
from tests.redis_groups import Group
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

LOG, HEAD = "innkeeper:{innkeeper-audit}:log", "innkeeper:{innkeeper-audit}:head"
EVENT = AuditEvent(
    AuditKind.DONE,
    "e-1",
    customer="guest-anna",
    conversation_id="acme:T-77",
    turn="run-1",
    action="refund",
    decision="allow",
    rules=("refund",),
    policy=PolicyTrace("1.0.0", "ab" * 32),
    facts={"order": "MS-104211", "amount": 1250},
    who="a person at acme",
)


def another(n: int, **change: Any) -> AuditEvent:
    return replace(EVENT, event_id=f"e-{n}", **change)


@pytest.fixture(params=["redis_server", "redis_cluster"])
def server(request: pytest.FixtureRequest) -> RedisServer | Group:
    found: RedisServer | Group = request.getfixturevalue(request.param)
    found.flush()
    return found


@pytest.fixture
async def client(server: RedisServer | Group) -> AsyncIterator[RedisClient]:
    async with redis_client(server.url) as client:
        yield client


@pytest.fixture
def log(client: RedisClient) -> RedisAuditLog:
    return RedisAuditLog(client)


async def written(log: RedisAuditLog, count: int) -> None:
    for n in range(count):
        await log.record(another(n))


async def test_an_entry_says_what_was_done_and_not_to_whom(client: RedisClient, log: RedisAuditLog) -> None:
    await log.record(EVENT)
    (entry,) = [one async for one in log.entries()]
    assert {entry[name] for name in ("kind", "action", "decision", "who")} == {
        "action_done",
        "refund",
        "allow",
        "a person at acme",
    }
    assert (entry["seq"], entry["rules"], entry["policy"]["version"]) == (1, ["refund"], "1.0.0")
    stored = json.dumps([one.text async for one in log.sealed()])
    keys = [key async for key in client.scan_iter()]
    for told in ("guest-anna", "T-77", "run-1", "MS-104211", "1250"):
        assert told not in stored
        assert not [key for key in keys if told in str(key)]
    assert await log.about(["guest-anna"]) == [entry]
    assert await log.about(["guest-ben"]) == []


async def test_the_same_event_is_written_once(log: RedisAuditLog) -> None:
    await asyncio.gather(*(log.record(EVENT) for _ in range(10)))
    assert (await log.verify()).entries == 1


async def test_a_pack_is_told_once_until_another_decides(log: RedisAuditLog) -> None:
    def pack(n: int, sha: str) -> AuditEvent:
        return AuditEvent(AuditKind.PACK, f"pack-{n}", policy=PolicyTrace("1", sha * 64))

    for n, sha in enumerate("aaabba"):
        await log.record(pack(n, sha))
    assert [one["policy"]["sha256"][0] async for one in log.entries()] == ["a", "b", "a"]


async def test_who_is_forgotten_can_not_be_led_back_and_the_chain_holds(log: RedisAuditLog) -> None:
    await written(log, 2)
    before = [one async for one in log.entries()]
    await log.pseudonyms.forget(CUSTOMER, "guest-anna")
    await log.pseudonyms.forget(CONVERSATION, "acme:T-77")
    assert await log.about(["guest-anna"]) == []
    assert (await log.verify()).wrong is None
    await log.record(another(9))
    *old, new = [one async for one in log.entries()]
    assert old == before
    for name in ("subject", "conversation", "turn", "facts"):
        assert new[name] != before[0][name], "the same customer is another one from now on"


async def test_what_is_too_old_goes_from_the_front_and_the_rest_still_verifies(client: RedisClient, log: RedisAuditLog) -> None:
    await written(log, 5)
    first = [one async for one in log.sealed()]
    short = RedisAuditLog(client, keep_s=1)
    async with asyncio.timeout(60):
        while (await log.anchor()).seq < 5:
            await short.record(another(int(asyncio.get_running_loop().time() * 1000)))
            await asyncio.sleep(0.1)
    found = await log.verify()
    assert found.wrong is None
    assert found.anchor.seq >= 5
    assert (await log.verify(expected=found.head)).wrong is None
    assert "cut off" in str((await log.verify(expected=first[0].mark)).wrong)


def writer(server: RedisServer | Group, who: str) -> "subprocess.Popen[bytes]":
    root = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", WRITER, server.url, who], cwd=root, stderr=subprocess.PIPE)


async def until(log: RedisAuditLog, seq: int) -> None:
    """So many are written."""
    async with asyncio.timeout(120):
        for wait_s in itertools.repeat(0.01):
            if (await log.head()).seq >= seq:
                return
            await asyncio.sleep(wait_s)


async def change(client: RedisClient, seq: int, **values: Any) -> None:
    """As who may write to Redis would: take all from there off, and put it back with one entry changed."""
    (page,) = await client.together([command("XRANGE", LOG, "-", "+")])
    entries = [
        (one, pairs if isinstance(pairs, dict) else dict(zip(pairs[::2], pairs[1::2], strict=True))) for one, pairs in page
    ]
    await client.together([command("DEL", LOG)])
    for entry_id, pairs in entries:
        text = pairs["e"]
        if entry_id == f"{seq}-0":
            text = canonical({**json.loads(text), **values})
        await client.together([command("XADD", LOG, entry_id, "e", text, "h", pairs["h"])])


async def test_a_changed_entry_is_found(client: RedisClient, log: RedisAuditLog) -> None:
    await written(log, 6)
    assert (await log.verify()).wrong is None
    await change(client, 3, decision="deny")
    found = await log.verify()
    assert found.entries == 2
    assert "entry 3 is not what was sealed" in str(found.wrong)


async def test_a_deleted_entry_is_found(client: RedisClient, log: RedisAuditLog) -> None:
    await written(log, 4)
    await client.together([command("XDEL", LOG, "2-0")])
    assert "entry 2 is missing" in str((await log.verify()).wrong)


async def test_an_inserted_entry_is_found(client: RedisClient, log: RedisAuditLog) -> None:
    await written(log, 2)
    await client.together([command("XADD", LOG, "2-1", "e", canonical({"seq": 3}), "h", "ab" * 32)])
    assert (await log.verify()).wrong is not None


async def test_a_cut_end_is_found_and_one_with_a_forged_head_by_what_was_noted(client: RedisClient, log: RedisAuditLog) -> None:
    await written(log, 4)
    noted = (await log.verify()).head
    third = [one async for one in log.sealed()][2].mark
    await client.together([command("XDEL", LOG, "4-0")])
    assert "ends at entry 3" in str((await log.verify()).wrong)
    await client.together([command("HSET", HEAD, "seq", 3, "hash", third.digest)])
    assert (await log.verify()).wrong is None
    assert "entry 4 was there once" in str((await log.verify(expected=noted)).wrong)


async def test_a_log_that_was_written_anew_is_found_by_what_was_noted(client: RedisClient, log: RedisAuditLog) -> None:
    await written(log, 3)
    noted = (await log.verify()).head
    await client.together([command("DEL", LOG)])
    at = Mark()
    for n in range(3):
        sealed = seal({"kind": "action_done", "n": n, "at": "2026-01-01"}, at)
        at = sealed.mark
        await client.together([command("XADD", LOG, f"{at.seq}-0", "e", sealed.text, "h", at.digest)])
    await client.together([command("HSET", HEAD, "seq", 3, "hash", at.digest)])
    assert (await log.verify()).wrong is None
    assert "written anew" in str((await log.verify(expected=noted)).wrong)


async def test_what_was_denied_to_nobody_known_is_told_with_its_conversation(log: RedisAuditLog) -> None:
    await log.record(replace(EVENT, event_id="a", customer=""))
    await log.record(replace(EVENT, event_id="b"))
    await log.record(replace(EVENT, event_id="c", customer="", conversation_id="acme:T-78"))
    assert [one["seq"] for one in await log.about([], ["acme:T-77"])] == [1], "the second is somebody's"
    assert [one["seq"] for one in await log.about(["guest-anna"], ["acme:T-77"])] == [1, 2]


@pytest.mark.parametrize("text", ["5", "[]", "nonsense", '{"at":5}', '{"seq":9}'])
async def test_an_entry_that_is_none_is_found_and_stands_in_nobodys_way(
    client: RedisClient, log: RedisAuditLog, text: str
) -> None:
    await written(log, 2)
    await client.together([command("XDEL", LOG, "1-0"), command("DEL", LOG), command("XADD", LOG, "1-0", "e", text, "h", "ab")])
    assert (await log.verify()).wrong is not None
    assert await log.about(["guest-anna"]) == []
    with pytest.raises(ValueError, match="entry 1"):
        [one async for one in log.entries()]
    await RedisAuditLog(client, keep_s=1).record(another(9))
    assert (await log.head()).seq == 3


@pytest.mark.parametrize("key", [HEAD, "innkeeper:{innkeeper-audit}:anchor"])
async def test_a_place_that_is_none_is_found(client: RedisClient, log: RedisAuditLog, key: str) -> None:
    await written(log, 2)
    await client.together([command("HSET", key, "seq", "none", "hash", "ab")])
    assert (await log.verify()).wrong is not None


WRITER = """
import asyncio, sys
from agent.adapters.redis_audit import RedisAuditLog
from agent.adapters.redis_clients import redis_client
from agent.ports import AuditEvent, AuditKind

async def main(url, who):
    async with redis_client(url) as client:
        log = RedisAuditLog(client)
        for n in range(40):
            await log.record(AuditEvent(AuditKind.DONE, f"{who}:{n}", customer=f"c-{n % 3}"))
            await log.record(AuditEvent(AuditKind.DONE, f"shared:{n}", customer=f"c-{n % 3}"))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


async def test_four_processes_at_once_make_one_chain(server: RedisServer | Group, log: RedisAuditLog) -> None:
    running = [writer(server, f"w{n}") for n in range(4)]
    ended = [await asyncio.to_thread(one.communicate, timeout=300) for one in running]
    assert [one.returncode for one in running] == [0] * 4, ended
    found = await log.verify()
    assert found.wrong is None
    assert found.entries == 4 * 40 + 40, "each once, those that all four wrote, too"


async def test_a_writer_that_is_killed_leaves_a_whole_chain(server: RedisServer | Group, log: RedisAuditLog) -> None:
    running = [writer(server, "w") for _ in range(2)]
    await until(log, 60)
    running[0].kill()
    running[0].communicate()
    await asyncio.to_thread(running[1].communicate, timeout=300)
    assert running[1].returncode == 0
    found = await log.verify()
    assert found.wrong is None
    assert found.entries == 80, "what the dead one has written is not written again"
