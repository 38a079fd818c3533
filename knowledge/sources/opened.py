"""Opens files: only real ones, up to a size, as UTF-8 text."""

import stat
from pathlib import Path

from knowledge.errors import SourceUnreadable

MAX_BYTES = 5_000_000
"""A help article is a few kilobytes; what is larger is an export or a mistake."""


def text_of(path: Path, max_bytes: int) -> str:
    """The text of a file, whatever its line ends were.

    Raises:
        SourceUnreadable: it can't be opened, is too large, or is not UTF-8 text.
    """
    source = str(path)
    check_size(path, max_bytes)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceUnreadable(source, f"can't be opened: {error.strerror}") from error
    if b"\x00" in raw:
        raise SourceUnreadable(source, "has NUL bytes; it is a binary file or UTF-16, save it as UTF-8 text")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise SourceUnreadable(source, f"is not UTF-8 at byte {error.start}; save it as UTF-8") from error


def check_size(path: Path, max_bytes: int) -> None:
    """Refuse what is no file, or too large.

    Raises:
        SourceUnreadable: it is one of these, or can't be looked at.
    """
    source = str(path)
    try:
        status = path.stat()
    except OSError as error:
        raise SourceUnreadable(source, f"can't be opened: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        # A pipe would be waited for without end.
        raise SourceUnreadable(source, "is not a file")
    if status.st_size > max_bytes:
        raise SourceUnreadable(source, f"has {status.st_size:,} bytes, more than {max_bytes:,}; split it")
