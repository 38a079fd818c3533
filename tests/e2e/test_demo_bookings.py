"""The sample company's booking system as a process, used through the toolbox and killed on the way."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.errors import ToolRefused, ToolUnavailable, ToolUncertain
from agent.ports.tools import ToolCall
from agent.settings import Settings
from agent.types import Customer, Identity
from agent.wiring.bookings import bookings_system, bookings_token
from agent.wiring.toolbox import open_tools
from tests.e2e.product import INNKEEPER, ROOT, STARTS_IN_S, environment, http, run, until
from tests.servers import free_port

ANNA, BEN = Customer(Identity.VERIFIED, "guest-anna"), Customer(Identity.VERIFIED, "guest-ben")
BOOKING = "MS-104211"
PAID = 77_360


@contextmanager
def bookings(data_dir: Path, port: int, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    data_dir.mkdir(exist_ok=True)
    process = subprocess.Popen((*INNKEEPER, "demo-bookings", "--port", str(port)), cwd=ROOT, env=environment(data_dir) | settings)

    def ready() -> bool:
        assert process.poll() is None
        try:
            return http().get(f"http://127.0.0.1:{port}/healthz").is_success
        except httpx.HTTPError:
            return False

    try:
        until(ready, STARTS_IN_S)
        yield process
    finally:
        process.kill()
        process.wait()


def settings(data_dir: Path, port: int) -> Settings:
    system: Any = bookings_system(f"http://127.0.0.1:{port}", bookings_token(data_dir)) | {"timeout_s": 60}
    return Settings(tools={"bookings": system})


def refund(cents: int, key: str, who: Customer = ANNA) -> ToolCall:
    return ToolCall("bookings.refund", {"booking_id": BOOKING, "amount_cents": cents}, who, key)


@pytest.mark.slow
async def test_a_stay_is_looked_up_moved_cancelled_and_paid_back(tmp_path):
    port = free_port()
    with bookings(tmp_path / "data", port):
        async with open_tools(settings(tmp_path / "data", port)) as box:

            async def call(name: str, who: Customer = ANNA, key: str | None = None, **arguments: Any) -> Any:
                return (await box.call(ToolCall(f"bookings.{name}", arguments, who, key))).value

            assert [one["booking_id"] for one in await call("list_bookings")] == ["MS-104212", BOOKING]
            with pytest.raises(ToolRefused):
                await call("get_booking", BEN, booking_id=BOOKING)
            moved = await call("change_dates", key="k1", booking_id=BOOKING, check_in="2097-05-01", check_out="2097-05-04")
            assert (moved["nights"], moved["nights_cents"], moved["date_changes"]) == (3, 36_000, 1)
            quoted = await call("quote_cancellation", booking_id=BOOKING)
            assert quoted["refund_cents"] == 36_000 + 8_000 + 1_200 + 8_160
            assert (await call("cancel_booking", key="k2", booking_id=BOOKING))["status"] == "cancelled"
            with pytest.raises(ToolRefused):
                await call("cancel_booking", key="k3", booking_id=BOOKING)
            with pytest.raises(ToolRefused):
                await box.call(refund(100, "k2"))  # the key of another change
            with pytest.raises(ToolRefused):
                await box.call(refund(100, "k4", BEN))
            assert (await box.call(refund(53_360, "k5"))).value["refunded_cents"] == 53_360
            assert (await box.call(refund(53_360, "k5"))).value["refunded_cents"] == 53_360
            with pytest.raises(ToolRefused):
                await box.call(refund(PAID - 53_360 + 1, "k6"))


@pytest.mark.slow
async def test_no_cent_too_much_and_none_twice_while_it_is_killed(tmp_path):
    """40 refunds of 2,000 cents, each from two sides; 77,360 were paid, so 38 can be."""
    port, data_dir = free_port(), tmp_path / "data"
    done: set[str] = set()

    async def insist(box: Any, key: str) -> None:
        for _ in range(600):
            try:
                await box.call(refund(2_000, key))
                done.add(key)
                return
            except ToolRefused:
                return
            except (ToolUncertain, ToolUnavailable):
                await asyncio.sleep(0.1)
        raise AssertionError(f"{key} never ended")

    with bookings(data_dir, port) as first:
        async with open_tools(settings(data_dir, port)) as box:
            await box.specs()
            calls = [asyncio.create_task(insist(box, f"key-{n % 40}")) for n in range(80)]
            while len(done) < 8:
                await asyncio.wait(calls, timeout=0.02, return_when=asyncio.FIRST_COMPLETED)
            first.kill()
            await asyncio.to_thread(first.wait)
            with bookings(data_dir, port):
                await asyncio.gather(*calls)
                seen = await box.call(ToolCall("bookings.get_booking", {"booking_id": BOOKING}, ANNA))
    assert len(done) == 38
    assert seen.value["refunded_cents"] == 76_000


@pytest.mark.slow
def test_the_commands_for_engineers(tmp_path):
    port, data_dir = free_port(), tmp_path / "data"
    with bookings(data_dir, port):
        token = bookings_token(data_dir)
        (data_dir / "tools.toml").write_text(
            f'[bookings]\nkind = "openapi"\nurl = "http://127.0.0.1:{port}"\ntoken = "{token}"\ntimeout_s = 60\n'
            '[bookings.operations.get_booking]\neffect = "read"\nbind = {customer_id = "customer.id"}\n'
            '[bookings.operations.refund]\nrepeats_safely = true\nbind = {customer_id = "customer.id"}\n'
        )
        listed = run(data_dir, "tools", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        assert [one["name"] for one in json.loads(listed.stdout)["systems"]["bookings"]["tools"]] == [
            "bookings.get_booking",
            "bookings.refund",
        ]
        write = ("tools", "call", "bookings.refund", f'{{"booking_id": "{BOOKING}", "amount_cents": 100}}')
        who = ("--customer-id", "guest-anna")
        assert run(data_dir, *write, *who).returncode == 1  # nobody there to say yes
        assert "Nothing was sent" in run(data_dir, *write, *who, "--dry-run").stdout
        assert '"refunded_cents": 100' in run(data_dir, *write, *who, "--yes").stdout
        refused = run(data_dir, *write, "--yes")
        assert refused.returncode == 1
        assert "customers who are verified" in refused.stderr
        assert run(data_dir, "tools", "call", "bookings.refund", "[1]").returncode == 2
        for one in (listed, refused):
            assert token not in one.stdout + one.stderr
            assert "Traceback" not in one.stderr
