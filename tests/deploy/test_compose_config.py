"""Docker Compose itself reads the compose file, which needs no engine, and hadolint the Dockerfile."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DIGEST = "@sha256:" + "a" * 64
OURS = ("api", "worker")
GIVEN = {
    "INNKEEPER_IMAGE": "registry.example/innkeeper" + DIGEST,
    "VALKEY_IMAGE": "registry.example/valkey/valkey" + DIGEST,
    "VLLM_IMAGE": "registry.example/vllm/vllm-openai" + DIGEST,
    "MODELS": "/srv/models",
    "SECRETS": "/srv/secrets",
}


def config(tools: Path, folder: Path, given: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    # The package's own command ends with 0 whatever happens.
    (compose,) = tools.parent.glob("lib/*/site-packages/compose/docker-compose")
    command = [str(compose), "--env-file", str(folder / "env"), "--file", str(ROOT / "deploy" / "compose.yaml")]
    return subprocess.run(
        [*command, *options, "config", "--format", "json"], capture_output=True, text=True, check=False, timeout=120
    )


def test_compose_takes_the_file(tools: Path, tmp_path: Path) -> None:
    done = config(tools, tmp_path, GIVEN)
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert {service["image"] for service in services.values()} == {GIVEN[name] for name in GIVEN if name.endswith("_IMAGE")}


def test_without_a_reranker_none_is_started_or_asked(tools: Path, tmp_path: Path) -> None:
    services = json.loads(config(tools, tmp_path, GIVEN).stdout)["services"]
    assert "rerank" not in services
    assert not any(services[name]["environment"].get(f"INNKEEPER_RERANKER_{one}") for name in OURS for one in ("URL", "MODEL"))


def test_a_reranker_is_served_as_its_file_says_and_asked_where_it_is(tools: Path, tmp_path: Path) -> None:
    done = config(tools, tmp_path, GIVEN | {"RERANKER_URL": "http://rerank:8000/v1"}, "--profile", "rerank")
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    for name in OURS:
        found = services[name]["environment"]
        assert found["INNKEEPER_RERANKER_URL"] == "http://rerank:8000/v1"
        assert f"--served-model-name={found['INNKEEPER_RERANKER_MODEL']}" in services["rerank"]["command"]
    # Nothing of the template was taken for a variable.
    profile = yaml.safe_load((ROOT / "deploy" / "models" / "qwen3-reranker-0.6b.yaml").read_text("utf-8"))
    assert services["rerank"]["command"][-len(profile["args"]) :] == profile["args"]


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_compose_stops_where_something_is_not_named(tools: Path, tmp_path: Path, name: str) -> None:
    done = config(tools, tmp_path, {one: value for one, value in GIVEN.items() if one != name})
    assert done.returncode != 0
    assert name in done.stderr


def test_the_dockerfile_has_no_finding(tools: Path) -> None:
    command = [str(tools / "hadolint"), "--no-color", str(ROOT / "deploy" / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "")
