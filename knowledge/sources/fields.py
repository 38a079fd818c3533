"""What a source says about a document besides its text: id, title, audience, updated, tags, url, language, asked.

Strict where a slip would make an internal article public, lenient with the keys of other tools.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from knowledge.errors import SourceUnreadable
from knowledge.types import Audience

KEYS = ("id", "title", "text", "audience", "updated", "tags", "url", "language", "asked")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Fields:
    """The named values of one document; the keys are in lower case. `kind` says in an error where a key stands."""

    values: Mapping[str, object]
    source: str
    kind: str = "field"

    def audience(self, default: Audience) -> Audience:
        """The document's own audience, or the default if it names none.

        Raises:
            SourceUnreadable: the value is not an audience.
        """
        if "audience" not in self.values:
            return default
        value = self.values["audience"]
        try:
            return Audience(str(value).strip().lower())
        except ValueError as error:
            known = " or ".join(Audience)
            raise SourceUnreadable(self.source, f"audience {value!r} is not known; write {known}") from error

    def line(self, key: str) -> str | None:
        """A value that is one line of text; dates in ISO form; None if it is missing or empty.

        Raises:
            SourceUnreadable: it is a list, a mapping, or longer than one line of 500 characters.
        """
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, date):
            return value.isoformat()
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise SourceUnreadable(self.source, f"{self.kind} {key} must be text, not {type(value).__name__}")
        text = str(value).strip()
        if _CONTROL.search(text) or len(text) > 500:
            raise SourceUnreadable(self.source, f"{self.kind} {key} must be one line of at most 500 characters")
        return text or None

    def lines(self, key: str) -> tuple[str, ...]:
        """A value that is a list of texts; tags may also be one text with commas.

        Raises:
            SourceUnreadable: it is neither.
        """
        value = self.values.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            value = value.split(",") if key == "tags" else [value]
        if not isinstance(value, list | tuple):
            raise SourceUnreadable(self.source, f"{self.kind} {key} must be a list")
        return tuple(text for one in value if (text := str(one).strip()))


def fields_of(values: Mapping[object, object], source: str, kind: str = "field") -> Fields:
    """The values with their keys in lower case.

    Raises:
        SourceUnreadable: a key is nearly, but not quite, `audience`. Other tools' keys are fine; a
            misspelt audience would make an internal article public.
    """
    lower = {str(key).strip().lower(): value for key, value in values.items()}
    for key in lower:
        if key not in KEYS and difflib.get_close_matches(key, ["audience"], n=1, cutoff=0.7):
            raise SourceUnreadable(source, f"unknown {kind} key {key!r}; did you mean audience?")
    return Fields(lower, source, kind)


def iso_day(value: object) -> str | None:
    """The day of a date, or of a text that starts with one in ISO form, as YYYY-MM-DD; None for anything else."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    found = re.match(r"\d{4}-\d{2}-\d{2}", value.strip()) if isinstance(value, str) else None
    return found.group() if found else None
