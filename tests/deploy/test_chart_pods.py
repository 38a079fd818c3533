"""What every rendered pod is: restricted, read-only, offline, drained in time; and started with settings that exist."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from agent.channels.health import CHECK_TIMEOUT_S, report
from agent.privacy.environment import SWITCHES
from agent.settings import PREFIX, Settings
from agent.wiring.http import GRACE_S
from policies.load import load_pack
from tests.deploy.conftest import Helm
from tests.deploy.rendered import (
    CHART,
    NAMESPACE,
    OURS,
    RELEASE,
    ROOT,
    SECRETS,
    Pod,
    Release,
    environment,
    read_release,
    read_values,
)
from tests.deploy.settings_of import KNOWN, settings_of

CLOSING_S = 10
"""What comes after the last request or turn: connections, the index, the model."""
POLICIES = ROOT / "policies" / "default"
Render = Callable[..., Release]


def test_every_pod_keeps_to_the_restricted_profile(release: Release):
    # Source: Kubernetes, Pod Security Standards, restricted.
    for pod in release.pods:
        of_pod = pod.spec["securityContext"]
        assert (of_pod["runAsNonRoot"], of_pod["seccompProfile"]) == (True, {"type": "RuntimeDefault"}), pod.owner
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys()
        for container in pod.containers:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is context["privileged"] is False
            assert context["runAsNonRoot"] is context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
        kinds = {key for volume in pod.spec.get("volumes", ()) for key in volume if key != "name"}
        assert kinds <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "image"}, pod.owner


def test_user_ids_are_fixed_unless_the_cluster_gives_them(render: Render):
    assert {pod.spec["securityContext"]["runAsUser"] for pod in render("full").pods} == {10001}
    for pod in render("openshift").pods:
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & pod.spec["securityContext"].keys()


def test_no_pod_can_speak_to_the_cluster_or_is_told_of_its_services(release: Release):
    for pod in release.pods:
        assert pod.spec["automountServiceAccountToken"] is False
        # Links of a service called innkeeper would be settings that nobody knows, and stop the start.
        assert pod.spec["enableServiceLinks"] is False
    assert all(account["automountServiceAccountToken"] is False for account in release.kind("ServiceAccount"))


def test_every_container_says_what_it_needs_and_at_most_takes(release: Release):
    for pod in release.pods:
        for container in pod.containers:
            for key in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][key].keys(), f"{pod.owner} {container['name']} {key}"


def test_every_pod_with_a_program_of_ours_or_of_a_model_is_offline(release: Release):
    for pod in release.pods:
        if pod.component != "redis":
            assert environment(pod.main).items() >= SWITCHES.items(), pod.owner


def test_every_setting_that_is_set_is_one(release: Release):
    for pod in release.pods:
        names = {name for name in environment(pod.main) if name.startswith(PREFIX)}
        assert names <= KNOWN, pod.owner
        assert "PROMETHEUS_MULTIPROC_DIR" not in environment(pod.main), "pods are scraped one by one"


def test_our_pods_start_with_these_settings(release: Release, monkeypatch: pytest.MonkeyPatch):
    for component in ("api", "worker"):
        settings = settings_of(release.pod(component), monkeypatch)
        assert settings.redis_url is not None
        assert SECRETS["innkeeper-redis", "redis-password"] in settings.redis_url
        assert settings.chroma_url
        assert settings.llm_base_url
        assert str(settings.data_dir) == "/data"
        # A list of sources would have every replica refresh every source.
        assert settings.sources is None


def test_everything_that_is_written_to_lies_on_a_volume(release: Release):
    for pod in release.pods:
        if pod.component in OURS:
            assert {"/data", "/tmp"} <= {mount["mountPath"] for mount in pod.main["volumeMounts"]}
        for container in pod.containers:
            mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
            assert mounted <= {volume["name"] for volume in pod.spec.get("volumes", ())} | claims(release, pod), pod.owner


def claims(release: Release, pod: Pod) -> set[str]:
    kind, name = pod.owner.split()
    spec = release.get(kind, name).get("spec", {})
    return {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", ())}


def test_down_and_degraded_are_told_apart(release: Release):
    for component in ("api", "worker"):
        container = release.pod(component).main
        paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")}
        assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
        # Each check may take two seconds, and they run side by side.
        assert container["readinessProbe"]["timeoutSeconds"] > CHECK_TIMEOUT_S
    assert report({"redis": True, "knowledge": True, "model": False})[0] == 200
    assert report({"redis": False, "knowledge": True, "model": True})[0] == 503


def test_probes_ask_a_port_that_the_process_listens_on(release: Release):
    for pod in release.pods:
        ports = {port["name"]: port["containerPort"] for port in pod.main.get("ports", ())}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = pod.main.get(probe, {})
            port = (asked.get("httpGet") or asked.get("tcpSocket") or {}).get("port")
            assert port is None or port in ports, f"{pod.owner} {probe}"
    assert environment(release.pod("api").main)["INNKEEPER_PORT"] == str(release.pod("api").main["ports"][0]["containerPort"])
    worker = release.pod("worker").main
    assert environment(worker)["INNKEEPER_WORKER_PORT"] == str(worker["ports"][0]["containerPort"])


def test_there_is_time_to_drain(release: Release):
    api = release.pod("api")
    pause = int(api.main["lifecycle"]["preStop"]["exec"]["command"][1])
    assert api.spec["terminationGracePeriodSeconds"] >= pause + GRACE_S + CLOSING_S
    redelivery_s = Settings.model_fields["redelivery_s"].default
    drains_s = min(15.0, redelivery_s * 0.75)  # as agent.wiring.processes.work has it
    assert release.pod("worker").spec["terminationGracePeriodSeconds"] >= drains_s + CLOSING_S


def test_too_short_a_time_to_drain_is_refused(template: Callable[..., object]):
    done = template("minimal", json.dumps({"api": {"preStopSeconds": 45}}))
    assert done.returncode != 0
    assert "api.terminationGracePeriodSeconds: at least 20 seconds more" in done.stderr


def test_secrets_are_named_and_never_written_out(release: Release):
    assert release.kind("Secret") == []
    for secret in SECRETS.values():
        assert secret not in release.text
    secret_words = re.compile(r"(PASSWORD|TOKEN|SECRET|API_KEY)$")
    for pod in release.pods:
        for container in pod.containers:
            for entry in container.get("env", ()):
                if secret_words.search(entry["name"]):
                    assert "secretKeyRef" in entry["valueFrom"], f"{pod.owner} {entry['name']}"


def test_a_change_of_the_policies_starts_api_and_workers_anew(render: Render):
    before, after = (
        render("keda", yaml.safe_dump({"policies": {"files": {"policy.yaml": f"version: {version}\n"}}})) for version in (1, 2)
    )
    for component in ("api", "worker"):
        assert dict(before.pod(component).annotations) != dict(after.pod(component).annotations)
        assert before.pod(component).spec == after.pod(component).spec
    assert before.pod("redis") == after.pod("redis")
    assert before.pod("model-chat") == after.pod("model-chat")


def test_the_other_secret_starts_them_anew_too_when_its_checksum_is_changed(render: Render):
    before, after = render("full"), render("full", json.dumps({"config": {"checksum": "2"}}))
    assert dict(before.pod("api").annotations) != dict(after.pod("api").annotations)


def test_a_policy_folder_in_values_is_the_folder_that_the_pods_read(render: Render, tmp_path: Path):
    files = {path.relative_to(POLICIES).as_posix(): path.read_text("utf-8") for path in POLICIES.rglob("*.yaml")}
    release = render("minimal", yaml.safe_dump({"policies": {"files": files}}))
    data = release.get("ConfigMap", "innkeeper-policies")["data"]
    volume = next(one for one in release.pod("worker").spec["volumes"] if one["name"] == "policies")
    # As the kubelet lays a ConfigMap out: the files in a hidden folder with the time in its name, reached by links.
    hidden = tmp_path / "..2026_11_26_23_00_00.123"
    for item in volume["configMap"]["items"]:
        (hidden / item["path"]).parent.mkdir(parents=True, exist_ok=True)
        (hidden / item["path"]).write_text(data[item["key"]], encoding="utf-8")
        top = Path(item["path"]).parts[0]
        if not (tmp_path / top).is_symlink():
            (tmp_path / top).symlink_to(Path("..data") / top)
    (tmp_path / "..data").symlink_to(hidden.name)
    assert load_pack(tmp_path) == load_pack(POLICIES)
    assert environment(release.pod("worker").main)["INNKEEPER_POLICY_DIR"] == "/etc/innkeeper/policies"


def test_no_more_threads_than_a_pod_may_run(release: Release):
    for pod in release.pods:
        if pod.component in OURS:
            (threads,) = [entry for entry in pod.main["env"] if entry["name"] == "OMP_NUM_THREADS"]
            assert threads["valueFrom"] == {"resourceFieldRef": {"resource": "limits.cpu"}}


def test_one_ingest_at_a_time(render: Render):
    release = render("full")
    claim = release.get("PersistentVolumeClaim", "innkeeper-ingest")
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    runs = [pod for pod in release.pods if pod.component == "ingest"]
    assert sorted(pod.owner.split()[0] for pod in runs) == ["CronJob", "Job"]
    for pod in runs:
        data = next(volume for volume in pod.spec["volumes"] if volume["name"] == "data")
        assert data["persistentVolumeClaim"] == {"claimName": "innkeeper-ingest"}
    assert release.get("CronJob", "innkeeper-ingest")["spec"]["concurrencyPolicy"] == "Forbid"


def test_another_list_makes_another_job(render: Render):
    def job(release: Release) -> str:
        return str(release.kind("Job")[0]["metadata"]["name"])

    more = {"ingest": {"sources": [{"name": "other", "kind": "folder", "path": "/documents"}]}}
    assert job(render("full")) == job(render("full", json.dumps({"worker": {"replicas": 5}})))
    assert job(render("full")) != job(render("full", json.dumps(more)))


OTHER_PODS = {
    "a registry": {"global": {"imageRegistry": "registry.internal"}},
    "a pull secret": {"global": {"imagePullSecrets": ["registry"]}},
    "a user": {"podSecurity": {"runAsUser": 20001}},
    "no account": {"serviceAccount": {"create": False}},
}


@pytest.mark.parametrize("what", sorted(OTHER_PODS))
def test_a_job_with_another_pod_has_another_name(what: str, render: Render):
    # Kubernetes refuses to change the pod of a job that is there: the upgrade would fail.
    (before,), (after,) = (render("full", json.dumps(more)).kind("Job") for more in ({}, OTHER_PODS[what]))
    assert before["spec"]["template"] != after["spec"]["template"]
    assert before["metadata"]["name"] != after["metadata"]["name"]


def test_another_version_of_the_chart_has_another_job(helm: Helm, render: Render, tmp_path: Path):
    chart = shutil.copytree(CHART, tmp_path / "chart")
    about = (chart / "Chart.yaml").read_text("utf-8")
    (chart / "Chart.yaml").write_text(about.replace("version: 0.1.0", "version: 0.1.1"), encoding="utf-8")
    done = helm("template", RELEASE, str(chart), "-n", NAMESPACE, "-f", str(CHART / "ci" / "full-values.yaml"))
    (after,), (before,) = read_release("full", done.stdout).kind("Job"), render("full").kind("Job")
    assert before["spec"]["template"] != after["spec"]["template"]
    assert before["metadata"]["name"] != after["metadata"]["name"]


def test_ingest_is_given_no_more_than_it_needs(render: Render):
    names = environment(render("full").pod("ingest").main)
    assert not {"INNKEEPER_REDIS_URL", "INNKEEPER_LLM_BASE_URL", "INNKEEPER_CONFIG", "REDIS_PASSWORD"} & names.keys()
    assert names["ZAMMAD_TOKEN"] == SECRETS["innkeeper-sources", "zammad"]


def test_replicas_are_left_to_who_scales(render: Render):
    assert "replicas" not in render("full").get("Deployment", "innkeeper-worker")["spec"]
    keda = render("keda")
    assert "replicas" not in keda.get("Deployment", "innkeeper-worker")["spec"]
    assert "replicas" not in keda.get("Deployment", "innkeeper-model-chat")["spec"]
    assert keda.kind("HorizontalPodAutoscaler") == []
    assert keda.get("Deployment", "innkeeper-api")["spec"]["replicas"] == 2


def test_two_of_everything_that_is_ours_and_never_both_away(release: Release):
    values = read_values(release.values)
    assert values["api"]["replicas"] == values["worker"]["replicas"] == 2
    for name in ("innkeeper-api", "innkeeper-worker"):
        assert release.get("PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1
        assert release.get("Deployment", name)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_only_what_is_for_the_public_is_let_in(render: Render):
    for one, paths in (
        ("full", [path["path"] for path in render("full").kind("Ingress")[0]["spec"]["rules"][0]["http"]["paths"]]),
        ("openshift", [route["spec"]["path"] for route in render("openshift").kind("Route")]),
    ):
        assert paths == ["/webhooks/", "/widget.js", "/widget/"], one


def test_the_chart_is_of_the_release_that_it_starts():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'version = "{chart["appVersion"]}"' in project
