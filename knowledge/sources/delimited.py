"""CSV: one table, with commas, semicolons or tabs between its cells."""

import csv
import io
from collections.abc import Iterator

from knowledge.errors import SourceUnreadable
from knowledge.sources.converted import Converted, Sheet
from knowledge.sources.faq import documents_of_sheets
from knowledge.types import Audience, Document, SourceFailure

_DELIMITERS = ",;\t"


def parse_csv(
    text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC
) -> Iterator[Document | SourceFailure]:
    """A document for each row of questions and answers, or one for the whole table.

    Raises:
        SourceUnreadable: it is empty, or a quote is never closed.
    """
    if not text.strip():
        raise SourceUnreadable(source, "is empty")
    try:
        # The separator is the one that makes most of the first row.
        delimiter = max(_DELIMITERS, key=lambda one: len(next(csv.reader(io.StringIO(text), delimiter=one), [])))
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise SourceUnreadable(source, f"is not CSV: {error}") from error
    yield from documents_of_sheets(Converted(sheets=[Sheet("", rows)]), fallback_id, source, default_audience)
