"""A server that is a child process is held to JSON and to a size as any other system is."""

import sys
from pathlib import Path

import pytest

from agent.errors import ToolUnavailable
from agent.ports.tools import ToolCall
from agent.settings import Settings
from agent.types import NOBODY
from agent.wiring.toolbox import open_tools

pytestmark = pytest.mark.slow

SERVER = """\
import json, sys
SAID = {"nan": '{"cents": NaN}', "large": '{"words": "' + "x" * 5000 + '"}', "fine": '{"cents": 5}'}
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        version = asked["params"]["protocolVersion"]
        about = {"capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
        told = json.dumps({"protocolVersion": version, **about})
    elif asked.get("method") == "tools/list":
        told = json.dumps({"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in SAID]})
    elif asked.get("method") == "tools/call":
        told = '{"content": [], "structuredContent": ' + SAID[asked["params"]["name"]] + "}"
    else:
        continue
    print('{"jsonrpc": "2.0", "id": ' + json.dumps(asked["id"]) + ', "result": ' + told + "}", flush=True)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "server.py").write_text(SERVER)
    operations = {name: {"effect": "read"} for name in ("nan", "large", "fine")}
    system = {"kind": "mcp", "command": [sys.executable, str(tmp_path / "server.py")], "max_bytes": 2000, "timeout_s": 60}
    return Settings(tools={"sys": {**system, "operations": operations}})  # type: ignore[dict-item]


@pytest.mark.parametrize(("name", "said"), [("nan", "no JSON"), ("large", "more than 2000 bytes")])
async def test_what_is_no_json_or_too_much_is_no_answer(settings: Settings, name: str, said: str) -> None:
    async with open_tools(settings) as box:
        with pytest.raises(ToolUnavailable, match=said):
            await box.call(ToolCall(f"sys.{name}", {}, NOBODY))


async def test_what_is_fine_is_data(settings: Settings) -> None:
    async with open_tools(settings) as box:
        assert (await box.call(ToolCall("sys.fine", {}, NOBODY))).value == {"cents": 5}
