"""Makes a bundle: collects, sums, lists, signs. It stands under its name only when it is whole."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.errors import BundleFailed
from agent.operations.bundle import chart as charts
from agent.operations.bundle import models, wheels
from agent.operations.bundle.contents import OnBytes, copy, sha256_of, walk
from agent.operations.bundle.manifest import (
    MANIFEST,
    SBOM,
    SIGNATURE,
    SUMS,
    ChartEntry,
    FileEntry,
    ImageEntry,
    Manifest,
    PolicyEntry,
    is_safe_path,
)
from agent.operations.bundle.models import Given
from agent.operations.bundle.references import Reference, images_of_values, merge, parse_reference
from agent.operations.bundle.signing import fingerprint
from agent.operations.bundle.skopeo import Skopeo, archive_digest
from policies.load import default_folder, load_pack

Say = Callable[[str], None]
PART = ".part"
_TAG = 100
"""Characters of a tag that are kept where something comes after them; all of it may have 128."""


@dataclass(frozen=True, slots=True)
class Request:
    """What goes into a bundle, and where it goes.

    Attributes:
        out: the folder to make.
        key: signs the manifest.
        chart: folder or packed chart; none if None.
        values: values files that it will be installed with; they say which images are used.
        images: references beyond the chart's.
        archives: OCI archives by the image's registry and repository, taken instead of a registry's.
        without: paths of the values whose image is left out.
        models: folders with weights.
        wheels: ready wheels.
        source: Innkeeper's source, to make the wheels from.
        extras: of pyproject.toml, for these.
        policies: a policy folder; the pack that ships if None.
        skopeo: how registries are reached.
    """

    out: Path
    key: Ed25519PrivateKey
    chart: Path | None = None
    values: tuple[Path, ...] = ()
    images: tuple[Reference, ...] = ()
    archives: Mapping[str, Path] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    models: tuple[Given, ...] = ()
    wheels: Path | None = None
    source: Path | None = None
    extras: tuple[str, ...] = ()
    policies: Path | None = None
    skopeo: Skopeo = field(default_factory=Skopeo)


def create(request: Request, say: Say = lambda _: None, on_bytes: OnBytes = lambda *_: None) -> Manifest:
    """Make the bundle.

    Args:
        request: what goes in.
        say: told what is being done.
        on_bytes: told of every piece that was copied or summed.

    Raises:
        BundleFailed: something can't be had or written. Nothing is left behind then.
        RulesInvalid: the policy folder has mistakes.
    """
    described = [models.describe(one) for one in request.models]
    if len({one.name for one in described}) != len(described):
        raise BundleFailed("two models go by the same name; give one of them another: --model NAME=FOLDER")
    with _whole_or_nothing(request.out) as folder:
        policy = _policies(request.policies or default_folder(), folder / "policies")
        chart = charts.pack(request.chart, folder / "chart") if request.chart else None
        needed = _needed_images(request, chart)
        made_wheels = _wheels(request, folder / "wheels", say, on_bytes)
        for given in request.models:
            say(f"model {given.name}")
            models.collect(given, folder / "models" / given.name, on_bytes)
        images = _with_tags_of_their_own([_image(request, one, folder, say, on_bytes) for one in needed])
        say("sums")
        listed = _listed(folder, on_bytes)
        now = datetime.now(UTC).replace(microsecond=0)
        entry = ChartEntry(name=chart.name, version=chart.version, archive=f"chart/{chart.archive.name}") if chart else None
        # Only here: it takes a second to load, and no other command of Innkeeper needs it.
        from agent.operations.bundle.sbom import bill

        (folder / SBOM).write_bytes(bill(version("innkeeper"), now, listed, made_wheels, images, described, entry))
        listed.append(_entry(folder, SBOM, on_bytes))
        (folder / SUMS).write_text("".join(f"{one.sha256}  {one.path}\n" for one in listed), encoding="utf-8")
        listed.append(_entry(folder, SUMS, on_bytes))
        manifest = Manifest(
            innkeeper=version("innkeeper"),
            created=now.isoformat(),
            signed_by=fingerprint(request.key.public_key()),
            files=tuple(sorted(listed, key=lambda one: one.path)),
            images=images,
            models=tuple(described),
            chart=entry,
            policies=policy,
        )
        content = (manifest.model_dump_json(indent=1) + "\n").encode()
        (folder / MANIFEST).write_bytes(content)
        (folder / SIGNATURE).write_bytes(request.key.sign(content))
        # Onto the disk before the folder gets its name: it may be one that is pulled out next.
        os.sync()
    return manifest


@contextmanager
def _whole_or_nothing(out: Path) -> Iterator[Path]:
    if out.exists():
        raise BundleFailed(f"{out} is there already; name a new folder, a bundle is never changed")
    part = out.with_name(out.name + PART)
    try:
        part.mkdir(parents=True)
    except FileExistsError as error:
        raise BundleFailed(
            f"{part} is there: another run is making this bundle, or one was killed. In that case remove it"
        ) from error
    except OSError as error:
        raise BundleFailed(f"{part} can't be made: {error.strerror}") from error
    try:
        yield part
        part.rename(out)
    except OSError as error:
        raise BundleFailed(f"the bundle can't be written to {part}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _policies(source: Path, target: Path) -> PolicyEntry:
    pack = load_pack(source)
    for one in walk(source):
        if one.is_plain and "__pycache__" not in one.path:
            copy(source / one.path, target / one.path, lambda *_: None)
    return PolicyEntry(version=pack.policy.version, sha256=pack.sha256)


def _wheels(request: Request, folder: Path, say: Say, on_bytes: OnBytes) -> list[wheels.Wheel]:
    if request.wheels is None and request.source is None:
        return []
    folder.mkdir()
    if request.wheels is not None:
        for path in sorted(request.wheels.glob("*.whl")):
            copy(path, folder / path.name, on_bytes)
    if request.source is not None:
        say("wheels")
        wheels.collect(request.source, request.extras, folder)
    found = list(wheels.read(folder))
    if not found:
        raise BundleFailed(f"there is no wheel in {request.wheels}; `pip wheel` makes them, or give --source instead")
    return found


def _needed_images(request: Request, chart: charts.Chart | None) -> list[Reference]:
    values = chart.values if chart else {}
    for path in request.values:
        try:
            values = merge(values, charts.read_yaml(path.read_text(encoding="utf-8"), str(path)))
        except (OSError, UnicodeDecodeError) as error:
            raise BundleFailed(f"the values file {path} can't be read: {error}") from error
    named = images_of_values(values, chart.app_version) if chart else ()
    if strange := request.without - {path for one in named for path in one.values}:
        known = ", ".join(sorted(path for one in named for path in one.values)) or "none"
        raise BundleFailed(f"no image is named by the values {min(strange)}; there are: {known}")
    kept = [replace(one, values=tuple(p for p in one.values if p not in request.without)) for one in named]
    needed = [one for one in kept if one.values]
    needed += [one for one in request.images if str(one) not in {str(known) for known in needed}]
    names = {one.name for one in needed}
    if unknown := request.archives.keys() - names:
        raise BundleFailed(
            f"--archive {min(unknown)}: no image of that name is needed; there are: {', '.join(sorted(names)) or 'none'}"
        )
    for path in request.archives.values():
        archive_digest(path)  # before minutes of work, not after them
    for one in needed:
        if not one.registry and one.name not in request.archives:
            raise BundleFailed(f"the image {one} names no registry: give it as an archive, --archive {one.name}=FILE.tar")
    return needed


def _image(request: Request, one: Reference, folder: Path, say: Say, on_bytes: OnBytes) -> ImageEntry:
    short = hashlib.sha256(str(one).encode()).hexdigest()[:8]
    place = f"images/{one.repository.replace('/', '_')}-{short}.tar"
    archive = folder / place
    archive.parent.mkdir(exist_ok=True)
    say(f"image {one}")
    given = request.archives.get(one.name)
    if given is not None:
        digest = archive_digest(given)
        copy(given, archive, on_bytes)
        if one.digest and one.digest != digest:
            raise BundleFailed(f"{given} holds {digest}, and {one} is wanted")
    else:
        digest = request.skopeo.fetch(one.pull, archive)
    return ImageEntry(
        reference=str(one),
        repository=one.repository,
        tag=one.tag or "sha256-" + digest.removeprefix("sha256:")[:16],
        digest=digest,
        archive=place,
        values=one.values,
    )


def _with_tags_of_their_own(images: list[ImageEntry]) -> tuple[ImageEntry, ...]:
    """Images of two registries may share repository and tag. In the one registry that they go to, the later would take it."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for one in images:
        wanted.setdefault((one.repository, one.tag), set()).add(one.digest)
    return tuple(
        one.model_copy(update={"tag": f"{one.tag[:_TAG]}-{one.digest.removeprefix('sha256:')[:16]}"})
        if len(wanted[one.repository, one.tag]) > 1
        else one
        for one in images
    )


def _listed(folder: Path, on_bytes: OnBytes) -> list[FileEntry]:
    return [_entry(folder, one.path, on_bytes) for one in walk(folder)]


def _entry(folder: Path, path: str, on_bytes: OnBytes) -> FileEntry:
    if not is_safe_path(path):
        raise BundleFailed(f"{path!a} is no name for a file of a bundle; rename it")
    return FileEntry(path=path, size=(folder / path).stat().st_size, sha256=sha256_of(folder / path, on_bytes))


def read_image_list(path: Path) -> tuple[Reference, ...]:
    """References of images, one a line; empty lines and those that begin with # don't count.

    Raises:
        BundleFailed: it can't be read, or a line is no reference.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleFailed(f"the list of images {path} can't be read: {error}") from error
    return tuple(parse_reference(line.strip()) for line in lines if line.strip() and not line.lstrip().startswith("#"))
