"""The Helm chart: packed as `helm package` does, and what it says of itself."""

import fnmatch
import gzip
import io
import os
import shutil
import subprocess
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agent.errors import BundleFailed

BROKEN = (OSError, tarfile.TarError, EOFError, zlib.error)
"""What reading an archive raises that was cut off or changed."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A packed chart: its name, version, the version of what it installs, and its values."""

    archive: Path
    name: str
    version: str
    app_version: str
    values: dict[str, Any]


def pack(source: Path, folder: Path) -> Chart:
    """Put a chart into a folder as `NAME-VERSION.tgz`: a folder is packed, a packed one copied.

    Raises:
        BundleFailed: it is no chart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        made = folder / source.name
        shutil.copyfile(source, made)
    elif not (source / "Chart.yaml").is_file():
        raise BundleFailed(
            f"{source} is no Helm chart: it has no Chart.yaml. Name the folder deploy/helm/innkeeper or a packed chart"
        )
    elif helm := shutil.which("helm"):
        done = subprocess.run(
            [helm, "package", str(source), "--destination", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BundleFailed(f"helm package {source} failed: {done.stderr.strip()}")
        (made,) = folder.glob("*.tgz")
    else:
        made = _packed_by_hand(source, folder)
    return _read(made)


def read_yaml(text: str, name: str) -> dict[str, Any]:
    """A YAML file that holds a table.

    Raises:
        BundleFailed: it is none.
    """
    try:
        found = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise BundleFailed(f"{name} is no YAML: {error}") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BundleFailed(f"{name} holds no table")
    return found


def _read(archive: Path) -> Chart:
    try:
        with tarfile.open(archive) as tar:
            names = [name for name in tar.getnames() if name.count("/") == 1 and name.endswith("/Chart.yaml")]
            if len(names) != 1:
                raise BundleFailed(f"{archive} is no packed Helm chart: it has no NAME/Chart.yaml")
            about = read_yaml(_member(tar, names[0]), names[0])
            values_name = names[0].removesuffix("Chart.yaml") + "values.yaml"
            values = read_yaml(_member(tar, values_name), values_name) if values_name in tar.getnames() else {}
    except (*BROKEN, UnicodeDecodeError) as error:
        raise BundleFailed(f"{archive} is no packed Helm chart: {error}") from error
    name, version = str(about.get("name", "")), str(about.get("version", ""))
    return Chart(archive, name, version, str(about.get("appVersion", version)), values)


def _member(tar: tarfile.TarFile, name: str) -> str:
    file = tar.extractfile(name)
    if file is None:
        raise BundleFailed(f"{name} in the chart is no plain file")
    return file.read().decode("utf-8")


def _packed_by_hand(source: Path, folder: Path) -> Path:
    """The layout that Helm makes: everything under the chart's name, links followed, no time stamps."""
    try:
        about = read_yaml((source / "Chart.yaml").read_text(encoding="utf-8"), "Chart.yaml")
    except UnicodeDecodeError as error:
        raise BundleFailed(f"{source / 'Chart.yaml'} is no text: {error}") from error
    made = folder / f"{about.get('name')}-{about.get('version')}.tgz"
    ignored = _ignored(source)
    with (
        made.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in _files(source):
            place = path.relative_to(source).as_posix()
            if any(
                fnmatch.fnmatch(place, one) or fnmatch.fnmatch(path.name, one) or place.startswith(one + "/") for one in ignored
            ):
                continue
            content = path.read_bytes()
            entry = tarfile.TarInfo(f"{about.get('name')}/{place}")
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return made


def _files(source: Path) -> list[Path]:
    # `Path.rglob` doesn't go into folders that are links, and Helm does.
    found = [Path(folder) / name for folder, _, names in os.walk(source, followlinks=True) for name in names]
    return sorted(found, key=lambda path: (path.name != "Chart.yaml" or path.parent != source, path.as_posix()))


def _ignored(source: Path) -> list[str]:
    listed = source / ".helmignore"
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    return [line.strip().strip("/") for line in lines if line.strip() and not line.startswith("#")]
