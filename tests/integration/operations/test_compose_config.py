"""Docker Compose itself reads the compose file, where there is one; no engine is needed for that."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DIGEST = "@sha256:" + "a" * 64
GIVEN = {
    "INNKEEPER_IMAGE": "registry.example/innkeeper" + DIGEST,
    "VALKEY_IMAGE": "registry.example/valkey/valkey" + DIGEST,
    "VLLM_IMAGE": "registry.example/vllm/vllm-openai" + DIGEST,
    "MODELS": "/srv/models",
    "SECRETS": "/srv/secrets",
}


def _compose() -> list[str] | None:
    """Compose as Docker's plugin, or by itself in the tools' environment. Version 1 knows another language."""
    for command in (
        ["docker", "compose"],
        *([str(path)] for path in ROOT.glob(".venv-deploy/lib/*/site-packages/compose/docker-compose")),
    ):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
            return command
    return None


COMPOSE = _compose()
pytestmark = pytest.mark.skipif(COMPOSE is None, reason="there is no Docker Compose here")


def config(folder: Path, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    command = [*(COMPOSE or []), "--env-file", str(folder / "env"), "--file", str(ROOT / "deploy" / "compose.yaml")]
    return subprocess.run([*command, "config", "--format", "json"], capture_output=True, text=True, check=False, timeout=120)


def test_compose_takes_the_file(tmp_path: Path) -> None:
    done = config(tmp_path, GIVEN)
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert {service["image"] for service in services.values()} == {GIVEN[name] for name in GIVEN if name.endswith("_IMAGE")}


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_compose_stops_where_something_is_not_named(tmp_path: Path, name: str) -> None:
    done = config(tmp_path, {one: value for one, value in GIVEN.items() if one != name})
    assert done.returncode != 0
    assert name in done.stderr
