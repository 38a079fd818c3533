"""The image and the compose file as data: what they promise of users, networks, switches and secrets."""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from agent.privacy.environment import PREFERENCES, SWITCHES
from agent.settings import PREFIX, Settings

DEPLOY = Path(__file__).parents[3] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
RUNTIME = DOCKERFILE.rpartition("\nFROM ")[2]
SERVED = {"vllm": "qwen3-8b-fp8", "rerank": "qwen3-reranker-0.6b"}
OURS = ("api", "worker")


def yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml(DEPLOY / "compose.yaml")
    return found


def environment(stage: str) -> dict[str, str]:
    joined = stage.replace("\\\n", " ")
    words = [word for line in joined.splitlines() if line.startswith("ENV ") for word in line.removeprefix("ENV ").split()]
    return dict(word.split("=", 1) for word in words)


def test_the_image_has_every_switch_and_no_other_value_of_it():
    found = environment(RUNTIME)
    assert {name: found.get(name) for name in SWITCHES | PREFERENCES} == SWITCHES | PREFERENCES


def test_the_images_settings_are_known():
    named = {name.removeprefix(PREFIX).lower() for name in environment(RUNTIME) if name.startswith(PREFIX)}
    assert named
    assert named <= set(Settings.model_fields)


def test_the_image_runs_as_nobody_in_particular_on_code_that_it_can_not_write():
    assert re.findall(r"^USER (.+)$", RUNTIME, re.M) == ["10001"]
    assert re.findall(r"^ENTRYPOINT (.+)$", RUNTIME, re.M) == ['["innkeeper"]']
    assert "chmod -R a-w" in DOCKERFILE
    assert "COPY --chown" not in DOCKERFILE


def test_every_stage_has_the_base_that_the_argument_names_and_the_image_our_version():
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) == {"${PYTHON_IMAGE}"}
    assert f"ARG VERSION={version('innkeeper')}\n" in DOCKERFILE


def test_only_the_first_stage_may_ask_a_package_index():
    later = DOCKERFILE.split("\nFROM ")[2:]
    installs = [line for stage in later for line in stage.replace("\\\n", " ").split(";") if re.search(r"pip .*install", line)]
    assert installs
    assert all("--no-index" in line or "--no-deps" in line for line in installs)
    assert not any(re.search(r"\b(apt-get|curl|wget|git)\b", stage) for stage in later)


def test_only_the_api_has_a_port_outside_and_only_the_worker_a_way_out(compose: dict[str, Any]):
    services = compose["services"]
    assert {name for name, service in services.items() if service.get("ports")} == {"api"}
    assert compose["networks"]["back"]["internal"] is True
    assert compose["networks"]["front"]["driver_opts"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    assert {name: service["networks"] for name, service in services.items()} == {
        "api": ["front", "back"],
        "worker": ["back", "helpdesks"],
        "chroma": ["back"],
        "valkey": ["back"],
        "vllm": ["back"],
        "rerank": ["back"],
    }


def test_every_service_is_locked_down(compose: dict[str, Any]):
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service["user"].startswith("0")
        assert not {"privileged", "network_mode", "pid", "ipc", "devices", "cap_add"} & service.keys()
        assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))


WRITABLE = {"api": "/data", "worker": "/data", "chroma": "/data", "valkey": "/data", "vllm": "/var/tmp", "rerank": "/var/tmp"}
"""Folders that the image has and its user may write into: a new volume takes their owner. What is not in the image is root's."""


def test_every_named_volume_lies_where_its_user_may_write(compose: dict[str, Any]):
    for name, service in compose["services"].items():
        mounted = [str(one).split(":") for one in service["volumes"]]
        assert [place for source, place, *_ in mounted if source in compose["volumes"]] == [WRITABLE[name]], name


@pytest.mark.parametrize("server", ["vllm", "rerank"])
def test_whatever_a_model_server_compiles_goes_to_its_volume(compose: dict[str, Any], server: str):
    found = compose["services"][server]["environment"]
    caches = {name: value for name, value in found.items() if "CACHE" in name or name == "HOME"}
    assert caches.keys() >= {"HOME", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "XDG_CACHE_HOME"}
    assert all(Path(value).is_relative_to(WRITABLE["vllm"]) for value in caches.values())


def test_images_have_no_default_and_secrets_are_files(compose: dict[str, Any]):
    images = {service["image"].split(":?")[0] for service in compose["services"].values()}
    assert images == {"${INNKEEPER_IMAGE", "${VALKEY_IMAGE", "${VLLM_IMAGE"}
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())
    words = str([service.get("environment") for service in compose["services"].values()]).lower()
    assert not any(word in words for word in ("password", "api_key", "token"))


def test_what_compose_sets_are_known_settings(compose: dict[str, Any]):
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {PREFIX + "CONFIG"}
    for name in OURS:
        assert {one for one in compose["services"][name]["environment"] if one.startswith(PREFIX)} <= known


def test_every_variable_of_compose_stands_in_the_example():
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    given = set(re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "compose.example.env").read_text(encoding="utf-8"), re.M))
    assert given == asked


@pytest.mark.parametrize("name", sorted(SERVED))
def test_a_model_server_has_the_arguments_of_its_profile(name: str, compose: dict[str, Any]):
    every, profile = (yaml(DEPLOY / "models" / f"{file}.yaml") for file in ("_every_server", SERVED[name]))
    server, share = compose["services"][name], re.compile(r"\$\{(RERANK_)?GPU_SHARE:-[0-9.]+\}")
    # Two servers on one GPU can't both have the share of one that is alone.
    said = [share.sub("0.92", word) for word in server["command"] if not word.startswith(("--host", "--port"))]
    assert said[0] in (f"/models/{SERVED[name]}", f"${{MODEL_FOLDER:-/models/{SERVED[name]}}}")
    assert said[1:] == [*every["args"], *profile["args"]]
    assert server["environment"].items() >= every["env"].items()
    assert "--gpu-memory-utilization=${GPU_SHARE:-0.92}" in compose["services"]["vllm"]["command"]


def test_a_reranker_is_there_only_for_who_asks_and_named_as_it_is_served(compose: dict[str, Any]):
    assert {name for name, service in compose["services"].items() if service.get("profiles")} == {"rerank"}
    served = next(word for word in compose["services"]["rerank"]["command"] if word.startswith("--served-model-name="))
    for name in OURS:
        found = compose["services"][name]["environment"]
        assert found["INNKEEPER_RERANKER_URL"] == "${RERANKER_URL:-}"
        assert found["INNKEEPER_RERANKER_MODEL"] == f"${{RERANKER_URL:+{served.partition('=')[2]}}}"
