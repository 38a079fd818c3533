"""What names a customer in the files of a folder: found, as the proof that nothing was left; and in logs made unreadable."""

import json
import mmap
import re
from collections.abc import Sequence
from pathlib import Path

LEAST = 4
"""A shorter word stands in any file."""


def files_with(folder: Path, words: Sequence[str]) -> list[Path]:
    """Files that hold one of these in any case, sorted. What can't be read, or is gone meanwhile, is passed over."""
    needles = {form for word in words if len(word) >= LEAST for form in _forms(word)}
    if not needles:
        return []
    pattern = re.compile(b"|".join(re.escape(one) for one in sorted(needles)), re.IGNORECASE)
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and _holds(path, pattern)]


def _forms(word: str) -> set[bytes]:
    """A word as it is, and as JSON writes it where it has other letters than those of ASCII, or a quote."""
    return {word.encode("utf-8", "surrogatepass"), json.dumps(word)[1:-1].encode()}


def _holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return pattern.search(content) is not None
    except (OSError, ValueError):
        return False


def blacken(logs: Path, words: Sequence[str]) -> int:
    """Overwrite each of these words with asterisks in the files of a folder; how often it was found.

    The length of a file stays as it is, so a process may go on appending to it. A word within a longer one stays: `demo:3` is
    not `demo:31`. Of an address the case doesn't matter.
    """
    found = {form: "@" in word for word in words if len(word) >= LEAST for form in _forms(word)}
    if not found or not logs.is_dir():
        return 0
    longest_first = sorted(found, key=len, reverse=True)
    any_of = b"|".join(b"(?i:" + re.escape(one) + b")" if found[one] else re.escape(one) for one in longest_first)
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
