"""Schemathesis on the OpenAPI document: thousands of odd requests, and none may be a server's error."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from agent.channels.widget import limits as widget_limits
from agent.helpdesk_settings import ZammadSettings
from tests.fakes import InMemoryConversations
from tests.integration.channels.widget_world import SHOP, widget_world
from tests.integration.channels.world import running, started_world

EXAMPLES = 40


pytestmark = pytest.mark.slow


def test_no_request_makes_the_webhooks_and_the_rest_fail(tmp_path: Path) -> None:
    desk = ZammadSettings(system="zammad", url="http://127.0.0.1:9", token="t" * 9, secrets=("s3cr3t-t0k3n",))
    with running(lambda: started_world(InMemoryConversations(), helpdesks={"zammad": desk}, max_body_bytes=20_000)) as world:
        attack(world.base, tmp_path, parameters={"path.source": "zammad"}, headers={}, leave_out="^/widget")


def test_no_request_makes_the_widgets_routes_fail(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a browser on a site that may, with a session and a conversation, so that what is behind them is reached."""
    monkeypatch.setattr(widget_limits, "CALLS", 100_000)
    limits = {"session_messages": 100_000, "address_sessions": 100_000, "site_messages": 100_000}
    with running(lambda: widget_world(redis_url, **limits)) as world:
        base = world.replicas[0].base
        with httpx.Client(base_url=base, headers={"origin": SHOP}, trust_env=False) as browser:
            session = browser.post("/widget/sessions", json={"site": "shop"}).raise_for_status().json()["session"]
            browser.headers["authorization"] = f"Bearer {session}"
            conversation = browser.post("/widget/conversations", json={}).raise_for_status().json()["id"]
            headers = {"Origin": SHOP, "Authorization": f"Bearer {session}"}
            attack(base, tmp_path, parameters={"path.conversation_id": conversation}, headers=headers, only="^/widget")
            kept = browser.get(f"/widget/conversations/{conversation}/messages").raise_for_status().json()
        assert len(kept["messages"]) > 3, "no odd request came past the checks"
        assert kept["state"]["person"] == "requested"


def attack(
    base: str, folder: Path, *, parameters: dict[str, str], headers: dict[str, str], only: str = "", leave_out: str = ""
) -> None:
    """Run it to its end; no answer may be a server's error or of another kind than documented."""
    given = "".join(f'"{name}" = "{value}"\n' for name, value in parameters.items())
    (folder / "schemathesis.toml").write_text(f"[parameters]\n{given}")
    command = (
        *(Path(sys.executable).with_name("schemathesis"), "run", f"{base}/openapi.json"),
        *("--checks", "not_a_server_error,content_type_conformance", "--max-examples", str(EXAMPLES)),
        *("--generation-database", "none", "--seed", "5", "--workers", "1", "--no-color"),
        *(word for name, value in headers.items() for word in ("--header", f"{name}: {value}")),
        *(("--include-path-regex", only) if only else ()),
        *(("--exclude-path-regex", leave_out) if leave_out else ()),
    )
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"(\d+) generated, \1 passed", done.stdout), done.stdout[-3000:]


def environment() -> dict[str, str]:
    """Nothing in it that would send requests elsewhere."""
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
