"""An MCP server that greets and then fails in the call itself, a child process that dies, functions that raise."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ToolRefused, ToolUnavailable, ToolUncertain
from agent.ports.tools import ToolCall
from agent.settings import Settings
from agent.types import NOBODY
from agent.wiring.toolbox import open_tools
from tests import shop

ROOT = Path(__file__).parents[2]
READ, WRITE = ToolCall("sys.read", {}, NOBODY), ToolCall("sys.write", {}, NOBODY, "p-1")


class Breaking:
    """The shop's MCP server, but for calls of its tools."""

    def __init__(self, how: int | str) -> None:
        self.app, self.how, self.calls = shop.mcp_shop().streamable_http_app(), how, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        if json.loads(body).get("method") != "tools/call":
            read = [{"type": "http.request", "body": body, "more_body": False}]

            async def again() -> Any:
                return read.pop() if read else await receive()

            await self.app(scope, again, send)
            return
        self.calls += 1
        await self._fail(json.loads(body)["id"], send)

    async def _fail(self, request_id: Any, send: Any) -> None:
        if isinstance(self.how, int):
            headers = [(b"location", b"http://192.0.2.1/mcp")] if 300 <= self.how < 400 else []
            await send({"type": "http.response.start", "status": self.how, "headers": headers})
            await send({"type": "http.response.body", "body": b"private words"})
            return
        if self.how == "drop":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
            await send({"type": "http.response.body", "body": b": begun\n\n", "more_body": True})
            return  # the connection is broken off
        error = {"code": int(self.how), "message": "private words"}
        reply = {
            "jsonrpc": "2.0",
            "id": request_id,
            **({"error": error} if error["code"] else {"result": {"content": "private"}}),
        }
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(reply).encode()})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "read", "write"),
    [
        (500, ToolUnavailable, ToolUncertain),
        (401, ToolUnavailable, ToolUnavailable),
        (403, ToolRefused, ToolRefused),
        (307, ToolRefused, ToolRefused),
        (303, ToolRefused, ToolUncertain),
        ("drop", ToolUnavailable, ToolUncertain),
        ("-32602", ToolRefused, ToolRefused),
        ("-32603", ToolUnavailable, ToolUncertain),
        ("0", ToolUnavailable, ToolUncertain),
    ],
    ids=["500", "401", "403", "307", "303", "dropped", "invalid-params", "internal-error", "no-result"],
)
async def test_what_a_broken_call_means(how, read, write):
    server = Breaking(how)
    with shop.served(server) as url:
        operations = {"read": {"operation": "told", "effect": "read"}, "write": {"operation": "told"}}
        given = {"kind": "mcp", "url": f"{url}/mcp", "timeout_s": 60, "operations": operations}
        async with open_tools(Settings(tools={"sys": given})) as box:
            for call, wanted in ((READ, read), (WRITE, write)):
                with pytest.raises(wanted) as raised:
                    await box.call(call)
                assert "private" not in str(raised.value)
    assert server.calls == 2


@pytest.mark.slow
async def test_a_server_that_is_gone_at_the_call_has_done_nothing():
    with shop.served(shop.mcp_shop().streamable_http_app()) as url:
        given = {"kind": "mcp", "url": f"{url}/mcp", "timeout_s": 60, "operations": {"write": {"operation": "told"}}}
        box = open_tools(Settings(tools={"sys": given}))
        opened = await box.__aenter__()
        await opened.specs()
    with pytest.raises(ToolUnavailable):
        await opened.call(WRITE)
    await box.__aexit__(None, None, None)


def child(*command: str, **more: Any) -> Settings:
    operations = {
        "read": {"operation": "environment", "effect": "read"},
        "write": {"operation": "slow"},
    }
    given = {"kind": "mcp", "command": command, "cwd": str(ROOT), "timeout_s": 120, "operations": operations, **more}
    return Settings(tools={"sys": given})


@pytest.mark.slow
async def test_a_child_has_a_bare_environment(monkeypatch):
    monkeypatch.setenv("INNKEEPER_API_KEY", "secret")
    monkeypatch.setenv("SHOP_FILE", "not for the child")
    async with open_tools(child(sys.executable, "-m", "tests.shop", env={"OWN_TOKEN": "x"})) as box:
        names = set((await box.call(READ)).value)
    assert "OWN_TOKEN" in names
    assert not names & {"INNKEEPER_API_KEY", "SHOP_FILE", "PYTHONPATH"}


@pytest.mark.slow
async def test_a_child_that_is_slow_is_ended_with_its_call(tmp_path):
    wrapped = tmp_path / "shop.sh"
    wrapped.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec {sys.executable} -m tests.shop\n")
    wrapped.chmod(0o700)
    settings = child(str(wrapped))
    async with open_tools(settings) as box:
        await box.specs()
        call = asyncio.create_task(box.call(WRITE))
        pids = await asyncio.to_thread(two_lines, tmp_path / "pids")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


@pytest.mark.slow
@pytest.mark.parametrize("command", [("/nowhere/at/all",), ("/bin/false",), ("/bin/echo", "private words")])
async def test_a_command_that_is_no_server_is_unavailable(command):
    async with open_tools(child(*command)) as box:
        with pytest.raises(ToolUnavailable) as raised:
            await box.specs()
        with pytest.raises(ToolUnavailable):
            await box.call(WRITE)
    assert "private" not in str(raised.value)


def two_lines(file: Path) -> list[str]:
    for _ in range(1200):
        if len(lines := file.read_text().split()) == 2:
            return lines
        time.sleep(0.05)
    raise AssertionError("the child was not started")


def functions(**operations: Any) -> Settings:
    return Settings(tools={"sys": {"kind": "python", "timeout_s": 60, "operations": operations}})


async def test_a_function_that_raises_leaves_a_write_in_doubt_and_its_words_are_not_told():
    both = functions(
        read={"operation": "tests.shop:crash", "effect": "read"}, write={"operation": "tests.shop:crash", "repeats_safely": True}
    )
    async with open_tools(both) as box:
        with pytest.raises(ToolUnavailable) as read:
            await box.call(ToolCall("sys.read", {"order_id": 77}, NOBODY))
        with pytest.raises(ToolUncertain) as write:
            await box.call(ToolCall("sys.write", {"order_id": 77}, NOBODY, "p-1"))
    for raised in (read, write):
        assert "secret" not in f"{raised.value} {raised.value.__cause__}"
        assert "RuntimeError" in str(raised.value)


async def test_a_function_that_hangs_holds_nothing_up():
    both = functions(
        read={"operation": "tests.shop:sleepy", "effect": "read", "timeout_s": 0.3},
        write={"operation": "tests.shop:sleepy", "timeout_s": 0.3},
    )
    async with open_tools(both) as box:
        await box.specs()
        with pytest.raises(ToolUnavailable):
            await box.call(ToolCall("sys.read", {"seconds": 2}, NOBODY))
        with pytest.raises(ToolUncertain):
            await box.call(ToolCall("sys.write", {"seconds": 2}, NOBODY, "p-1"))


@pytest.mark.parametrize("entry", ["nowhere.at.all:f", "tests.shop:nothing", "tests.shop:TOKEN", "builtins:print"])
async def test_a_function_that_can_not_be_used_is_told(entry):
    async with open_tools(functions(read={"operation": entry, "effect": "read"})) as box:
        found = (await box.examine())["sys"]
        assert isinstance(found, dict)
        assert isinstance(found["read"], str)
        with pytest.raises(ToolUnavailable):
            await box.call(READ)
