"""Reads files and folders into documents. One broken file is a `SourceFailure`; the rest goes on."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from knowledge.errors import SourceUnreadable
from knowledge.sources.html import parse_html
from knowledge.sources.markdown import parse_markdown
from knowledge.sources.plain import parse_plain
from knowledge.types import Audience, Document, DocumentId, SourceFailure

MAX_BYTES = 5_000_000
"""A help article is a few kilobytes; what is larger is an export or a mistake."""
MARKDOWN, HTML, PLAIN = frozenset({".md", ".markdown"}), frozenset({".html", ".htm"}), frozenset({".txt"})
SUFFIXES = MARKDOWN | HTML | PLAIN


def existing_roots(paths: Sequence[Path]) -> list[Path]:
    """The paths, absolute and each once.

    Raises:
        SourceUnreadable: one of them doesn't exist.
    """
    roots: list[Path] = []
    for path in paths:
        root = Path(os.path.abspath(path.expanduser()))
        if not root.exists():
            raise SourceUnreadable(str(path), "no such file or folder; nothing was changed")
        if root not in roots:
            roots.append(root)
    return roots


def read_sources(roots: Sequence[Path], default_audience: Audience = Audience.PUBLIC) -> Iterator[Document | SourceFailure]:
    """Every document under the roots, in the order of their paths.

    The id is the front matter's `id`, or the path relative to the root. Of two files with one id
    the second is a failure that names both. `default_audience` is for documents that don't name
    their own.
    """
    seen_files: set[Path] = set()
    owners: dict[DocumentId, str] = {}
    for root in roots:
        for found in _files(root):
            if isinstance(found, SourceFailure):
                yield found
                continue
            if found in seen_files:
                continue
            seen_files.add(found)
            result = _read_or_failure(found, root, default_audience)
            if isinstance(result, Document):
                if (owner := owners.get(result.doc_id)) is not None:
                    reason = f"has the id {result.doc_id!r} of {owner}; give one of them another `id`"
                    result = SourceFailure(result.source, reason)
                else:
                    owners[result.doc_id] = result.source
            yield result


def read_file(path: Path, root: Path, default_audience: Audience = Audience.PUBLIC) -> Document:
    """One file as a document.

    Raises:
        SourceUnreadable: it can't be opened, decoded or understood, or holds nothing.
    """
    text = _text_of(path)
    fallback_id = path.name if path == root else path.relative_to(root).as_posix()
    suffix = path.suffix.lower()
    if suffix in MARKDOWN:
        return parse_markdown(text, fallback_id, str(path), default_audience)
    if suffix in HTML:
        return parse_html(text, fallback_id, str(path), default_audience)
    if suffix in PLAIN:
        return parse_plain(text, fallback_id, str(path), default_audience)
    raise SourceUnreadable(str(path), f"files of type {suffix or '(none)'} can't be read; use {', '.join(sorted(SUFFIXES))}")


def _files(root: Path) -> Iterator[Path | SourceFailure]:
    """Sorted, hidden ones left out. A file that was named itself is tried whatever its type."""
    if not root.is_dir():
        yield root
        return
    failures: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=failures.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES:
                yield path
    for error in failures:
        yield SourceFailure(str(error.filename), f"the folder can't be read: {error.strerror}")


def _read_or_failure(path: Path, root: Path, default_audience: Audience) -> Document | SourceFailure:
    try:
        return read_file(path, root, default_audience)
    except SourceUnreadable as error:
        return SourceFailure(error.source, error.reason)


def _text_of(path: Path) -> str:
    source = str(path)
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise SourceUnreadable(source, f"has {size:,} bytes, more than {MAX_BYTES:,}; split it")
        raw = path.read_bytes()
    except OSError as error:
        raise SourceUnreadable(source, f"can't be opened: {error.strerror}") from error
    if b"\x00" in raw:
        raise SourceUnreadable(source, "has NUL bytes; it is a binary file or UTF-16, save it as UTF-8 text")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise SourceUnreadable(source, f"is not UTF-8 at byte {error.start}; save it as UTF-8") from error
