"""JSON Lines: one document a line, {id, title, text, url?, audience?, language?, updated?, tags?, asked?}."""

import json
from collections.abc import Iterator

from knowledge.errors import SourceUnreadable
from knowledge.sources.faq import Names
from knowledge.sources.fields import fields_of
from knowledge.types import Audience, Document, DocumentId, SourceFailure


def parse_jsonl(
    text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC
) -> Iterator[Document | SourceFailure]:
    """The documents, and a failure for each line that is none.

    Raises:
        SourceUnreadable: no line holds anything.
    """
    if not text.strip():
        raise SourceUnreadable(source, "is empty")
    names = Names(fallback_id)
    # Not splitlines: JSON may hold other line ends, such as U+2028, inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield _document(line, number, names, source, default_audience)
        except SourceUnreadable as error:
            yield SourceFailure(source, f"line {number}: {error.reason}")


def _document(line: str, number: int, names: Names, source: str, default_audience: Audience) -> Document:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SourceUnreadable(source, f"is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise SourceUnreadable(source, "is not an object with id, title and text")
    fields = fields_of(values, source)
    body = fields.values.get("text")
    if not isinstance(body, str) or not body.strip():
        raise SourceUnreadable(source, "has no text")
    if (title := fields.line("title")) is None:
        raise SourceUnreadable(source, "has no title")
    return Document(
        doc_id=DocumentId(fields.line("id") or names.id_for(title, f"line-{number}")),
        title=title,
        text=body.strip(),
        audience=fields.audience(default_audience),
        source=source,
        url=fields.line("url"),
        updated=fields.line("updated"),
        language=fields.line("language"),
        tags=fields.lines("tags"),
        asked=fields.lines("asked"),
    )
