"""Tables of questions and answers: each row is a document. Any other table is text. Pure.

A table is one of questions and answers if one of its first rows names a column of each.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from knowledge.errors import SourceUnreadable
from knowledge.sources.converted import Converted, Sheet
from knowledge.sources.fields import Fields, fields_of
from knowledge.sources.table import markdown_table
from knowledge.sources.titles import title_from_name
from knowledge.types import Audience, Document, DocumentId, SourceFailure

QUESTION = ("question", "frage", "pregunta", "domanda", "vraag", "title", "titel", "titre", "subject", "betreff")
ANSWER = ("answer", "antwort", "réponse", "reponse", "respuesta", "risposta", "antwoord", "text", "body", "content", "inhalt")
_HEAD_ROWS = 10


@dataclass(frozen=True, slots=True)
class _Head:
    row: int
    names: tuple[str, ...]
    question: int
    answer: int


@dataclass
class Names:
    """Ids for what has none: the words of its title, and a number if they were used before."""

    prefix: str
    taken: set[str] = field(default_factory=set)

    def id_for(self, title: str, otherwise: str) -> DocumentId:
        """`prefix#words-of-the-title`."""
        plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
        slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or otherwise
        name, number = slug, 2
        while name in self.taken:
            name, number = f"{slug}-{number}", number + 1
        self.taken.add(name)
        return DocumentId(f"{self.prefix}#{name}")


def documents_of_sheets(
    converted: Converted, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC
) -> Iterator[Document | SourceFailure]:
    """One document for each row of questions and answers, and one for all other tables of the workbook together."""
    names = Names(fallback_id)
    others: list[Sheet] = []
    for sheet in converted.sheets:
        try:
            head = _head(sheet, source)
        except SourceUnreadable as error:
            yield SourceFailure(source, error.reason)
            continue
        if head is None:
            others.append(sheet)
        else:
            yield from _rows(sheet, head, names, source, default_audience)
    if others:
        yield _tables(others, converted, fallback_id, source, default_audience)


def _head(sheet: Sheet, source: str) -> _Head | None:
    """The row that names the columns.

    Raises:
        SourceUnreadable: a column is nearly called audience, or rows have an audience but aren't documents.
    """
    for number, row in enumerate(sheet.rows[:_HEAD_ROWS]):
        cells = tuple(value.strip().casefold() for value in row)
        question = next((cells.index(name) for name in QUESTION if name in cells), None)
        answer = next((cells.index(name) for name in ANSWER if name in cells), None)
        looks_like_head = question is not None and answer is not None
        if looks_like_head or number == 0:
            fields_of(dict.fromkeys(cells), source, "column")
        if looks_like_head:
            assert question is not None
            assert answer is not None
            if len({name for name in cells if name}) < len([name for name in cells if name]):
                raise SourceUnreadable(source, f"{_place(sheet)}two columns have the same name")
            return _Head(number, cells, question, answer)
        if "audience" in cells:
            what = "has a column audience, but none that names a question (question, title) and an answer (answer, text)"
            raise SourceUnreadable(source, _place(sheet) + what)
    return None


def _place(sheet: Sheet, row: int | None = None) -> str:
    where = [f"sheet {sheet.name!r}"] if sheet.name else []
    where += [f"row {row + 1}"] if row is not None else []
    return ", ".join(where) + ": " if where else ""


def _rows(sheet: Sheet, head: _Head, names: Names, source: str, default_audience: Audience) -> Iterator[Document | SourceFailure]:
    for number, row in enumerate(sheet.rows[head.row + 1 :], start=head.row + 1):
        if not any(value.strip() for value in row):
            continue
        try:
            yield _document(row, head, number, names, source, default_audience)
        except SourceUnreadable as error:
            yield SourceFailure(source, _place(sheet, number) + error.reason)


def _document(row: Sequence[str], head: _Head, number: int, names: Names, source: str, default_audience: Audience) -> Document:
    cells = [value.strip() for value in row] + [""] * len(head.names)
    question, answer = " ".join(cells[head.question].split()), cells[head.answer]
    if not question or not answer:
        raise SourceUnreadable(source, "has no question" if answer else "has no answer")
    if len(row) > len(head.names) and any(value.strip() for value in row[len(head.names) :]):
        raise SourceUnreadable(source, "has more cells than the head has columns; is a separator in a cell that has no quotes?")
    values: dict[object, object] = {name: cells[n] for n, name in enumerate(head.names) if name}
    # An empty cell says nothing; an empty audience would be one that nobody knows.
    fields = fields_of({name: value for name, value in values.items() if value}, source, "column")
    return Document(
        doc_id=DocumentId(fields.line("id") or names.id_for(question, f"row-{number + 1}")),
        title=question,
        text=answer,
        audience=fields.audience(default_audience),
        source=source,
        url=fields.line("url"),
        updated=fields.line("updated"),
        language=fields.line("language"),
        tags=fields.lines("tags"),
        asked=_asked(fields),
    )


def _asked(fields: Fields) -> tuple[str, ...]:
    """A cell holds one way of asking a line, or several between semicolons."""
    value = fields.values.get("asked")
    return tuple(text for part in re.split(r"[\n;]", str(value or "")) if (text := part.strip()))


def _tables(
    sheets: Sequence[Sheet], converted: Converted, fallback_id: str, source: str, default_audience: Audience
) -> Document | SourceFailure:
    tables = [(sheet.name, markdown_table(sheet.rows)) for sheet in sheets]
    parts = [f"## {name}\n\n{table}" if name else table for name, table in tables if table]
    if not parts:
        return SourceFailure(source, "is empty")
    document = Document(
        doc_id=DocumentId(fallback_id),
        title=converted.title or title_from_name(source),
        text="\n\n".join(parts),
        audience=default_audience,
        source=source,
    )
    return replace(document, updated=converted.updated, language=converted.language)
