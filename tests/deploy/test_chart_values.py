"""Values: what is unknown, misspelt or doesn't go together is refused, and said clearly; images are what the values say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.operations.bundle.references import images_of_values, parse_reference
from tests.deploy.conftest import Helm
from tests.deploy.rendered import CHART, CUSTOM, NAMESPACE, NEWEST, Release, read_release, read_values
from tests.deploy.test_chart_valid import validated

Render = Callable[..., Release]
CLAIM = {"claim": {"name": "models"}}
SETTINGS = {"log_level": "DEBUG", "second_look": False, "max_body_bytes": 2_000_000, "llm_timeout_s": 2.5}
DIGEST = "sha256:" + "7" * 64


def test_a_digest_wins_over_a_tag(render: Render):
    both = {"image": {"registry": "registry.internal", "tag": "0.1.0", "digest": DIGEST}}
    release = render("minimal", json.dumps(both))
    assert release.pod("api").main["image"] == f"registry.internal/innkeeper@{DIGEST}"
    assert render("minimal").pod("api").main["image"] == "innkeeper:0.1.0"


def test_one_registry_goes_before_every_image(render: Render):
    release = render("airgap")
    images = {container["image"] for pod in release.pods for container in pod.containers}
    images |= {volume["image"]["reference"] for pod in release.pods for volume in pod.spec["volumes"] if "image" in volume}
    assert len(images) == 7
    assert all(image.startswith("registry.hotel.internal:5000/") and "@sha256:" in image for image in images)
    assert all(pod.spec["imagePullSecrets"] == [{"name": "registry"}] for pod in release.pods)


def test_a_bundle_has_just_the_images_that_are_rendered(release: Release):
    images = {container["image"] for pod in release.pods for container in pod.containers}
    images |= {one["image"]["reference"] for pod in release.pods for one in pod.spec.get("volumes", ()) if "image" in one}
    named = images_of_values(read_values(release.values), "0.1.0")
    assert {parse_reference(image).repository for image in images} == {one.repository for one in named}


def test_no_image_is_pulled_as_whatever_is_latest(release: Release):
    for pod in release.pods:
        for container in pod.containers:
            name = container["image"].rpartition("/")[2]
            assert "@" in name or (":" in name and not name.endswith(":latest")), container["image"]


@pytest.mark.parametrize("name", ["image", "redis.image", "chroma.image", "vllm.image", "router.image"])
def test_behind_a_gap_an_image_without_a_digest_is_refused(name: str, template: Callable[..., Any]):
    more: dict[str, Any] = {"digest": ""}
    for key in reversed(name.split(".")):
        more = {key: more}
    done = template("airgap", json.dumps(more))
    assert done.returncode != 0
    assert f"{name}: global.airgap is on, and an image is named by its digest then" in done.stderr


def test_behind_a_gap_there_must_be_a_registry(template: Callable[..., Any]):
    done = template("airgap", json.dumps({"global": {"imageRegistry": ""}}))
    assert done.returncode != 0
    assert "global.airgap needs global.imageRegistry" in done.stderr


UNFIT = {
    "a registry with a slash at its end": ({"global": {"imageRegistry": "registry.internal/"}}, ["/global/imageRegistry"]),
    "an address for a registry": ({"image": {"registry": "https://registry.internal"}}, ["/image/registry"]),
    "a name of a server that no label can be": ({"models": {"chat-": {}}}, ["/models", "'chat-' not allowed"]),
    "a name that no label can be": ({"nameOverride": "inn-"}, ["/nameOverride"]),
    "a misspelt key": ({"worker": {"replica": 3}}, ["/worker", "additional properties 'replica' not allowed"]),
    "an unknown key at the top": ({"postgres": {}}, ["additional properties 'postgres' not allowed"]),
    "a word for a number": ({"api": {"replicas": "two"}}, ["/api/replicas", "want integer"]),
    "latest": ({"redis": {"image": {"tag": "latest"}}}, ["/redis/image/tag"]),
    "half a digest": ({"image": {"digest": "sha256:12"}}, ["/image/digest", "does not match pattern"]),
    "a password in a URL": (
        {"redis": {"external": {"url": "redis://:hunter2@redis.internal:6379/0"}}},
        ["/redis/external/url", "does not match pattern"],
    ),
    "a setting by its whole name": ({"settings": {"INNKEEPER_LOG_LEVEL": "DEBUG"}}, ["/settings", "INNKEEPER_LOG_LEVEL"]),
    "a name that no server can have": ({"models": {"Qwen": {}}}, ["/models", "'Qwen' not allowed"]),
    "a policy that no pack has": ({"policies": {"files": {"rules.txt": ""}}}, ["/policies/files", "'rules.txt' not allowed"]),
    "an address without a prefix": (
        {"network": {"external": [{"host": "a", "ports": [443], "to": [{"ipBlock": {"cidr": "10.0.0.1"}}], "from": ["api"]}]}},
        ["/network/external/0/to/0/ipBlock/cidr"],
    ),
    "an entry for nobody": (
        {"network": {"external": [{"host": "a", "ports": [443], "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "from": []}]}},
        ["/network/external/0/from"],
    ),
}


@pytest.mark.parametrize("name", sorted(UNFIT))
def test_values_that_cant_be_are_refused_by_name(name: str, template: Callable[..., Any]):
    values, words = UNFIT[name]
    done = template("minimal", yaml.safe_dump(values))
    assert done.returncode != 0
    assert "values don't meet the specifications of the schema" in done.stderr
    for word in words:
        assert word in done.stderr


APART = {
    "settings.llm_api_key: comes from llm.apiKey": {"settings": {"llm_api_key": "abc"}},
    "settings.redis_url: comes from redis": {"settings": {"redis_url": "redis://elsewhere"}},
    "settings.data_dir: the chart sets it itself": {"settings": {"data_dir": "/elsewhere"}},
    "models.default: give it another name": {"models": {"default": {"profile": "qwen3-8b-fp8", "weights": CLAIM}}},
    "a letter first: name the release so, or set fullnameOverride": {"fullnameOverride": "1st"},
    "worker.autoscaling: minReplicas is more than maxReplicas": {"worker": {"autoscaling": {"minReplicas": 9}}},
    "keda: of worker minReplicas is more than maxReplicas": {"keda": {"worker": {"minReplicas": 13}}},
    "redis.auth.existingSecret: name a secret": {"redis": {"auth": {"existingSecret": ""}}},
    "redis.external.url: needed": {"redis": {"enabled": False}},
    "chroma.external.url: needed": {"chroma": {"enabled": False}},
    "network.ingressFrom: name the peers": {"ingress": {"enabled": True, "hosts": ["help.internal"]}},
    "or who uses the service's port, or nothing reaches the api": {"api": {"service": {"type": "NodePort"}}},
    "network.metricsFrom: name the peers": {"monitoring": {"podMonitor": {"enabled": True}}},
    "ingress.hosts: name at least one host": {"ingress": {"enabled": True}},
    "keda.prometheus: the address": {"keda": {"enabled": True}},
    "reranker.external.url needs reranker.external.model": {"reranker": {"external": {"url": "http://vllm.models.svc:8000/v1"}}},
    "keda.enabled and worker.autoscaling.enabled are both on": {
        "keda": {"enabled": True, "prometheus": "http://p:9090"},
        "worker": {"autoscaling": {"enabled": True}},
    },
    "policies: files and existingConfigMap are both given": {
        "policies": {"files": {"policy.yaml": "a: 1"}, "existingConfigMap": "mine"}
    },
    "ingest: sources and existingConfigMap are both given": {
        "ingest": {"sources": [{"name": "a", "kind": "folder"}], "existingConfigMap": "mine"}
    },
}


@pytest.mark.parametrize("message", sorted(APART))
def test_values_that_dont_go_together_are_refused_with_what_to_do(message: str, template: Callable[..., Any]):
    done = template("minimal", yaml.safe_dump(APART[message]))
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.parametrize("name", ["my.release", "2nd"])
def test_a_release_whose_services_could_not_be_called_so_is_refused(name: str, helm: Helm):
    values = str(CHART / "ci" / "minimal-values.yaml")
    assert "set fullnameOverride" in helm("template", name, str(CHART), "-f", values).stderr
    done = helm("template", name, str(CHART), "-f", values, "--set", "fullnameOverride=mine")
    assert done.returncode == 0, done.stderr


LIKE_NUMBERS = {
    "fullnameOverride": "on",
    "nameOverride": "1e5",
    "global": {"imagePullSecrets": ["0123"]},
    "config": {"existingSecret": "007", "key": "true"},
    "apiKey": {"existingSecret": "1e3", "key": "1"},
    "redis": {"auth": {"existingSecret": "123", "key": "1.0"}, "persistence": {"storageClass": "1"}, "priorityClassName": "true"},
    "chroma": {"persistence": {"storageClass": "1"}},
    "vllm": {"runtimeClassName": "1", "cache": {"existingClaim": "1"}},
    "models": {"small": {"weights": {"claim": {"name": "007", "subPath": "2507"}}}},
    "llm": {"apiKey": {"existingSecret": "1", "key": "null"}},
    "ingest": {
        "persistence": {"storageClass": "1"},
        "secretEnv": [{"name": "no", "secret": "1", "key": "2"}],
    },
    "policies": {"existingConfigMap": "1"},
    "ingress": {"className": "1", "hosts": ["*.hotel.internal"], "paths": ["/webhooks/", "/a: b"]},
}
"""Names and keys that Kubernetes takes and YAML reads as something else."""


def test_a_name_stays_a_name_whatever_it_looks_like(helm: Helm, tools: Path, tmp_path: Path):
    values = ("-f", str(CHART / "ci" / "full-values.yaml"), "-f", "-")
    done = helm("template", "5", str(CHART), "-n", NAMESPACE, *values, stdin=json.dumps(LIKE_NUMBERS))
    assert done.returncode == 0, done.stderr
    release = read_release("full", done.stdout)
    objects = [one for one in release.objects if one["kind"] not in CUSTOM]
    assert validated(tools, NEWEST, objects, tmp_path) == []
    (ingress,) = release.kind("Ingress")
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["*.hotel.internal"]
    assert release.pod("api").labels["app.kubernetes.io/instance"] == "5"


def test_settings_reach_every_pod_of_ours(render: Render):
    release = render("minimal", json.dumps({"settings": SETTINGS}))
    for component in ("api", "worker"):
        env = {entry["name"]: entry.get("value") for entry in release.pod(component).main["env"]}
        assert env["INNKEEPER_LOG_LEVEL"] == "DEBUG"
        assert env["INNKEEPER_SECOND_LOOK"] == "false"
        # Helm reads numbers as floats, and would write this one as 2e+06.
        assert env["INNKEEPER_MAX_BODY_BYTES"] == "2000000"
        assert env["INNKEEPER_LLM_TIMEOUT_S"] == "2.5"


def test_names_fit_however_long_a_release_is_called(helm: Helm):
    more = {"models": {"a" * 20: {"profile": "qwen3-4b-instruct-2507", "weights": CLAIM}}}
    values = ("-f", str(CHART / "ci" / "full-values.yaml"), "-f", "-")
    done = helm("template", "r" * 53, str(CHART), *values, stdin=json.dumps(more))
    assert done.returncode == 0, done.stderr
    for one in read_release("full", done.stdout).objects:
        # Source: Kubernetes, names of a Service (63) and of a CronJob (52).
        assert len(one["metadata"]["name"]) <= (52 if one["kind"] == "CronJob" else 63)


def test_no_variable_is_set_twice(release: Release):
    for pod in release.pods:
        for container in pod.containers:
            names = [entry["name"] for entry in container.get("env", ())]
            assert len(names) == len(set(names)), pod.owner


def test_anything_else_can_be_rendered_along(render: Render):
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}, "data": {"a": "1"}}
    assert render("minimal", json.dumps({"extraObjects": [extra]})).get("ConfigMap", "mine")["data"] == {"a": "1"}
