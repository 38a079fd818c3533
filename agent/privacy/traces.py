"""What names a customer in the files of a folder: found, as the proof that nothing was left; and in logs made unreadable."""

import mmap
import re
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


def blacken(logs: Path, words: Sequence[str]) -> int:
    """Overwrite each of these words with asterisks in the files of a folder; how often it was found.

    The length of a file stays as it is, so a process may go on appending to it. A word within a longer one stays: `demo:3` is
    not `demo:31`.
    """
    found = sorted({word for word in words if len(word) >= LEAST}, key=len, reverse=True)
    if not found or not logs.is_dir():
        return 0
    any_of = b"|".join(re.escape(word.encode("utf-8", "surrogatepass")) for word in found)
    pattern = re.compile(rb"(?<![\w.:-])(?:" + any_of + rb")(?![\w:-])")
    return sum(_blacken(path, pattern) for path in sorted(logs.iterdir()) if path.is_file())


def _blacken(path: Path, pattern: re.Pattern[bytes]) -> int:
    try:
        places = [one.span() for one in pattern.finditer(path.read_bytes())]
        if places:
            with path.open("r+b") as file:
                for start, end in places:
                    file.seek(start)
                    file.write(b"*" * (end - start))
    except OSError:
        return 0
    return len(places)
