"""Plain text."""

from knowledge.errors import SourceUnreadable
from knowledge.sources.titles import title_from_name
from knowledge.types import Audience, Document, DocumentId


def parse_plain(text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC) -> Document:
    """Plain text: a short first line that stands alone is the title."""
    if not text.strip():
        raise SourceUnreadable(source, "is empty")
    first, _, rest = text.strip().partition("\n")
    stands_alone = rest.startswith("\n") and len(first) <= 100 and not first.rstrip().endswith((".", ":", ";", ","))
    title, body = (first.strip(), rest) if stands_alone else (title_from_name(source), text)
    return Document(
        doc_id=DocumentId(fallback_id),
        title=title,
        text=body.strip(),
        audience=default_audience,
        source=source,
    )
