"""Brings a verified bundle in: images into the private registry, models and wheels into folders.

May be stopped at any time and begun again: what is in place and right is left alone, what isn't whole never has its name.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from agent.errors import BundleFailed
from agent.operations.bundle.contents import OnBytes, copy, sha256_of, walk
from agent.operations.bundle.manifest import SUMS, FileEntry, ImageEntry, Manifest
from agent.operations.bundle.skopeo import Skopeo, archive_digest


class State(StrEnum):
    """What became of a thing."""

    LOADED = "loaded"
    THERE = "there already"
    WOULD = "would be loaded"


@dataclass(frozen=True, slots=True)
class Loaded:
    """One image, model or set of wheels: what it is, where it is now, its digest or sum, what became of it."""

    kind: str
    name: str
    place: str
    digest: str
    state: State


@dataclass(frozen=True, slots=True)
class Target:
    """Where a bundle goes; what is None is left out.

    Attributes:
        registry: host, port and perhaps a path, e.g. `registry.internal:5000/mirror`.
        models: folder that gets a folder for each model.
        wheels: folder for the wheels.
        skopeo: how the registry is reached.
        is_trial: only say what would be done.
    """

    registry: str | None = None
    models: Path | None = None
    wheels: Path | None = None
    skopeo: Skopeo = field(default_factory=Skopeo)
    is_trial: bool = False


def load(bundle: Path, manifest: Manifest, target: Target, say: Callable[[str], None], on_bytes: OnBytes) -> list[Loaded]:
    """Put everything in its place.

    Args:
        bundle: the folder, verified with this manifest.
        manifest: what it holds.
        target: where to.
        say: told what is being done.
        on_bytes: told of every piece that was copied.

    Raises:
        BundleFailed: a place can't be written, or has something else already.
    """
    done: list[Loaded] = []
    if target.registry:
        for image in manifest.images:
            say(f"image {image.repository}")
            done.append(_image(bundle, image, target.registry, target))
    if target.models:
        for model in manifest.models:
            say(f"model {model.name}")
            folder, entries = f"models/{model.name}", manifest.under(f"models/{model.name}")
            state = _folder(bundle, folder, entries, target.models / model.name, target.is_trial, on_bytes)
            # From the signed list, not from the disk: that may have changed since it was verified.
            digest = next((entry.sha256 for entry in entries if entry.path == f"{folder}/{SUMS}"), "")
            done.append(Loaded("model", model.name, str(target.models / model.name), digest, state))
    if target.wheels and (entries := manifest.under("wheels")):
        say("wheels")
        state = _folder(bundle, "wheels", entries, target.wheels, target.is_trial, on_bytes)
        done.append(Loaded("wheels", f"{len(entries)} wheels", str(target.wheels), "", state))
    return done


def helm_command(bundle: Path, manifest: Manifest, registry: str) -> list[str]:
    """The words of the command that installs the chart with the images as they were pushed."""
    if manifest.chart is None:
        return []
    words = ["helm", "upgrade", "--install", manifest.chart.name, str(bundle / manifest.chart.archive)]
    words += ["--set", "global.airgap=true", "--set", f"global.imageRegistry={registry.rstrip('/')}"]
    for image in manifest.images:
        for path in image.values:
            words += ["--set", f"{path}.digest={image.digest}"]
    return words


def _image(bundle: Path, image: ImageEntry, registry: str, target: Target) -> Loaded:
    reference = f"{registry.rstrip('/')}/{image.repository}"
    tagged = f"{reference}:{image.tag}"
    found = Loaded("image", image.repository, f"{reference}@{image.digest}", image.digest, State.THERE)
    if target.skopeo.digest_of(tagged) == image.digest:
        return found
    if target.is_trial:
        return Loaded(found.kind, found.name, found.place, found.digest, State.WOULD)
    archive = bundle / image.archive
    if archive_digest(archive) != image.digest:
        raise BundleFailed(f"{archive} doesn't hold {image.digest}, as the manifest says; make the bundle again")
    target.skopeo.push(archive, tagged)
    if (pushed := target.skopeo.digest_of(tagged)) != image.digest:
        raise BundleFailed(f"{tagged} has the digest {pushed} after the push, and not {image.digest}")
    return Loaded(found.kind, found.name, found.place, found.digest, State.LOADED)


def _folder(bundle: Path, below: str, entries: tuple[FileEntry, ...], target: Path, is_trial: bool, on_bytes: OnBytes) -> State:
    if target.exists() and not _is_empty(target):
        _compare(below, entries, target, on_bytes)
        return State.THERE
    if is_trial:
        return State.WOULD
    with _whole(target) as part:
        for entry in entries:
            place = part / entry.path.removeprefix(below + "/")
            # Summed while it is copied: what lies there is what was signed, whatever happened since the check.
            if copy(bundle / entry.path, place, on_bytes) != entry.sha256:
                raise BundleFailed(f"{entry.path} changed while the bundle was loaded; verify it again")
    return State.LOADED


def _compare(below: str, entries: tuple[FileEntry, ...], target: Path, on_bytes: OnBytes) -> None:
    expected = {entry.path.removeprefix(below + "/"): entry for entry in entries}
    found = {one.path: one for one in walk(target)}
    for path, entry in expected.items():
        is_same = path in found and found[path].is_plain and found[path].size == entry.size
        if not is_same or sha256_of(target / path, on_bytes) != entry.sha256:
            raise BundleFailed(
                f"{target} is there already and its {path} is another one; move it away, or load into another folder"
            )
    if strange := found.keys() - expected.keys():
        raise BundleFailed(f"{target} is there already and holds {min(strange)}, which isn't of this bundle; move it away")


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its name at the end. What an earlier run left of it is begun anew."""
    target = target.absolute()
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part):
            try:
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir()
                yield part
                if target.exists():
                    target.rmdir()
                part.rename(target)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        folder = os.open(target.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise BundleFailed(f"{target} can't be written: {error.strerror}") from error


@contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Nobody else fills this folder meanwhile. The kernel lets go of the lock of a run that was killed."""
    lock = part.with_name(part.name + ".lock")
    while True:
        with lock.open("ab") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BundleFailed(f"another run is filling {part} now; wait until it has ended") from error
            # Who had it last may have removed it between our opening it and our getting it.
            if _is_at(lock, held.fileno()):
                try:
                    yield
                finally:
                    lock.unlink(missing_ok=True)
                return


def _is_at(path: Path, opened: int) -> bool:
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except FileNotFoundError:
        return False
