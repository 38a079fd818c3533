"""What network policies let each pod reach, computed as a cluster does it. Source: Kubernetes, Network Policies.

A pod that a policy of a direction selects is shut in that direction but for what some policy opens; one that none
selects is open. A rule without peers stands for all peers, one without ports for all ports.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.deploy.rendered import NAMESPACE, Pod, Release

EVERYWHERE: dict[str, Any] = {"ipBlock": {"cidr": "0.0.0.0/0"}}


@dataclass(frozen=True, slots=True)
class Inside:
    """A port of a pod of this release."""

    component: str
    port: int | None


@dataclass(frozen=True, slots=True)
class Outside:
    """A peer that isn't of this release, in words, and a port; None for any."""

    peer: str
    port: int | None
    protocol: str


Way = Inside | Outside


def ways_out(release: Release, pod: Pod) -> frozenset[Way]:
    """All that a pod may reach."""
    return _ways(release, pod, "Egress", "to")


def ways_in(release: Release, pod: Pod) -> frozenset[Way]:
    """All that may reach a pod; the ports are the pod's."""
    return _ways(release, pod, "Ingress", "from")


def outside(peer: Mapping[str, Any]) -> str:
    """A peer in words that two equal ones share."""
    return repr(_sorted(peer))


def _ways(release: Release, pod: Pod, direction: str, key: str) -> frozenset[Way]:
    policies = [one["spec"] for one in release.kind("NetworkPolicy") if _selects(one["spec"]["podSelector"], pod.labels)]
    policies = [spec for spec in policies if direction in spec.get("policyTypes", ["Ingress"])]
    if not policies:
        return frozenset(_resolved(release, [EVERYWHERE], [{}]))
    rules = [rule for spec in policies for rule in spec.get(direction.lower()) or ()]
    return frozenset(
        way for rule in rules for way in _resolved(release, rule.get(key) or [EVERYWHERE], rule.get("ports") or [{}])
    )


def _resolved(release: Release, peers: Iterable[Mapping[str, Any]], ports: list[Mapping[str, Any]]) -> Iterator[Way]:
    for peer in peers:
        own = [other for other in release.pods if _is_own(peer) and _selects(peer["podSelector"], other.labels)]
        for port in ports:
            for other in own:
                yield Inside(other.component, port.get("port"))
            if not _is_own(peer):
                yield Outside(outside(peer), port.get("port"), port.get("protocol", "TCP"))


def _is_own(peer: Mapping[str, Any]) -> bool:
    """Pods of the policy's own namespace: a selector of pods alone, or with this namespace by its name."""
    if "ipBlock" in peer:
        return False
    namespace = peer.get("namespaceSelector")
    return namespace is None or namespace == {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert not selector.keys() - {"matchLabels"}, f"can't judge {selector}"
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value
