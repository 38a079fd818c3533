"""How documents and passages look as rows of Chroma, there and back. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from knowledge.partitions import Partition
from knowledge.types import Audience, Document, DocumentId, Listed, Passage, PassageId, Trust


@dataclass(frozen=True, slots=True)
class Labels:
    """What is told of a document beside its text. They change in place: nothing is embedded again."""

    source: str
    origin: str = ""
    language: str | None = None
    owner: str | None = None
    trust: Trust = Trust.NORMAL


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """One version of a document in one partition. A crash can leave two of one document, or half of one."""

    doc_id: DocumentId
    version: str
    partition: Partition
    """Where it is, whatever its labels say."""
    source: str
    title: str
    layout: str
    passage_ids: tuple[PassageId, ...]
    is_complete: bool
    origin: str = ""
    language: str | None = None
    owner: str | None = None
    trust: Trust = Trust.NORMAL
    is_uniform: bool = True
    """False if its passages don't bear the same labels: a crash while they were being changed."""

    @property
    def audience(self) -> Audience:
        """Who may read it."""
        return self.partition.audience

    @property
    def labels(self) -> Labels:
        """Those of its first passage."""
        return Labels(self.source, self.origin, self.language, self.owner, self.trust)


def labels_of(document: Listed) -> Labels:
    """The labels that its rows should bear."""
    return Labels(document.source, document.origin, document.language, document.owner, document.trust)


def label_columns(labels: Labels) -> dict[str, str | None]:
    """Labels as metadata; None removes a key, and what is not there reads as the default."""
    trust = None if labels.trust is Trust.NORMAL else labels.trust.value
    return {
        "source": labels.source,
        "origin": labels.origin or None,
        "language": labels.language,
        "owner": labels.owner,
        "trust": trust,
    }


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
        "layout": layout,
        **label_columns(labels_of(document)),
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
            language=meta.get("language"),
            owner=meta.get("owner"),
            trust=Trust(meta.get("trust", Trust.NORMAL)),
        )
        for passage_id, text, meta in zip(found["ids"], found["documents"], found["metadatas"], strict=True)
    ]


def copy_of(partition: Partition, rows: list[tuple[int, PassageId, dict[str, Any]]]) -> StoredCopy:
    """What is stored of one version of a document: rows are place, id and metadata of each of its passages."""
    rows = sorted(rows, key=lambda row: row[0])
    meta = rows[0][2]
    labels = _labels_in(meta)
    return StoredCopy(
        doc_id=DocumentId(meta["doc_id"]),
        version=meta["version"],
        partition=partition,
        source=labels.source,
        title=meta["title"],
        layout=meta["layout"],
        passage_ids=tuple(row[1] for row in rows),
        is_complete=[row[0] for row in rows] == list(range(meta["count"])),
        origin=labels.origin,
        language=labels.language,
        owner=labels.owner,
        trust=labels.trust,
        is_uniform=all(_labels_in(row[2]) == labels for row in rows),
    )


def _labels_in(meta: dict[str, Any]) -> Labels:
    return Labels(
        source=meta["source"],
        origin=meta.get("origin", ""),
        language=meta.get("language"),
        owner=meta.get("owner"),
        trust=Trust(meta.get("trust", Trust.NORMAL)),
    )
