"""Reads files and folders into documents. One broken file is a `SourceFailure`; the rest goes on."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from knowledge.errors import SourceUnreadable
from knowledge.sources.conversion import Converter, converted_suffixes
from knowledge.sources.converted import Converted
from knowledge.sources.delimited import parse_csv
from knowledge.sources.faq import documents_of_sheets
from knowledge.sources.jsonl import parse_jsonl
from knowledge.sources.markdown import first_heading, parse_markdown
from knowledge.sources.opened import MAX_BYTES, check_size, text_of
from knowledge.sources.plain import parse_plain
from knowledge.sources.titles import title_from_name
from knowledge.types import Audience, Document, DocumentId, SourceFailure

MAX_BYTES_OF_MANY = 50_000_000
"""For files that hold pictures beside their text, or many documents."""
ONE_TEXT = {
    ".md": parse_markdown,
    ".markdown": parse_markdown,
    ".txt": parse_plain,
}
MANY = {".csv": parse_csv, ".jsonl": parse_jsonl, ".ndjson": parse_jsonl}
CONVERTED = converted_suffixes()
PAGES = frozenset({".html", ".htm"})
_NOT_FOR_READERS = (".", "~$")
"""Hidden files, and the locks that Office leaves beside an open document."""
SUFFIXES = ONE_TEXT.keys() | MANY.keys() | CONVERTED


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


def read_sources(
    roots: Sequence[Path], default_audience: Audience = Audience.PUBLIC, converter: Converter | None = None
) -> Iterator[Document | SourceFailure]:
    """Every document under the roots, in the order of their paths.

    The id is the one that the document names, or the path relative to the root. Of two documents with
    one id the second is a failure that names both. `default_audience` is for documents that don't name
    their own. Without a `converter` one is started when it is needed.
    """
    seen_files: set[Path] = set()
    owners: dict[DocumentId, str] = {}
    with converter or Converter() as used:
        for root in roots:
            for found in _files(root):
                if isinstance(found, SourceFailure):
                    yield found
                    continue
                if found in seen_files:
                    continue
                seen_files.add(found)
                for result in read_file(found, root, default_audience, used):
                    yield _own_or_failure(result, owners) if isinstance(result, Document) else result


def read_file(
    path: Path, root: Path, default_audience: Audience = Audience.PUBLIC, converter: Converter | None = None
) -> Iterator[Document | SourceFailure]:
    """The documents of one file; a failure if it can't be opened, decoded or understood, or holds nothing."""
    source = str(path)
    fallback_id = path.name if path == root else path.relative_to(root).as_posix()
    suffix = path.suffix.lower()
    try:
        if suffix in ONE_TEXT:
            yield ONE_TEXT[suffix](text_of(path, MAX_BYTES), fallback_id, source, default_audience)
        elif suffix in MANY:
            yield from MANY[suffix](text_of(path, MAX_BYTES_OF_MANY), fallback_id, source, default_audience)
        elif suffix in CONVERTED:
            yield from _converted(path, fallback_id, default_audience, converter)
        else:
            known = ", ".join(sorted(SUFFIXES))
            raise SourceUnreadable(source, f"files of type {suffix or '(none)'} can't be read; use {known}")
    except SourceUnreadable as error:
        yield SourceFailure(error.source, error.reason)


def _own_or_failure(document: Document, owners: dict[DocumentId, str]) -> Document | SourceFailure:
    owner = owners.get(document.doc_id)
    if owner is None:
        owners[document.doc_id] = document.source
        return document
    where = "another document of the same file" if owner == document.source else owner
    return SourceFailure(document.source, f"has the id {document.doc_id!r} of {where}; give one of them another `id`")


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
            if not name.startswith(_NOT_FOR_READERS) and path.suffix.lower() in SUFFIXES:
                yield path
    for error in failures:
        yield SourceFailure(str(error.filename), f"the folder can't be read: {error.strerror}")


def _converted(
    path: Path, fallback_id: str, default_audience: Audience, converter: Converter | None
) -> Iterator[Document | SourceFailure]:
    check_size(path, MAX_BYTES if path.suffix.lower() in PAGES else MAX_BYTES_OF_MANY)
    source = str(path)
    if converter is not None:
        found = converter.convert(path)
    else:
        with Converter() as own:
            found = own.convert(path)
    if found.sheets:
        yield from documents_of_sheets(found, fallback_id, source, default_audience)
    else:
        yield _document(found, fallback_id, source, default_audience)
    yield from (SourceFailure(source, gap) for gap in found.gaps)


def _document(found: Converted, fallback_id: str, source: str, default_audience: Audience) -> Document:
    return Document(
        doc_id=DocumentId(fallback_id),
        title=found.title or first_heading(found.text) or title_from_name(source),
        text=found.text,
        audience=default_audience,
        source=source,
        updated=found.updated,
        language=found.language,
    )
