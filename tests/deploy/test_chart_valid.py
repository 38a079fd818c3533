"""What is rendered is valid: by helm, by the schemas of two versions of Kubernetes, by a policy checker."""

import json
import os
import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import Helm
from tests.deploy.rendered import CHART, CUSTOM, NEWEST, OLDEST, ROOT, SETS, WITH_IMAGE_VOLUMES, Release

Render = Callable[..., Release]
SKIPPED = {
    "CKV_K8S_15": "an image by its digest is the same one however often it is pulled",
    "CKV_K8S_21": "the namespace is named when a release is installed, not in its objects",
    "CKV_K8S_35": "settings are read from the environment; secrets of helpdesks and sites come as a file",
}
ONCE = ("CKV_K8S_8", "CKV_K8S_9")
"""Probes; what runs once and ends, as `helm test` does, has none."""
BY_TAG, BY_CLUSTER = "CKV_K8S_43", "CKV_K8S_40"
"""Images by digest, where the values give digests; user ids above 10000, where the cluster doesn't give them itself."""


@pytest.mark.parametrize("values", SETS)
def test_helm_finds_nothing_to_say(values: str, helm: Helm):
    done = helm("lint", "--strict", str(CHART), "-f", str(CHART / "ci" / f"{values}-values.yaml"))
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def oldest_of(values: str) -> str:
    """The oldest version that the chart is for; image volumes came later."""
    return WITH_IMAGE_VOLUMES if values == "airgap" else OLDEST


@pytest.mark.parametrize("version", [OLDEST, WITH_IMAGE_VOLUMES, NEWEST])
def test_every_object_is_one_that_this_kubernetes_takes(version: str, render: Render, tools: Path, tmp_path: Path):
    chosen = [values for values in SETS if version in (oldest_of(values), NEWEST)]
    found = (one for values in chosen for one in render(values, "", version).objects if one["kind"] not in CUSTOM)
    objects = list({json.dumps(one, sort_keys=True): one for one in found}.values())
    assert len(objects) > 20
    assert validated(tools, version, objects, tmp_path) == []


def test_the_schemas_find_a_field_that_isnt_one(render: Render, tools: Path, tmp_path: Path):
    wrong = json.loads(json.dumps(render("minimal").get("Deployment", "innkeeper-api")))
    wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    (found,) = validated(tools, NEWEST, [wrong], tmp_path)
    assert "readinesProbe" in found


def validated(tools: Path, version: str, objects: list[dict[str, Any]], folder: Path) -> list[str]:
    file = folder / "objects.json"
    file.write_text(json.dumps(objects), encoding="utf-8")
    command = [str(tools / "python"), str(ROOT / "tests" / "deploy" / "validate_objects.py"), version, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_a_policy_checker_finds_nothing_that_has_no_reason(render: Render, tools: Path, tmp_path: Path):
    # In one go: it takes longer to start than to check. What several value sets render alike is checked once.
    for values in SETS:
        (tmp_path / f"{values}.yaml").write_text(render(values).text, encoding="utf-8")
    found = checked(tools, tmp_path)
    unexplained = [
        f"{values}: {check}: {resource}"
        for values, check, resource in found
        if check not in SKIPPED
        and not (check in ONCE and resource.endswith("innkeeper-test"))
        and not (check == BY_TAG and values != "airgap")
        and not (check == BY_CLUSTER and values == "openshift")
    ]
    assert unexplained == []
    # It has looked, and at the right objects.
    assert {(values, check) for values, check, _ in found} >= {("full", BY_TAG), ("airgap", "CKV_K8S_21")}


def checked(tools: Path, folder: Path) -> list[tuple[str, str, str]]:
    """Value set, check and object of all that failed."""
    arguments = ("-d", str(folder), "--framework", "kubernetes", "-o", "json", "--compact", "--quiet", "--skip-download")
    env = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(folder), "LOG_LEVEL": "ERROR"}
    command = [str(tools / "python"), str(tools / "checkov"), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    assert said["summary"]["parsing_errors"] == 0
    return [(Path(one["file_path"]).stem, one["check_id"], one["resource"]) for one in said["results"]["failed_checks"]]


def test_what_kubernetes_doesnt_know_has_the_form_that_its_makers_give(render: Render):
    # Source: the CRDs of prometheus-operator 0.80, KEDA 2.17 and OpenShift 4.18; their required fields.
    for release in map(render, SETS):
        for one in release.kind("ServiceMonitor", "PodMonitor"):
            key = "endpoints" if one["kind"] == "ServiceMonitor" else "podMetricsEndpoints"
            assert one["apiVersion"] == "monitoring.coreos.com/v1"
            assert one["spec"].keys() == {"selector", key}
            assert [entry.keys() for entry in one["spec"][key]] == [{"port", "path", "interval"}]
            assert_selects(release, one)
        for one in release.kind("ScaledObject"):
            assert one["apiVersion"] == "keda.sh/v1alpha1"
            spec = one["spec"]
            assert release.has(spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"])
            assert 1 <= spec["minReplicaCount"] == spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
            (trigger,) = spec["triggers"]
            assert trigger["type"] == "prometheus"
            assert trigger["metadata"].keys() == {"serverAddress", "query", "threshold"}
            assert all(isinstance(value, str) for value in trigger["metadata"].values())
        for one in release.kind("Route"):
            assert one["apiVersion"] == "route.openshift.io/v1"
            assert release.has("Service", one["spec"]["to"]["name"])
        for one in release.kind("PrometheusRule"):
            assert one["apiVersion"] == "monitoring.coreos.com/v1"
            assert all(rule["expr"] for group in one["spec"]["groups"] for rule in group["rules"])
    kinds = {one["kind"] for values in SETS for one in render(values).objects}
    assert kinds >= {"ServiceMonitor", "PodMonitor", "ScaledObject", "Route"}


def assert_selects(release: Release, monitor: dict[str, Any]) -> None:
    """There is a service, or a pod, that it selects, with a port of that name."""
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    if monitor["kind"] == "ServiceMonitor":
        (endpoint,) = monitor["spec"]["endpoints"]
        found = [one for one in release.kind("Service") if wanted <= one["metadata"]["labels"].items()]
        assert [endpoint["port"] in [port["name"] for port in one["spec"]["ports"]] for one in found] == [True]
    else:
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        pods = [pod for pod in release.pods if wanted <= dict(pod.labels).items()]
        assert [endpoint["port"] in [port["name"] for port in pod.main["ports"]] for pod in pods] == [True]


def test_every_dashboard_and_every_alert_is_in_the_release(render: Render):
    release = render("full")
    dashboards = {path.name: path.read_text("utf-8") for path in (CHART / "dashboards").glob("*.json")}
    shown = [one for one in release.kind("ConfigMap") if "-dashboard-" in one["metadata"]["name"]]
    assert {name: json.loads(text) for one in shown for name, text in one["data"].items()} == {
        name: json.loads(text) for name, text in dashboards.items()
    }
    assert all(one["metadata"]["labels"]["grafana_dashboard"] == "1" for one in shown)
    alerts = [yaml.safe_load(path.read_text("utf-8")) for path in sorted((CHART / "alerts").glob("*.yaml"))]
    rules = {one["metadata"]["name"]: one["spec"] for one in release.kind("PrometheusRule")}
    assert rules.pop("innkeeper-ingest")["groups"]
    assert list(rules.values()) == alerts


def test_a_run_that_fails_is_told_of(render: Render):
    group = render("full").get("PrometheusRule", "innkeeper-ingest")["spec"]["groups"][0]
    for rule in group["rules"]:
        assert rule["annotations"].keys() == {"summary", "description", "action"}
        assert 'namespace="hotel"' in rule["expr"]
    stale, fails = group["rules"]
    assert f'cronjob="{render("full").kind("CronJob")[0]["metadata"]["name"]}"' in stale["expr"]
    wanted = re.search(r'job_name=~"([^"]+)"', fails["expr"])
    assert wanted is not None
    assert re.fullmatch(wanted[1], render("full").kind("Job")[0]["metadata"]["name"])
    assert "{{ $labels.job_name }}" in fails["annotations"]["summary"]
    assert render("external").kind("PrometheusRule") == []


def test_a_package_of_the_chart_holds_the_profiles_themselves(helm: Helm, tmp_path: Path):
    done = helm("package", str(CHART), "-d", str(tmp_path))
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "innkeeper-0.1.0.tgz") as package:
        names = package.getnames()
        profiles = {path.name for path in (ROOT / "deploy" / "models").glob("*.yaml")}
        assert {Path(name).name for name in names if "/files/models/" in name} == profiles
        member = package.extractfile("innkeeper/files/models/_every_server.yaml")
        assert member is not None
        assert member.read() == (ROOT / "deploy" / "models" / "_every_server.yaml").read_bytes()
    assert not [name for name in names if "/ci/" in name]
