"""The only ways out of the namespace are name servers and what a pod's own settings name, as the guard's list has it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from agent.privacy.egress import Destination
from tests.deploy.reach import Inside, Outside, Way, outside, ways_in, ways_out
from tests.deploy.rendered import OURS, RELEASE, Pod, Release, read_values
from tests.deploy.settings_of import allowed

NOT_BY_API = ("helpdesk ",)
"""What is on the api's list because it reads the same settings, and is reached by workers alone."""


def dns(release: Release) -> set[Way]:
    """The ways to the name servers."""
    wanted = read_values(release.values)["network"]["dns"]
    protocols = ("UDP", "TCP")
    return {Outside(outside(peer), port, by) for peer in wanted["to"] for port in wanted["ports"] for by in protocols}


def ways_to(release: Release, place: Destination) -> set[Way]:
    """The ways that together lead to a place of the allow-list: a service of the release, or what the values name so."""
    if place.host.startswith(f"{RELEASE}-"):
        component = release.get("Service", place.host)["spec"]["selector"]["app.kubernetes.io/component"]
        return {Inside(component, place.port)}
    entries = [one for one in read_values(release.values)["network"]["external"] if one["host"] == place.host]
    assert entries, f"no entry of network.external for {place}"
    return {Outside(outside(peer), place.port, "TCP") for one in entries if place.port in one["ports"] for peer in one["to"]} or {
        Outside(f"nothing for {place}", place.port, "TCP")
    }


def ours(release: Release) -> list[Pod]:
    return [pod for pod in release.pods if pod.component in OURS]


def test_our_pods_reach_name_servers_and_the_allow_list_and_nothing_else(
    release: Release, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for pod in ours(release):
        places = allowed(release, pod, monkeypatch, tmp_path)
        may = dns(release).union(*(ways_to(release, place) for place in places))
        # Servers of embeddings are there for what is to come: no setting names them yet.
        embed = {Inside(other.component, 8000) for other in release.pods if other.labels.get("innkeeper/role") == "embed"}
        assert ways_out(release, pod) - may - embed == set(), f"{pod.owner} reaches more than its list"


def test_all_that_is_on_the_allow_list_is_reached_by_those_who_need_it(
    release: Release, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for pod in ours(release):
        reach = ways_out(release, pod)
        for place, purposes in allowed(release, pod, monkeypatch, tmp_path).items():
            if pod.component == "api" and all(purpose.startswith(NOT_BY_API) for purpose in purposes):
                continue
            assert ways_to(release, place) <= reach, f"{pod.owner} can't reach {place}, which is for {', '.join(purposes)}"
        assert dns(release) <= reach


def test_stores_and_model_servers_reach_nothing_at_all(release: Release):
    shut = [pod for pod in release.pods if pod.component in ("redis", "chroma") or pod.component.startswith("model-")]
    assert [pod.owner for pod in shut if ways_out(release, pod)] == []
    assert len(shut) >= 1 or release.values == "external"


def test_a_router_is_the_one_way_to_its_replicas_and_has_no_other(render: Callable[..., Release]):
    metrics = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    release = render("airgap", yaml.safe_dump({"network": {"metricsFrom": metrics}}))
    router = release.pod("router-chat")
    assert ways_out(release, router) == dns(release) | {Inside("model-chat", 8000)}
    asked_by = {Inside(component, 8000) for component in ("api", "worker")}
    assert ways_in(release, router) == asked_by | {Outside(outside(metrics[0]), 29000, "TCP")}
    into = ways_in(release, release.pod("model-chat"))
    assert into == {Inside("router-chat", 8000), Outside(outside(metrics[0]), 8000, "TCP")}
    for pod in ours(release):
        assert Inside("model-chat", 8000) not in ways_out(release, pod)


def test_only_the_api_is_reached_from_outside_but_for_metrics(release: Release):
    network = read_values(release.values)["network"]
    scrapers = {outside(peer) for peer in network["metricsFrom"]}
    ports = {"api": 8080, "worker": 8081}
    for pod in release.pods:
        let_in = {outside(peer) for peer in network["ingressFrom"]} if pod.component == "api" else set()
        for way in ways_in(release, pod):
            if isinstance(way, Outside):
                assert way.peer in scrapers | let_in, f"{pod.owner} is reached from {way}"
                assert way.port == (29000 if pod.component.startswith("router-") else ports.get(pod.component, 8000))


def test_both_ends_of_every_way_inside_agree(release: Release):
    out = {(pod.component, way.component, way.port) for pod in release.pods for way in inside(ways_out(release, pod))}
    into = {(way.component, pod.component, way.port) for pod in release.pods for way in inside(ways_in(release, pod))}
    assert out == into
    assert out, "nobody reaches anybody"


def inside(ways: frozenset[Way]) -> list[Inside]:
    return [way for way in ways if isinstance(way, Inside)]


def test_the_ports_that_are_opened_are_those_that_pods_listen_on(release: Release):
    listening = {pod.component: {port["containerPort"] for port in pod.main.get("ports", ())} for pod in release.pods}
    for pod in release.pods:
        assert {way.port for way in ways_in(release, pod)} <= listening[pod.component], pod.owner
    for service in release.kind("Service"):
        pod = release.pod(service["spec"]["selector"]["app.kubernetes.io/component"])
        named = {port["name"]: port["containerPort"] for port in pod.main["ports"]}
        # Policies see the pod's port, URLs name the service's: they have to be one.
        assert all(named[port["targetPort"]] == port["port"] for port in service["spec"]["ports"])


def test_everything_in_the_namespace_is_shut_first(release: Release):
    deny = release.get("NetworkPolicy", f"{RELEASE}-deny")["spec"]
    assert sorted(deny["policyTypes"]) == ["Egress", "Ingress"]
    assert not deny.get("ingress")
    assert not deny.get("egress")
    if read_values(release.values)["network"]["denyNamespace"]:
        assert deny["podSelector"] == {}
    else:
        assert all(deny["podSelector"]["matchLabels"].items() <= dict(pod.labels).items() for pod in release.pods)


PLANTED = {
    "a model server that may go anywhere": ("model-chat", {"egress": [{}]}),
    "a store with a way to one address": ("chroma", {"egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]}]}),
    "a worker with one port more": ("worker", {"egress": [{"to": [{"podSelector": {}}], "ports": [{"port": 22}]}]}),
    "a worker with a place of nobody's list": (
        "worker",
        {"egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 443}]}]},
    ),
}


@pytest.mark.parametrize("planted", sorted(PLANTED))
def test_a_way_out_that_somebody_adds_is_found(
    planted: str, render: Callable[..., Release], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    component, opened = PLANTED[planted]
    release = render("airgap", yaml.safe_dump({"extraObjects": [policy(component, opened)]}))
    pod = release.pod(component)
    places = allowed(release, pod, monkeypatch, tmp_path) if component in OURS else {}
    may = dns(release).union(*(ways_to(release, place) for place in places)) if places else set()
    assert ways_out(release, pod) - may


def policy(component: str, opened: dict[str, object]) -> dict[str, object]:
    selector = {"matchLabels": {"app.kubernetes.io/component": component}}
    spec = {"podSelector": selector, "policyTypes": ["Egress"], **opened}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "planted"}, "spec": spec}


def test_without_policies_everything_is_open_and_the_notes_say_so(render: Callable[..., Release]):
    release = render("minimal", json.dumps({"network": {"policies": False}}))
    assert release.kind("NetworkPolicy") == []
    assert ways_out(release, release.pod("worker")) == {Outside(outside({"ipBlock": {"cidr": "0.0.0.0/0"}}), None, "TCP")}


def test_an_address_outside_that_no_entry_names_is_refused(template: Callable[..., object]):
    done = template("external", yaml.safe_dump({"chroma": {"external": {"url": "http://chroma.elsewhere:8000"}}}))
    assert done.returncode != 0
    assert "chroma.external.url names chroma.elsewhere: add it to network.external" in done.stderr
