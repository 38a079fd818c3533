"""Python wheels: collected with pip under the constraints that ship, and what each says of itself."""

import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from importlib.resources import as_file
from pathlib import Path

from agent.errors import BundleFailed
from agent.operations.deployed import deployed

_SAID = 5
FIRST = "torch"
"""By itself and before the rest: in one resolution with it pip takes gigabytes of CUDA along."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A distribution as its METADATA describes it; `licence` is an SPDX expression where `is_expression`."""

    path: Path
    name: str
    version: str
    licence: str | None
    is_expression: bool
    summary: str | None


def collect(source: Path, extras: tuple[str, ...], folder: Path, constraints: Path | None = None, first: str = FIRST) -> None:
    """Build Innkeeper's wheel from its source and collect those that it needs, for this Python and this platform.

    pip's own settings count (index, proxy, certificates).

    Args:
        source: the folder with pyproject.toml.
        extras: of pyproject.toml, e.g. `embedded`.
        folder: where the wheels go.
        constraints: versions; those that ship if not given.
        first: requirement that is collected before all others; none if empty.

    Raises:
        BundleFailed: it is no source folder, or pip failed.
    """
    if not (source / "pyproject.toml").is_file():
        raise BundleFailed(f"{source} has no pyproject.toml; name the folder with Innkeeper's source, or give ready --wheels")
    wanted = str(source.absolute()) + (f"[{','.join(extras)}]" if extras else "")
    with as_file(deployed() / "constraints.txt") as shipped:
        held = ("--constraint", str(constraints or shipped), "--wheel-dir", str(folder), "--find-links", str(folder))
        for one in filter(None, (first, wanted)):
            _pip("wheel", "--quiet", *held, one)


def read(folder: Path) -> Iterator[Wheel]:
    """What the wheels of a folder say of themselves, by name.

    Raises:
        BundleFailed: one is no wheel.
    """
    for path in sorted(folder.glob("*.whl")):
        try:
            with zipfile.ZipFile(path) as archive:
                (name,) = (n for n in archive.namelist() if n.count("/") == 1 and n.endswith(".dist-info/METADATA"))
                about = message_from_string(archive.read(name).decode("utf-8"))
        except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise BundleFailed(f"{path} is no wheel: {error}. Fetch it again") from error
        licence, is_expression = _licence(about)
        yield Wheel(path, str(about["Name"]), str(about["Version"]), licence, is_expression, about.get("Summary"))


def _licence(about: Message) -> tuple[str | None, bool]:
    """The expression if there is one (metadata 2.4), else a short licence field, else the classifiers."""
    if expression := about.get("License-Expression"):
        return str(expression), True
    said = str(about.get("License") or "").strip()
    # Some put the whole text there.
    if said and said.upper() != "UNKNOWN" and len(said) < 100 and "\n" not in said:
        return said, False
    classes = [c.split(" :: ")[-1] for c in about.get_all("Classifier", []) if c.startswith("License :: ")]
    return (" / ".join(classes), False) if classes else (None, False)


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-_SAID:]
        raise BundleFailed("pip could not collect the wheels:\n" + "\n".join(f"  {line}" for line in said))
