"""The zip package that DOCX, PPTX and XLSX files are: whether it may be opened, and what it says about itself."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from knowledge.sources.converted import NotConverted
from knowledge.sources.fields import iso_day

MAX_MEMBERS = 10_000
MAX_UNPACKED = 300_000_000
"""Bytes of all parts together, unpacked."""
FREE_UNPACKED = 30_000_000
MAX_RATIO = 100
"""Unpacked to packed, where more than FREE_UNPACKED comes out: XML shrinks to a tenth or a thirtieth, a bomb to a thousandth."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DC = "{http://purl.org/dc/elements/1.1/}"
_TERMS = "{http://purl.org/dc/terms/}"


@dataclass(frozen=True, slots=True)
class Properties:
    """Title, day of the last change and language, as far as the file names them."""

    title: str | None = None
    updated: str | None = None
    language: str | None = None


def check_unpacked_size(archive: zipfile.ZipFile, max_unpacked: int = MAX_UNPACKED, max_members: int = MAX_MEMBERS) -> None:
    """Refuse an archive that would unpack to far more than it should.

    The sizes are those of the archive's directory; `zipfile` never reads more of a member than that.

    Raises:
        NotConverted: too many members, too large, or packed too well to be a document.
    """
    members = archive.infolist()
    if len(members) > max_members:
        raise NotConverted(f"is an archive of {len(members):,} parts, more than {max_members:,}; it is not opened")
    unpacked = sum(member.file_size for member in members)
    packed = max(1, sum(member.compress_size for member in members))
    if unpacked > max_unpacked or (unpacked > FREE_UNPACKED and unpacked / packed > MAX_RATIO):
        raise NotConverted(f"unpacks from {packed:,} to {unpacked:,} bytes, like a zip bomb; it is not opened")


def open_package(path: Path) -> Properties:
    """Check a package before a converter opens it.

    Raises:
        NotConverted: it is no package, protected by a password, or unpacks to too much.
    """
    with path.open("rb") as file:
        if file.read(8) == _OLE:
            raise NotConverted("has a password or is of an old Office format; save it without, in the new one")
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked_size(archive)
            _refuse_doctype(archive)
            return _properties(archive)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise NotConverted(f"is damaged or no Office file: {error}") from error


def _refuse_doctype(archive: zipfile.ZipFile) -> None:
    """An Office file has no document type, where entities that swell are declared.

    Source: ECMA-376 part 2, "XML usage": DTD declarations shall not be used.
    """
    for member in archive.infolist():
        if member.filename.lower().endswith((".xml", ".rels")):
            with archive.open(member) as part:
                head = part.read(4096)
            if b"<!DOCTYPE" in head or "<!DOCTYPE".encode("utf-16-le") in head or "<!DOCTYPE".encode("utf-16-be") in head:
                raise NotConverted(f"its part {member.filename} declares a document type, which an Office file may not")


def _properties(archive: zipfile.ZipFile) -> Properties:
    import lxml.etree

    try:
        raw = archive.read("docProps/core.xml")
    except KeyError:
        return Properties()
    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = lxml.etree.fromstring(raw, parser)
    except lxml.etree.XMLSyntaxError:
        return Properties()

    def text(tag: str) -> str | None:
        return " ".join((root.findtext(tag) or "").split()) or None

    return Properties(text(f"{_DC}title"), iso_day(text(f"{_TERMS}modified")), text(f"{_DC}language"))
