"""A Confluence space export, as a zip file or a folder: HTML pages, or XML (see `confluence_xml`)."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from knowledge.errors import SourceUnreadable
from knowledge.sources.confluence_xml import documents_of_entities
from knowledge.sources.converted import NotConverted
from knowledge.sources.fragment import markdown_of_fragment
from knowledge.sources.headings import under_headings
from knowledge.sources.office_package import check_unpacked_size
from knowledge.sources.opened import MAX_BYTES
from knowledge.sources.skipping import OnSkip, unheard
from knowledge.types import Audience, Document, DocumentId, SourceFailure

MAX_UNPACKED = 20_000_000_000
"""Bytes of a whole export; its attachments are not unpacked."""
MAX_MEMBERS = 500_000
_ENTITIES, _INDEX = "entities.xml", "index.html"
_MODIFIED = re.compile(r"last (?:modified|updated)(?: by .*?)? on (\w{3,9} \d{1,2}, \d{4})", re.IGNORECASE | re.DOTALL)


class _Folder:
    """The files of an export by their path inside it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())

    def source(self, name: str) -> str:
        return str(self._root / name)

    def open(self, name: str) -> IO[bytes]:
        return (self._root / name).open("rb")


class _Zip:
    """The same for a zip file, which is the source of all of its pages."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        self.names = sorted(archive.namelist())

    def source(self, name: str) -> str:
        return str(self._path)

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


def read_confluence_export(
    path: Path, default_audience: Audience, on_skip: OnSkip = unheard
) -> Iterator[Document | SourceFailure]:
    """The pages of an export.

    An HTML export doesn't say who may read a page, so all are of the default audience; an XML export does.
    """
    with ExitStack() as stack:
        try:
            files: _Folder | _Zip
            if path.is_dir():
                files = _Folder(path)
            else:
                archive = stack.enter_context(zipfile.ZipFile(path))
                check_unpacked_size(archive, MAX_UNPACKED, MAX_MEMBERS)
                files = _Zip(path, archive)
            yield from _documents(files, str(path), default_audience, on_skip)
        except NotConverted as error:
            yield SourceFailure(str(path), str(error))
        except SourceUnreadable as error:
            yield SourceFailure(error.source, error.reason)
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            yield SourceFailure(str(path), f"can't be read as an export: {error}")


def _documents(
    files: _Folder | _Zip, export: str, default_audience: Audience, on_skip: OnSkip
) -> Iterator[Document | SourceFailure]:
    if (entities := _nearest(files.names, _ENTITIES)) is not None:
        yield from documents_of_entities(lambda: files.open(entities), files.source(entities), default_audience, on_skip)
        return
    if (index := _nearest(files.names, _INDEX)) is None:
        raise SourceUnreadable(export, f"has neither {_ENTITIES} nor {_INDEX}; it is no space export (CSV exports can't be read)")
    folder = index.removesuffix(_INDEX)
    pages = [name for name in files.names if name.startswith(folder) and "/" not in name.removeprefix(folder)]
    for name in pages:
        if name.endswith(".html") and name != index:
            try:
                with files.open(name) as file:
                    raw = file.read(MAX_BYTES + 1)
                if len(raw) > MAX_BYTES:
                    raise SourceUnreadable(files.source(name), f"has more than {MAX_BYTES:,} bytes; split it")
                yield _page(raw, name, files.source(name), default_audience)
            except SourceUnreadable as error:
                yield SourceFailure(error.source, f"{name}: {error.reason}")


def _nearest(names: list[str], wanted: str) -> str | None:
    return min((name for name in names if name == wanted or name.endswith(f"/{wanted}")), key=len, default=None)


def _page(raw: bytes, name: str, source: str, default_audience: Audience) -> Document:
    import lxml.etree
    import lxml.html

    try:
        tree = lxml.html.fromstring(raw, parser=lxml.html.HTMLParser(encoding="utf-8"))
    except (lxml.etree.LxmlError, ValueError) as error:
        raise SourceUnreadable(source, f"is not HTML: {error}") from error
    content = tree.get_element_by_id("main-content", None)
    if content is None:
        raise SourceUnreadable(source, "has no main-content, as pages of an export have")
    above = [_words(item) for item in tree.xpath("//ol[@id='breadcrumbs']//a")]
    title = next((_words(found) for found in tree.xpath("//*[@id='title-text']")), "")
    title = title or next((_words(found) for found in tree.iter("title")), "")
    if above and title.startswith(f"{above[0]} : "):
        title = title.removeprefix(f"{above[0]} : ")
    text = markdown_of_fragment(lxml.html.tostring(content, encoding="unicode", with_tail=False), source)
    number = re.search(r"(\d+)\.html$", name)
    key = number.group(1) if number else name.rpartition("/")[2].removesuffix(".html")
    metadata = " ".join(_words(found) for found in tree.xpath("//*[contains(@class, 'page-metadata')]"))
    # The home page of a space has the name of the space, and would stand twice.
    return Document(
        doc_id=DocumentId(f"confluence/{key}"),
        title=title or key,
        text=under_headings(text, list(dict.fromkeys(above))),
        audience=default_audience,
        source=source,
        updated=_day(metadata),
        language=tree.get("lang") or None,
    )


def _words(element: Any) -> str:
    return " ".join(element.text_content().split())


def _day(metadata: str) -> str | None:
    """The day in "last modified on Nov 09, 2020"; None in any other language."""
    if (found := _MODIFIED.search(metadata)) is None:
        return None
    for shape in ("%b %d, %Y", "%B %d, %Y"):
        try:
            return datetime.strptime(found.group(1), shape).date().isoformat()  # noqa: DTZ007
        except ValueError:
            continue
    return None
