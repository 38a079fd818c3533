"""One suite over every kind of system, with the same shop behind each."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from agent.errors import ToolRefused
from agent.ports.tools import Effect, ToolCall, Tools
from agent.settings import Settings
from agent.tool_settings import AnySystem
from agent.types import Customer, Identity
from agent.wiring.toolbox import open_tools
from tests import shop

ROOT = Path(__file__).parents[2]
OWNER = Customer(Identity.VERIFIED, "c-1", "one@example.com")
CREDIT = {"order_id": 1, "cents": 250, "reason": {"code": "late"}}
KINDS = ("python", "openapi", "mcp", "mcp-child")
_SYSTEM: TypeAdapter[AnySystem] = TypeAdapter(AnySystem)


@asynccontextmanager
async def opened(system: Mapping[str, Any], **settings: Any) -> AsyncIterator[Tools]:
    async with open_tools(Settings(tools={"shop": system}, **settings)) as tools:
        yield tools


def operations(kind: str) -> dict[str, Any]:
    place = "tests.shop:" if kind == "python" else ""
    key = {} if kind == "openapi" else {"key_parameter": "key"}
    bind = {"customer_id": "customer.id"}
    mcp = {"error_means_no": True} if kind.startswith("mcp") else {}
    return {
        "look_up": {"operation": f"{place}order", "effect": "read", "bind": bind},
        "credit": {"operation": f"{place}add_credit", "repeats_safely": True, "bind": bind, **key, **mcp},
    }


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS])
def system(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SHOP_FILE", str(tmp_path / "shop.jsonl"))
    made: dict[str, Any] = {"operations": operations(request.param), "timeout_s": 120}
    if request.param == "python":
        yield {"kind": "python", **made}
    elif request.param == "openapi":
        with shop.served(shop.http_shop()) as url:
            yield {"kind": "openapi", "url": url, "token": shop.TOKEN, **made}
    elif request.param == "mcp":
        with shop.served(shop.mcp_shop().streamable_http_app()) as url:
            yield {"kind": "mcp", "url": f"{url}/mcp", "token": shop.TOKEN, **made}
    else:
        env = {"SHOP_FILE": str(tmp_path / "shop.jsonl")}
        yield {"kind": "mcp", "command": [sys.executable, "-m", "tests.shop"], "cwd": str(ROOT), "env": env, **made}


async def test_specs_hide_what_is_bound_and_refuse_what_is_not_named(system):
    async with opened(system) as tools:
        specs = await tools.specs()
    assert set(specs) == {"shop.look_up", "shop.credit"}
    assert set(specs["shop.look_up"].parameters["properties"]) == {"order_id"}
    assert set(specs["shop.credit"].parameters["properties"]) == {"order_id", "cents", "reason"}
    assert specs["shop.credit"].parameters["additionalProperties"] is False
    assert specs["shop.look_up"].effect is Effect.READ
    assert specs["shop.credit"].effect is Effect.WRITE
    assert specs["shop.credit"].repeats_safely


async def test_a_read_and_a_write_and_its_repeat(system):
    async with opened(system) as tools:
        first = await tools.call(ToolCall("shop.credit", CREDIT, OWNER, "p-1"))
        again = await tools.call(ToolCall("shop.credit", CREDIT, OWNER, "p-1"))
        seen = await tools.call(ToolCall("shop.look_up", {"order_id": 1}, OWNER))
    assert first.value == again.value == {"order_id": 1, "credited": 250}
    assert seen.value == {"id": 1, "owner": "c-1", "total_cents": 5_000, "credits": [250]}
    assert not first.is_rehearsal


async def test_a_customer_sees_nothing_of_anothers(system):
    async with opened(system) as tools:
        with pytest.raises(ToolRefused):
            await tools.call(ToolCall("shop.look_up", {"order_id": 2}, OWNER))
        with pytest.raises(ToolRefused):
            await tools.call(ToolCall("shop.credit", CREDIT | {"order_id": 2}, OWNER, "p-1"))
    assert shop.credits_of(2) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"customer_id": "c-2"},
        {"key": "mine"},
        {"cents": 5_000},
        {"cents": "250; drop"},
        {"reason": {"code": "greedy"}},
        {"reason": {"code": "late", "customer_id": "c-2"}},
        {"order_id": None},
    ],
    ids=["bound", "key", "too-much", "type", "enum", "nested", "null"],
)
async def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(system, arguments):
    async with opened(system) as tools:
        with pytest.raises(ToolRefused) as refused:
            await tools.call(ToolCall("shop.credit", CREDIT | arguments, OWNER, "p-1"))
    assert shop.credits_of(1) == []
    assert "drop" not in str(refused.value)
    assert "greedy" not in str(refused.value)


@pytest.mark.parametrize(
    "customer",
    [Customer(), Customer(Identity.CLAIMED, "c-1"), Customer(Identity.VERIFIED, None, "one@example.com")],
    ids=["nobody", "claimed", "without-id"],
)
async def test_a_customer_who_is_not_known_enough_is_refused(system, customer):
    async with opened(system) as tools:
        with pytest.raises(ToolRefused):
            await tools.call(ToolCall("shop.credit", CREDIT, customer, "p-1"))
    assert shop.credits_of(1) == []


async def test_a_write_needs_a_key_and_is_not_sent_in_a_dry_run(system):
    async with opened(system, tools_dry_run=True) as tools:
        rehearsed = await tools.call(ToolCall("shop.credit", CREDIT, OWNER, "p-1"))
        seen = await tools.call(ToolCall("shop.look_up", {"order_id": 1}, OWNER))
        with pytest.raises(ToolRefused):
            await tools.call(ToolCall("shop.credit", CREDIT | {"cents": 0}, OWNER, "p-1"))
    assert rehearsed.is_rehearsal
    assert seen.value["credits"] == []
    async with opened(system) as tools:
        for key in (None, "", "two words", "x\r\ny: z"):
            with pytest.raises(ToolRefused):
                await tools.call(ToolCall("shop.credit", CREDIT, OWNER, key))
    assert shop.credits_of(1) == []


async def test_what_is_not_listed_can_not_be_called(system):
    async with opened(system) as tools:
        for name in ("shop.order", "shop.add_credit", "shop.", "look_up", "other.look_up", "shop.look_up.x"):
            with pytest.raises(ToolRefused):
                await tools.call(ToolCall(name, {"order_id": 1}, OWNER, "p-1"))
