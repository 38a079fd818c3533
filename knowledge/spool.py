"""Documents that were read, on disk until it is known which of them have to be written.

What a sync holds in memory is then a batch of texts, whatever the size of its sources; of each document it keeps only
what tells it from the stored copies.
"""

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from knowledge.errors import IndexUnavailable
from knowledge.types import Audience, Document, DocumentId, Trust


@dataclass(frozen=True, slots=True)
class Spooled:
    """A document without its text, and where in the spool it is."""

    doc_id: DocumentId
    version: str
    audience: Audience
    source: str
    origin: str
    language: str | None
    owner: str | None
    trust: Trust
    place: int


class Spool:
    """A file without a name, which goes when it is closed or when its process is killed. For one thread."""

    def __init__(self, folder: Path) -> None:
        """Opens it.

        Args:
            folder: where there is room for all texts; not the system's folder for such files, which may be memory.

        Raises:
            IndexUnavailable: the folder can't be written.
        """
        self._folder = folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `__exit__`
        except OSError as error:
            raise self._unavailable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def keep(self, document: Document) -> Spooled:
        """Put a document away.

        Raises:
            IndexUnavailable: the disk is full.
        """
        try:
            place = self._file.seek(0, 2)
            pickle.dump(document, self._file)
        except OSError as error:
            raise self._unavailable(error) from error
        return Spooled(
            doc_id=document.doc_id,
            version=document.version,
            audience=document.audience,
            source=document.source,
            origin=document.origin,
            language=document.language,
            owner=document.owner,
            trust=document.trust,
            place=place,
        )

    def documents(self, spooled: Iterable[Spooled]) -> Iterator[Document]:
        """The documents themselves, one at a time."""
        for one in spooled:
            self._file.seek(one.place)
            document = pickle.load(self._file)
            assert isinstance(document, Document)
            yield document

    def _unavailable(self, error: OSError) -> IndexUnavailable:
        return IndexUnavailable(f"what was read can't be kept in the data folder {self._folder}: {error}. Is the disk full?")
