"""What was run, exactly: versions of every package, the policy pack, the model, the machine."""

import platform
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distributions, version

from agent.allowlist import reached, services, source_services
from agent.model_profiles import ModelProfile
from agent.operations.proof.record import Facts
from agent.settings import Settings
from knowledge.sources.kinds import BaseSource
from policies.types import PolicyStamp


def gather(settings: Settings, profile: ModelProfile, stamp: PolicyStamp, sources: Iterable[BaseSource]) -> Facts:
    """Facts on this installation.

    Args:
        settings: the operator's own, of which the allow-list is written down.
        profile: of the model that the run uses.
        stamp: of the policy pack that the run uses.
        sources: those of the operator's list.
    """
    listed = reached([*services(settings), *source_services(sources)])
    weights = profile.weights
    return Facts(
        version=version("innkeeper"),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        kernel=f"{platform.system()} {platform.release()} {platform.version()}",
        machine=platform.machine(),
        policy_version=stamp.version,
        policy_sha256=stamp.sha256,
        model=profile.model,
        model_file=f"{weights.file} of {weights.package}" if weights else "served, not run here",
        model_sha256=weights.sha256 if weights else None,
        packages=dict(sorted(_installed(), key=lambda package: package[0].lower())),
        configured={str(place): purposes for place, purposes in listed.items()},
    )


def _installed() -> Iterator[tuple[str, str]]:
    """Name and version of each package; what a broken-off installation has left has neither."""
    for one in distributions():
        with suppress(PackageNotFoundError, KeyError):
            if name := one.metadata["Name"]:
                yield name, one.version
