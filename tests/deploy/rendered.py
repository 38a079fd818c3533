"""What helm renders, as objects, and the pods that a cluster would start from them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "innkeeper"
RELEASE, NAMESPACE = "innkeeper", "hotel"
SETS = ("minimal", "full", "external", "airgap", "keda", "openshift")
OLDEST, WITH_IMAGE_VOLUMES, NEWEST = "1.29", "1.31", "1.37"
OURS = ("api", "worker", "ingest")
CUSTOM = ("ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "Route")
"""Kinds that Kubernetes itself doesn't know."""
SECRETS = {
    ("innkeeper-redis", "redis-password"): "k7Xq2mPw9sRt",
    ("innkeeper-api", "api-key"): "answers-for-the-website",
    ("innkeeper-models", "api-key"): "of-the-model-servers",
    ("innkeeper-sources", "zammad"): "reads-articles",
}
"""What the secrets that the value sets name would hold."""
CONFIG = Path(__file__).with_name("innkeeper.toml")
"""What the secret with the settings would hold."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as its template says.

    Attributes:
        owner: kind and name of what starts it.
        component: e.g. `api`, `model-chat`.
    """

    owner: str
    component: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Those that stay and those that come before."""
        return [*self.spec["containers"], *self.spec.get("initContainers", [])]

    @property
    def main(self) -> dict[str, Any]:
        """The one that does its work."""
        return dict(self.spec["containers"][0])


@dataclass(frozen=True, slots=True)
class Release:
    """All that one value set renders."""

    values: str
    text: str
    objects: tuple[dict[str, Any], ...]

    def kind(self, *kinds: str) -> list[dict[str, Any]]:
        """Objects of these kinds."""
        return [one for one in self.objects if one["kind"] in kinds]

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """The one of that name."""
        found = [one for one in self.kind(kind) if one["metadata"]["name"] == name]
        assert len(found) == 1, f"{kind} {name}: {len(found)} in {self.values}"
        return found[0]

    def has(self, kind: str, name: str) -> bool:
        """Whether there is one of that name."""
        return any(one["metadata"]["name"] == name for one in self.kind(kind))

    @property
    def pods(self) -> list[Pod]:
        """Each pod once, however many replicas it has; those of `helm test` too."""
        return list(_pods(self.objects))

    def pod(self, component: str) -> Pod:
        """The pod of a component; of ingest's two, which are alike, the first."""
        return next(pod for pod in self.pods if pod.component == component)


def read_release(values: str, text: str) -> Release:
    """What `helm template` printed for a value set."""
    return Release(values, text, tuple(one for one in yaml.load_all(text, yaml.CSafeLoader) if one))


def read_values(values: str) -> dict[str, Any]:
    """A value set over the chart's own values, as helm joins them."""
    own = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return _joined(own, yaml.safe_load((CHART / "ci" / f"{values}-values.yaml").read_text(encoding="utf-8")))


def _joined(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return under | {key: _joined(under.get(key), value) for key, value in over.items()}


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    """A container's environment as a cluster would fill it in: from the secrets above, with `$(NAME)` put in its place."""
    found: dict[str, str] = {}
    for entry in container.get("env", ()):
        source = entry.get("valueFrom", {})
        if secret := source.get("secretKeyRef"):
            found[entry["name"]] = SECRETS[secret["name"], secret["key"]]
        elif field := source.get("fieldRef"):
            found[entry["name"]] = {"status.podIP": "10.0.0.7"}[field["fieldPath"]]
        elif resource := source.get("resourceFieldRef"):
            found[entry["name"]] = {"limits.cpu": "2"}[resource["resource"]]
        else:
            found[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda name: found.get(name[1], name[0]), entry["value"])
    return found


def _pods(objects: Iterable[dict[str, Any]]) -> Iterator[Pod]:
    for one in objects:
        kind, spec = one["kind"], one.get("spec", {})
        if kind == "Pod":
            template = one
        elif kind in ("Deployment", "StatefulSet", "Job"):
            template = spec["template"]
        elif kind == "CronJob":
            template = spec["jobTemplate"]["spec"]["template"]
        else:
            continue
        data = template["metadata"]
        labels = data["labels"]
        yield Pod(
            f"{kind} {one['metadata']['name']}",
            labels["app.kubernetes.io/component"],
            labels,
            data.get("annotations") or {},
            template["spec"],
        )
