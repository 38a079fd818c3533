"""Looks through the files of a folder for what names a customer: the proof that nothing was left, or where it was."""

import mmap
from collections.abc import Sequence
from pathlib import Path

LEAST = 4
"""A shorter word stands in any file."""


def files_with(folder: Path, words: Sequence[str]) -> list[Path]:
    """Files that hold one of these as it is, sorted. What can't be read, or is gone meanwhile, is passed over."""
    needles = [word.encode("utf-8", "surrogatepass") for word in words if len(word) >= LEAST]
    if not needles:
        return []
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and _holds(path, needles)]


def _holds(path: Path, needles: Sequence[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return any(content.find(needle) >= 0 for needle in needles)
    except (OSError, ValueError):
        return False
