"""Reads a source of `sources.yaml`, whatever its kind, and says where each document came from."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from knowledge.errors import KnowledgeError, SourceUnreadable
from knowledge.sources.files import read_sources
from knowledge.sources.kinds import BaseSource, FilesSource, FolderSource
from knowledge.sources.listing import load_listing
from knowledge.types import Document, DocumentId, SourceFailure


def load_sources(path: Path) -> tuple[BaseSource, ...]:
    """The sources that a listing names. Raises `ListingInvalid`."""
    return load_listing(path, READERS)


def open_source(source: BaseSource) -> Iterator[Document | SourceFailure]:
    """Its documents, and what of it can't be read. A source that can't be opened, or breaks off, is a failure by its name."""
    try:
        for found in READERS[source.kind_name](source):
            yield _labelled(found, source)
    except (KnowledgeError, OSError) as error:
        reason = error.reason if isinstance(error, SourceUnreadable) else str(error)
        yield SourceFailure(source.name, reason, source.name)


def _read_folder(source: FolderSource) -> Iterator[Document | SourceFailure]:
    if not source.path.is_dir():
        what = "is a file; write `kind: files`" if source.path.is_file() else "is no folder, or is not mounted"
        raise SourceUnreadable(str(source.path), f"{source.path} {what}")
    yield from read_sources([source.path], source.audience)


def _read_files(source: FilesSource) -> Iterator[Document | SourceFailure]:
    missing = [path for path in source.paths if not path.exists()]
    yield from (SourceFailure(str(path), "no such file") for path in missing)
    yield from read_sources([path for path in source.paths if path not in missing], source.audience)


def _labelled(found: Document | SourceFailure, source: BaseSource) -> Document | SourceFailure:
    if isinstance(found, SourceFailure):
        return replace(found, origin=source.name)
    return replace(
        found,
        doc_id=DocumentId(source.id_prefix + found.doc_id),
        language=found.language or source.language,
        origin=source.name,
        owner=source.owner,
        trust=source.trust,
    )


READERS: dict[str, Callable[[Any], Iterator[Document | SourceFailure]]] = {
    "folder": _read_folder,
    "files": _read_files,
}
"""Every kind that can be read. A kind that is not here is an error in the listing."""
