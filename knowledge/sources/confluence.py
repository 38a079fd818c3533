"""A Confluence space export, as a zip file or a folder: HTML pages, or XML (see `confluence_xml`)."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from knowledge.errors import SourceUnreadable
from knowledge.sources.confluence_xml import documents_of_entities
from knowledge.sources.conversion import Converter
from knowledge.sources.converted import NotConverted
from knowledge.sources.headings import under_headings
from knowledge.sources.office_package import check_unpacked_size
from knowledge.sources.opened import MAX_BYTES
from knowledge.sources.skipping import OnSkip, unheard
from knowledge.types import Audience, Document, DocumentId, SourceFailure

MAX_UNPACKED = 20_000_000_000
"""Bytes of a whole export; its attachments are not unpacked."""
MAX_MEMBERS = 500_000
_ENTITIES, _INDEX = "entities.xml", "index.html"


class _Folder:
    """The files of an export by their path inside it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.export = str(root)
        self.names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())

    def source(self, name: str) -> str:
        return str(self._root / name)

    def open(self, name: str) -> IO[bytes]:
        return (self._root / name).open("rb")


class _Zip:
    """The same for a zip file, which is the source of all of its pages."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.export = str(path)
        self._archive = archive
        self.names = sorted(archive.namelist())

    def source(self, name: str) -> str:
        return self.export

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


def read_confluence_export(
    path: Path, default_audience: Audience, on_skip: OnSkip = unheard, converter: Converter | None = None
) -> Iterator[Document | SourceFailure]:
    """The pages of an export.

    An HTML export doesn't say who may read a page, so all are of the default audience; an XML export does.
    Without a `converter` one is started when it is needed.
    """
    with ExitStack() as stack:
        used = stack.enter_context(converter or Converter())
        try:
            files: _Folder | _Zip
            if path.is_dir():
                files = _Folder(path)
            else:
                archive = stack.enter_context(zipfile.ZipFile(path))
                check_unpacked_size(archive, MAX_UNPACKED, MAX_MEMBERS)
                files = _Zip(path, archive)
            yield from _documents(files, default_audience, on_skip, used)
        except NotConverted as error:
            yield SourceFailure(str(path), str(error))
        except SourceUnreadable as error:
            yield SourceFailure(error.source, error.reason)
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            yield SourceFailure(str(path), f"can't be read as an export: {error}")


def _documents(
    files: _Folder | _Zip, default_audience: Audience, on_skip: OnSkip, converter: Converter
) -> Iterator[Document | SourceFailure]:
    if (entities := _nearest(files.names, _ENTITIES)) is not None:
        source = files.source(entities)
        yield from documents_of_entities(lambda: files.open(entities), source, default_audience, on_skip, converter.markdown)
        return
    if (index := _nearest(files.names, _INDEX)) is None:
        raise SourceUnreadable(
            files.export, f"has neither {_ENTITIES} nor {_INDEX}; it is no space export (CSV ones can't be read)"
        )
    folder = index.removesuffix(_INDEX)
    pages = [name for name in files.names if name.startswith(folder) and "/" not in name.removeprefix(folder)]
    for name in pages:
        if name.endswith(".html") and name != index:
            try:
                with files.open(name) as file:
                    raw = file.read(MAX_BYTES + 1)
                if len(raw) > MAX_BYTES:
                    raise SourceUnreadable(files.source(name), f"has more than {MAX_BYTES:,} bytes; split it")
                yield _page(raw, name, files.source(name), default_audience, converter)
            except SourceUnreadable as error:
                yield SourceFailure(error.source, f"{name}: {error.reason}")


def _nearest(names: list[str], wanted: str) -> str | None:
    return min((name for name in names if name == wanted or name.endswith(f"/{wanted}")), key=len, default=None)


def _page(raw: bytes, name: str, source: str, default_audience: Audience, converter: Converter) -> Document:
    page = converter.work("confluence_page", source, text=raw.decode("utf-8", "replace"))
    number = re.search(r"(\d+)\.html$", name)
    key = number.group(1) if number else name.rpartition("/")[2].removesuffix(".html")
    return Document(
        doc_id=DocumentId(f"confluence/{key}"),
        title=page["title"] or key,
        text=under_headings(page["text"], page["above"]),
        audience=default_audience,
        source=source,
        updated=page["updated"],
        language=page["language"],
    )
