"""What takes long to make is made once and kept between sessions, however many begin at once and however they end."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import filelock


def made_once(cache: Path, version: str, make: Callable[[Path], None]) -> Path:
    """The folder of this version, filled by `make` if it is not there yet.

    Two at once wait for each other. What one left that was killed half way is never taken up: each attempt gets a new
    folder, and counts from the moment that a file beside it names it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    marker = cache / f"{version}.txt"
    with filelock.FileLock(cache / "lock"):
        if not marker.exists():
            _sweep(cache)
            folder = Path(tempfile.mkdtemp(prefix="made-", dir=cache))
            make(folder)
            naming = marker.with_suffix(".new")
            naming.write_text(folder.name)
            naming.replace(marker)
        return cache / marker.read_text()


def _sweep(cache: Path) -> None:
    named = {marker.read_text() for marker in cache.glob("*.txt")}
    for left in cache.glob("made-*"):
        if left.name not in named:
            shutil.rmtree(left, ignore_errors=True)
