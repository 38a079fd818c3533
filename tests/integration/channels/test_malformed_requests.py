"""Schemathesis on the OpenAPI document: thousands of odd requests, and none may be a server's error."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.helpdesk_settings import ZammadSettings
from tests.fakes import InMemoryConversations
from tests.integration.channels.world import running, started_world

EXAMPLES = 40


@pytest.mark.slow
def test_no_request_makes_the_api_fail(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text('[parameters]\n"path.source" = "zammad"\n')
    desk = ZammadSettings(system="zammad", url="http://127.0.0.1:9", token="t" * 9, secrets=("s3cr3t-t0k3n",))
    with running(lambda: started_world(InMemoryConversations(), helpdesks={"zammad": desk}, max_body_bytes=20_000)) as world:
        command = (
            *(Path(sys.executable).with_name("schemathesis"), "run", f"{world.base}/openapi.json"),
            *("--checks", "not_a_server_error,content_type_conformance", "--max-examples", str(EXAMPLES)),
            *("--generation-database", "none", "--seed", "5", "--workers", "1", "--no-color"),
        )
        done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"(\d+) generated, \1 passed", done.stdout), done.stdout[-3000:]


def environment() -> dict[str, str]:
    """Nothing in it that would send requests elsewhere."""
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
