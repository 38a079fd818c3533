"""The settings that a rendered pod starts with, read by the product's own code, and what they let it reach."""

import os
from pathlib import Path

import pytest
import yaml

from agent.allowlist import reached, services
from agent.privacy.egress import Destination, destination
from agent.settings import PREFIX, Settings, load_settings
from knowledge.sources.opening import load_sources
from tests.deploy.rendered import CONFIG, SETS, Pod, Release, environment, read_values

KNOWN = frozenset(PREFIX + name.upper() for name in Settings.model_fields) | {PREFIX + "CONFIG"}
SOURCES = {"external": read_values("full")["ingest"]["sources"]}
"""What the ConfigMaps that value sets name would hold."""
assert SOURCES.keys() <= set(SETS)


def settings_of(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As `innkeeper` reads them in that pod. Names that are no settings are left out; another test looks at them."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in environment(pod.main).items():
        if name in KNOWN:
            monkeypatch.setenv(name, str(CONFIG) if name == PREFIX + "CONFIG" else value)
    return load_settings()


def allowed(release: Release, pod: Pod, monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict[Destination, tuple[str, ...]]:
    """What a pod's guard lets it reach, with what for."""
    found = reached(services(settings_of(pod, monkeypatch)))
    if pod.component == "ingest":
        found |= {destination(url): ("source",) for url in sources_reach(release, folder)}
    return found


def sources_reach(release: Release, folder: Path) -> list[str]:
    """What the sources of the list reach."""
    if release.has("ConfigMap", "innkeeper-sources"):
        listing = release.get("ConfigMap", "innkeeper-sources")["data"]["sources.yaml"]
    else:
        listing = yaml.safe_dump({"sources": SOURCES[release.values]})
    path = folder / "sources.yaml"
    path.write_text(listing, encoding="utf-8")
    return [url for source in load_sources(path) for url in source.reaches]
