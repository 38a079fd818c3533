"""Model folders: copied with the sum of every file, and with the licence that each may be used under."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from agent.errors import BundleFailed
from agent.operations.bundle.chart import read_yaml
from agent.operations.bundle.contents import OnBytes, copy, walk
from agent.operations.bundle.manifest import MODEL_NAME, SUMS, Licence, ModelEntry, is_safe_path
from agent.operations.deployed import deployed

_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")


@dataclass(frozen=True, slots=True)
class Given:
    """A folder with a model, and the profile of `deploy/models` that it is of; also its folder's name in the bundle."""

    name: str
    folder: Path


def describe(given: Given, profiles: Traversable | None = None) -> ModelEntry:
    """What is known of a model before it is copied.

    Args:
        given: the model.
        profiles: the folder of the profiles; the one that ships if not given.

    Raises:
        BundleFailed: there is no such folder, it has links or no files, or its licence isn't known.
    """
    if not re.fullmatch(MODEL_NAME, given.name):
        raise BundleFailed(
            f"{given.name!r} can't be a model's name, which has letters, digits, dots, - and _: give it one, --model NAME=FOLDER"
        )
    if not given.folder.is_dir():
        raise BundleFailed(f"{given.folder} is no folder; name the one with config.json and the weights")
    found = list(walk(given.folder))
    if strange := [one.path for one in found if not one.is_plain]:
        raise BundleFailed(
            f"{given.folder / strange[0]} is a link or no plain file. A download cache is made of links: "
            "copy the model out of it with `cp --recursive --dereference`"
        )
    if unfit := [one.path for one in found if not is_safe_path(one.path)]:
        raise BundleFailed(f"{unfit[0]!a} in {given.folder} is no name for a file of a bundle; rename it")
    if not found:
        raise BundleFailed(f"{given.folder} is empty")
    profile = _profile(given.name, profiles or deployed() / "models")
    known = profile.get("licence")
    if isinstance(known, Mapping):
        licence = Licence(name=str(known.get("name")), url=known.get("url"), note=known.get("note"))
        return ModelEntry(name=given.name, checkpoint=profile.get("checkpoint"), licence=licence)
    texts = [one.path for one in found if one.path in _LICENCES]
    if not texts:
        raise BundleFailed(
            f"the licence of the model {given.name} isn't known: there is no profile deploy/models/{given.name}.yaml, and no "
            f"LICENSE in {given.folder}. Name it by its profile (--model PROFILE=FOLDER), or put its licence there"
        )
    return ModelEntry(name=given.name, licence=Licence(name=f"see {texts[0]}"))


def collect(given: Given, target: Path, on_bytes: OnBytes) -> None:
    """Copy a model, and write `SHA256SUMS` for those who check it where it is served.

    Raises:
        BundleFailed: a file can't be copied, or isn't what a `SHA256SUMS` that came with it says.
    """
    sums = {
        one.path: copy(given.folder / one.path, target / one.path, on_bytes) for one in walk(given.folder) if one.path != SUMS
    }
    written = "".join(f"{sum_}  {path}\n" for path, sum_ in sorted(sums.items()))
    came_with_it = given.folder / SUMS
    if came_with_it.is_file():
        _compare(came_with_it, sums)
    (target / SUMS).write_text(written, encoding="utf-8")


def _compare(listed: Path, sums: Mapping[str, str]) -> None:
    for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
        expected, _, path = line.partition(" ")
        path = path.strip().removeprefix("*").removeprefix("./")
        if line.strip() and sums.get(path) != expected:
            raise BundleFailed(f"{listed} says of {path} that it is {expected[:16]}…, and it isn't; fetch the model again")


def _profile(name: str, profiles: Traversable) -> dict[str, Any]:
    file = profiles / f"{name}.yaml"
    if name.startswith("_") or "/" in name or not file.is_file():
        return {}
    return read_yaml(file.read_text(encoding="utf-8"), f"deploy/models/{name}.yaml")
