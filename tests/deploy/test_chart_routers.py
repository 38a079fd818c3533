"""Routers: replicas with names of their own, one way to them, and as many as there may ever be."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.deploy.rendered import Pod, Release, environment

Render = Callable[..., Release]
CLAIM = {"claim": {"name": "models"}}
ROUTED = {"models": {"chat": {"router": {"enabled": True}}}}
"""Over the value set `keda`, which scales that model from one to three."""


def replicas_of(pod: Pod) -> list[str]:
    arguments = pod.main["args"]
    return list(arguments[arguments.index("--worker-urls") + 1 :])


def test_each_replica_has_a_name_that_the_router_knows(render: Render):
    release = render("airgap")
    servers, pods = release.get("StatefulSet", "innkeeper-model-chat"), release.get("Service", "innkeeper-model-chat-pods")
    assert (servers["spec"]["replicas"], servers["spec"]["serviceName"]) == (2, pods["metadata"]["name"])
    assert servers["spec"]["podManagementPolicy"] == "Parallel", "one that never starts must not hold up the others"
    # Without a cluster IP and also for pods that aren't ready: that is what gives each of them a name for good.
    assert (pods["spec"]["clusterIP"], pods["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert pods["spec"]["selector"].items() <= servers["spec"]["template"]["metadata"]["labels"].items()
    names = [f"innkeeper-model-chat-{number}.innkeeper-model-chat-pods" for number in range(2)]
    assert replicas_of(release.pod("router-chat")) == [f"http://{name}:8000" for name in names]


def test_clients_ask_the_router_under_the_address_that_the_server_would_have(render: Render):
    release = render("airgap")
    found = environment(release.pod("worker").main)
    assert found["INNKEEPER_LLM_BASE_URL"] == "http://innkeeper-model-chat:8000/v1"
    selector = release.get("Service", "innkeeper-model-chat")["spec"]["selector"]
    assert selector.items() <= dict(release.pod("router-chat").labels).items()
    # Who has it switched on loses nothing else.
    assert release.pod("model-chat").main["args"] == render("keda").pod("model-chat").main["args"]


def test_two_routers_and_never_both_away(render: Render):
    release = render("airgap")
    spec = release.get("Deployment", "innkeeper-router-chat")["spec"]
    assert (spec["replicas"], spec["strategy"]["rollingUpdate"]["maxUnavailable"]) == (2, 0)
    assert release.get("PodDisruptionBudget", "innkeeper-router-chat")["spec"]["maxUnavailable"] == 1


def test_a_router_is_waited_for_as_long_as_a_model_may_load(render: Render):
    release = render("airgap", yaml.safe_dump({"vllm": {"startupSeconds": 3600}}))
    router, server = release.pod("router-chat"), release.pod("model-chat")
    assert "--worker-startup-timeout-secs=3600" in router.main["args"]
    probe = router.main["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > 3600
    assert router.spec["terminationGracePeriodSeconds"] > server.spec["terminationGracePeriodSeconds"]


def test_a_router_knows_all_replicas_that_are_ever_scaled_to(render: Render):
    release = render("keda", yaml.safe_dump(ROUTED))
    assert len(replicas_of(release.pod("router-chat"))) == 3
    target = release.get("ScaledObject", "innkeeper-model-chat")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("StatefulSet", "innkeeper-model-chat")
    assert "replicas" not in release.get("StatefulSet", "innkeeper-model-chat")["spec"]


def test_its_own_figures_are_scraped(render: Render):
    prometheus = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    more = {"network": {"metricsFrom": [prometheus]}, "monitoring": {"podMonitor": {"enabled": True}}}
    release = render("airgap", yaml.safe_dump(more))
    monitor = release.get("PodMonitor", "innkeeper-router-chat")["spec"]
    assert [one["port"] for one in monitor["podMetricsEndpoints"]] == ["metrics"]
    assert monitor["selector"]["matchLabels"].items() <= dict(release.pod("router-chat").labels).items()


def test_without_one_everything_is_as_it_was(render: Render):
    for release in map(render, ("full", "keda", "openshift")):
        assert not [pod for pod in release.pods if pod.component.startswith("router-")]
        assert not [one for one in release.kind("Service") if one["metadata"]["name"].endswith("-pods")]
    assert {one["metadata"]["name"] for one in render("full").kind("StatefulSet")} == {"innkeeper-redis", "innkeeper-chroma"}


def test_a_router_before_what_has_no_conversations_is_refused(template: Callable[..., Any]):
    rerank = {"profile": "qwen3-reranker-0.6b", "weights": CLAIM, "router": {"enabled": True}}
    done = template("keda", yaml.safe_dump({"models": {"rerank": rerank}}))
    assert done.returncode != 0
    assert "models.rerank.router: models.rerank is for rerank, not for chat" in done.stderr


def test_a_server_with_the_name_that_replicas_are_found_by_is_refused(template: Callable[..., Any]):
    other = {"profile": "qwen3-4b-instruct-2507", "weights": CLAIM}
    assert template("keda", yaml.safe_dump({"models": {"chat-pods": other}})).returncode == 0
    done = template("keda", yaml.safe_dump({"models": ROUTED["models"] | {"chat-pods": other}}))
    assert done.returncode != 0
    assert "models.chat-pods: another name, please" in done.stderr


@pytest.mark.parametrize(("length", "fits"), [(9, True), (10, False)])
def test_names_that_are_too_long_for_replicas_are_refused(length: int, fits: bool, template: Callable[..., Any]):
    # Source: a StatefulSet's pods have its name and a hash of ten characters in a label, which may have 63.
    name = "a" * length
    models = {name: {"profile": "qwen3-8b-fp8", "weights": CLAIM, "router": {"enabled": True}}}
    done = template("keda", yaml.safe_dump({"models": models, "fullnameOverride": "f" * 36}))
    assert (done.returncode == 0) == fits, done.stderr
    assert fits or f"models.{name}.router: its replicas would be called {'f' * 36}-model-{name}-0" in done.stderr
