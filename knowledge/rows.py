"""How documents and passages look as rows of Chroma, there and back. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from knowledge.types import Audience, Document, DocumentId, Passage, PassageId


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """One version of a document in one collection. A crash can leave two of one document, or half of one."""

    doc_id: DocumentId
    version: str
    audience: Audience
    source: str
    title: str
    layout: str
    passage_ids: tuple[PassageId, ...]
    is_complete: bool


def metadata_of(document: Document, passage: Passage, layout: str, count: int) -> dict[str, str | int]:
    """What is kept beside a passage's text; `count` is how many passages its document has."""
    meta: dict[str, str | int | None] = {
        "doc_id": passage.doc_id,
        "version": passage.version,
        "ordinal": passage.ordinal,
        "count": count,
        "title": passage.title,
        "headings": json.dumps(passage.heading_path, ensure_ascii=False),
        "audience": passage.audience.value,
        "url": passage.url,
        "updated": passage.updated,
        "source": document.source,
        "layout": layout,
    }
    return {key: value for key, value in meta.items() if value is not None}


def passages_of(found: Any) -> list[Passage]:
    """The passages in an answer of Chroma's that has documents and metadata."""
    return [
        Passage(
            passage_id=PassageId(passage_id),
            doc_id=DocumentId(meta["doc_id"]),
            version=meta["version"],
            ordinal=int(meta["ordinal"]),
            title=meta["title"],
            heading_path=tuple(json.loads(meta["headings"])),
            text=text,
            audience=Audience(meta["audience"]),
            url=meta.get("url"),
            updated=meta.get("updated"),
        )
        for passage_id, text, meta in zip(found["ids"], found["documents"], found["metadatas"], strict=True)
    ]


def copy_of(audience: Audience, rows: list[tuple[int, PassageId, dict[str, Any]]]) -> StoredCopy:
    """What is stored of one version of a document: rows are place, id and metadata of each of its passages."""
    rows = sorted(rows, key=lambda row: row[0])
    meta = rows[0][2]
    return StoredCopy(
        doc_id=DocumentId(meta["doc_id"]),
        version=meta["version"],
        audience=audience,
        source=meta["source"],
        title=meta["title"],
        layout=meta["layout"],
        passage_ids=tuple(row[1] for row in rows),
        is_complete=[row[0] for row in rows] == list(range(meta["count"])),
    )
