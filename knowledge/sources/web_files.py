"""Files that a website offers beside its pages: PDF and office files, converted as those of a folder are."""

import tempfile
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from knowledge.errors import SourceUnreadable
from knowledge.sources.conversion import Converter
from knowledge.sources.files import read_file
from knowledge.sources.skipping import OnSkip
from knowledge.types import Audience, Document

_OFFICE = "application/vnd.openxmlformats-officedocument"
SUFFIXES = {
    "application/pdf": ".pdf",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
    f"{_OFFICE}.presentationml.presentation": ".pptx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
}
"""By content type, as registered with IANA. What is not here is no document."""


class WebFiles:
    """Holds the converter for one reading of a site. Use it in `with`."""

    def __init__(self, audience: Audience, on_left_out: OnSkip) -> None:
        """`audience` is that of files that don't say it themselves; `on_left_out` hears of files that are no documents."""
        self._audience = audience
        self._on_left_out = on_left_out
        self._converter = Converter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._converter.close()

    def convert(self, body: bytes, content_type: str, url: str) -> list[Document]:
        """The documents in a file.

        Raises:
            SourceUnreadable: it can't be converted, or is of a type that holds no documents.
        """
        if (suffix := SUFFIXES.get(content_type)) is None:
            self._on_left_out(url, f"is {content_type or 'of no type'}, which holds no text")
            return []
        with tempfile.TemporaryDirectory(prefix="innkeeper-") as folder:
            name = url.partition("?")[0].rstrip("/").rpartition("/")[2] or "file"
            path = Path(folder, name.removesuffix(suffix)[:80].replace("\x00", "") + suffix)
            path.write_bytes(body)
            found = list(read_file(path, Path(folder), self._audience, self._converter))
        documents = [replace(one, source=url, url=url) for one in found if isinstance(one, Document)]
        if not documents:
            reasons = "; ".join(one.reason for one in found if not isinstance(one, Document))
            raise SourceUnreadable(url, reasons or "holds nothing")
        return documents
