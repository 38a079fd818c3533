"""What a converter makes of a file, before it is a document. Plain values, so that it can cross a pipe."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


class NotConverted(Exception):
    """The file can't be converted; the message is the reason, for a person."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a workbook."""

    name: str
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Converted:
    """Markdown text, or the sheets of a workbook. `gaps` names what could not be read though the rest could."""

    text: str = ""
    title: str | None = None
    updated: str | None = None
    language: str | None = None
    sheets: Sequence[Sheet] = ()
    gaps: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """The values for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Converted":
        """The other way round."""
        sheets = tuple(Sheet(**sheet) for sheet in values.pop("sheets"))
        return cls(**values, sheets=sheets)
