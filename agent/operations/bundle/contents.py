"""Files on a disk: which there are, and their sums, read in pieces. Links are never followed."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.errors import BundleFailed

PIECE = 4 << 20
OnBytes = Callable[[int, str], None]
"""Told how many more bytes of which file were read."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something in a folder: its path there with forward slashes, and whether it is a plain file."""

    path: str
    is_plain: bool
    size: int


def walk(folder: Path, below: str = "") -> Iterator[Found]:
    """Everything in a folder but the folders themselves, in the order of names. A link to a folder is a link.

    Raises:
        BundleFailed: a folder can't be read.
    """
    try:
        with os.scandir(folder / below) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise BundleFailed(f"the folder {folder / below} can't be read: {error.strerror}") from error
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from walk(folder, path)
        else:
            known = entry.stat(follow_symlinks=False)
            yield Found(path, stat.S_ISREG(known.st_mode), known.st_size)


def sha256_of(path: Path, on_bytes: OnBytes) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Raises:
        BundleFailed: it can't be read, or is a link.
    """
    return _read_through(path, None, on_bytes)


def copy(source: Path, target: Path, on_bytes: OnBytes) -> str:
    """Copy a file to a new place and onto the disk. The SHA-256 of what was copied.

    Raises:
        BundleFailed: it can't be read or written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    return _read_through(source, target, on_bytes)


def _read_through(source: Path, target: Path | None, on_bytes: OnBytes) -> str:
    digest = hashlib.sha256()
    try:
        with (
            os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0) as file,
            target.open("xb") if target else open(os.devnull, "wb") as out,
        ):
            while piece := file.read(PIECE):
                digest.update(piece)
                out.write(piece)
                on_bytes(len(piece), source.name)
            if target:
                out.flush()
                os.fsync(out.fileno())
    except OSError as error:
        what = f"{source} can't be copied to {target}" if target else f"{source} can't be read"
        raise BundleFailed(f"{what}: {error.strerror}") from error
    return digest.hexdigest()
