"""The product of the proof's run as processes, and what is written down of the installation."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from agent.model_profiles import load_profile
from agent.operations.proof.facts import gather
from agent.operations.proof.product import Product
from agent.privacy.egress import REFUSALS, REFUSED_MARK
from agent.settings import Settings
from policies.types import PolicyStamp

REFUSED = {"at": "2026-01-05T09:00:00Z", "event": "socket.connect", "target": "192.0.2.1:443", "pid": 7, "by": "httpx"}


def children() -> set[int]:
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def until_begun(before: set[int]) -> set[int]:
    """Those that are new, once they have started to load the product."""
    for _ in range(6000):
        begun = children() - before
        if begun and all("pydantic" in Path(f"/proc/{pid}/maps").read_text() for pid in begun):
            return begun
        time.sleep(0.01)
    raise AssertionError("nothing has begun")


def test_a_command_that_is_broken_off_has_ended_before_its_folder_is_removed(tmp_path: Path):
    async def breaks_off() -> set[int]:
        before = children()
        running = asyncio.create_task(Product(tmp_path, {}).run("demo-desk"))
        begun = await asyncio.to_thread(until_begun, before)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return begun

    assert not any(os.path.exists(f"/proc/{pid}") for pid in asyncio.run(breaks_off()))


def test_a_refusal_that_was_cut_off_still_counts(tmp_path: Path):
    product = Product(tmp_path, {})
    line = json.dumps(REFUSED)
    written = product.data_dir / REFUSALS
    written.parent.mkdir(parents=True)
    written.write_text(f"{line}\n{line[:40]}{line}\n{line[:50]}", encoding="utf-8")
    (tmp_path / "up.log").write_text(f"up\n{REFUSED_MARK}{line}\n{REFUSED_MARK}{line[:60]}\nready\n", encoding="utf-8")
    found = product.refusals()
    assert [one["target"] for one in found if one["event"] == "socket.connect"] == ["192.0.2.1:443"] * 2
    assert len(found) == 5


def test_what_a_broken_off_installation_left_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("~umpy-2.0.dist-info", "torn-1.0.dist-info"):
        (tmp_path / name).mkdir()
    (tmp_path / "torn-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    packages = gather(Settings(), load_profile("smollm2"), PolicyStamp("1", "ab" * 32), ()).packages
    assert packages["httpx"]
    assert all(packages)
