"""Model servers: the arguments of deploy/models as they are, weights from three places, and the settings that lead to them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.deploy.rendered import ROOT, Pod, Release, environment

MODELS = ROOT / "deploy" / "models"
EVERY = yaml.safe_load((MODELS / "_every_server.yaml").read_text("utf-8"))
NAMES = sorted(path.stem for path in MODELS.glob("[a-z]*.yaml"))
CLAIM = {"claim": {"name": "models"}}
Render = Callable[..., Release]


def profile(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((MODELS / f"{name}.yaml").read_text("utf-8")))


def weights(pod: Pod) -> dict[str, Any]:
    return next(volume for volume in pod.spec["volumes"] if volume["name"] == "weights")


def test_every_profile_is_served_as_its_file_says(render: Render):
    servers = {f"m{number}": {"profile": name, "weights": CLAIM} for number, name in enumerate(NAMES)}
    first = next(name for name, server in servers.items() if profile(server["profile"])["role"] == "chat")
    more = {"models": servers, "llm": {"default": first, "external": {"url": ""}}, "network": {"external": []}}
    release = render("minimal", yaml.safe_dump(more))
    for name, server in servers.items():
        container, own = release.pod(f"model-{name}").main, profile(server["profile"])
        assert container["command"] == ["vllm", "serve", f"/models/{own['name']}"]
        assert container["args"] == [*EVERY["args"], *own["args"], "--host=$(LISTEN)", "--port=8000"]
        assert environment(container).items() >= (own.get("env", {}) | EVERY["env"]).items()
        assert "weights" in [m["name"] for m in container["volumeMounts"] if m["mountPath"] == f"/models/{own['name']}"]


def test_kubernetes_puts_nothing_into_these_arguments():
    # It replaces $(NAME) in arguments, and would do so in a chat template.
    for name in NAMES:
        assert "$(" not in "".join(profile(name)["args"])


def test_several_gpus_are_used_by_tensor_parallelism(render: Render):
    large = render("full").pod("model-large").main
    assert "--tensor-parallel-size=2" in large["args"]
    assert large["resources"]["limits"]["nvidia.com/gpu"] == large["resources"]["requests"]["nvidia.com/gpu"] == "2"
    assert not any("tensor-parallel" in argument for argument in render("full").pod("model-small").main["args"])


def test_weights_come_from_a_claim_an_image_or_a_copy_and_are_never_written(render: Render):
    airgap = render("airgap")
    assert weights(render("full").pod("model-large"))["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
    assert weights(airgap.pod("model-chat"))["image"]["reference"].startswith(
        "registry.hotel.internal:5000/models/qwen3-8b-fp8@sha256:5555"
    )
    copied = airgap.pod("model-rerank")
    assert [one["name"] for one in copied.spec["initContainers"]] == ["copy", "verify"]
    for pod in (*render("full").pods, *airgap.pods):
        for mount in pod.main.get("volumeMounts", ()):
            assert mount["name"] != "weights" or mount["readOnly"] is True


def test_what_is_served_is_checked_against_a_manifest_that_the_values_pin(render: Render):
    verify = render("airgap").pod("model-chat").spec["initContainers"][0]
    assert verify["name"] == "verify"
    assert verify["command"][-2:] == ["/models/qwen3-8b-fp8", "0" * 63 + "1"]


def test_clients_are_pointed_at_these_servers(render: Render):
    found = environment(render("full").pod("worker").main)
    assert found["INNKEEPER_LLM_BASE_URL"] == "http://innkeeper-model-large:8000/v1"
    assert (found["INNKEEPER_LLM_PROFILE"], found["INNKEEPER_LLM_MODEL"]) == ("qwen3", "innkeeper-chat")
    small = {"base_url": "http://innkeeper-model-small:8000/v1", "profile": "qwen3", "model": "innkeeper-chat"}
    assert json.loads(found["INNKEEPER_MODELS"]) == {"small": small | {"api_key": "of-the-model-servers"}}
    judge = {"models": ["default", "small"], "timeout_s": 30}
    assert json.loads(found["INNKEEPER_ROUTES"]) == {"rewrite": ["small", "default"], "judge": judge}
    assert found["INNKEEPER_RERANKER_URL"] == "http://innkeeper-model-rerank:8000/v1"
    assert found["INNKEEPER_RERANKER_MODEL"] == served(profile("qwen3-reranker-0.6b"))
    assert environment(render("full").pod("model-large").main)["VLLM_API_KEY"] == found["INNKEEPER_LLM_API_KEY"]


def served(file: dict[str, Any]) -> str:
    return next(argument.partition("=")[2] for argument in file["args"] if argument.startswith("--served-model-name="))


def test_one_model_alone_needs_no_table_of_models(render: Render):
    found = environment(render("keda").pod("worker").main)
    assert not {"INNKEEPER_MODELS", "INNKEEPER_ROUTES", "INNKEEPER_RERANKER_URL"} & found.keys()


def test_a_server_is_never_asked_to_wait_for_a_gpu_that_isnt_there(render: Render):
    assert render("full").get("Deployment", "innkeeper-model-large")["spec"]["strategy"] == {"type": "Recreate"}
    small = render("full").get("Deployment", "innkeeper-model-small")["spec"]
    assert small["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}


@pytest.mark.parametrize("kind", ["requests", "limits"])
def test_half_of_the_resources_is_enough(kind: str, render: Render):
    more = {"models": {"chat": {"resources": {kind: {"memory": "64Gi"}}}}}
    found = render("keda", yaml.safe_dump(more)).pod("model-chat").main["resources"]
    other = "limits" if kind == "requests" else "requests"
    assert found == {kind: {"memory": "64Gi", "nvidia.com/gpu": "1"}, other: {"nvidia.com/gpu": "1"}}


def test_a_server_that_is_scaled_is_never_away_whole(render: Render):
    # Recreate would end all of its pods at once.
    keda = render("keda")
    assert keda.get("Deployment", "innkeeper-model-chat")["spec"]["strategy"]["type"] == "RollingUpdate"
    assert keda.get("PodDisruptionBudget", "innkeeper-model-chat")["spec"]["maxUnavailable"] == 1


def test_no_replica_is_none(render: Render):
    more = yaml.safe_dump({"models": {"small": {"replicas": 0}}})
    assert render("full", more).get("Deployment", "innkeeper-model-small")["spec"]["replicas"] == 0
    assert render("full").get("Deployment", "innkeeper-model-large")["spec"]["replicas"] == 1


WRONG = {
    "models.chat.profile: there is no profile": {"models": {"chat": {"profile": "qwen9", "weights": CLAIM}}},
    "models.more.weights: give one of claim, image and copy; given: none": {
        "models": {"more": {"profile": "qwen3-8b-fp8", "weights": {}}}
    },
    "models.more.weights: give one of claim, image and copy; given: claim, image": {
        "models": {"more": {"profile": "qwen3-8b-fp8", "weights": CLAIM | {"image": {"repository": "m", "tag": "1"}}}}
    },
    'llm.default: there is no "other" in models; there are chat': {"llm": {"default": "other"}},
    "llm.default: models.rerank is for rerank, not for chat": {
        "models": {"rerank": {"profile": "qwen3-reranker-0.6b", "weights": CLAIM}},
        "llm": {"default": "rerank"},
    },
    'llm.routes.judge: there is no "small" in models': {"llm": {"routes": {"judge": ["small"]}}},
    "reranker.server: models.chat is for chat, not for rerank": {"reranker": {"server": "chat"}},
    "llm: default and external.url are both given": {"llm": {"external": {"url": "http://vllm.internal:8000/v1"}}},
    "llm: there is no model": {"llm": {"default": ""}},
    "keda.models.other: there is no such server": {
        "keda": {"models": {"other": {"minReplicas": 1, "maxReplicas": 2, "waitingPerReplica": 5}}}
    },
}


@pytest.mark.parametrize("message", sorted(WRONG))
def test_models_that_dont_fit_together_are_refused(message: str, template: Callable[..., Any]):
    done = template("keda", yaml.safe_dump(WRONG[message]))
    assert done.returncode != 0
    assert message in done.stderr


def test_an_image_volume_is_refused_where_there_is_none(template: Callable[..., Any]):
    done = template("airgap", kubernetes="1.29")
    assert done.returncode != 0
    assert "image volumes need Kubernetes 1.31" in done.stderr
