"""How documents and passages look as rows of Chroma, there and back. Pure.

A row has three columns: `passage`, JSON of what is told of it, `labels`, JSON of what changes in place, and `text`. Chroma
writes a row of its database, with an index, for each column; and what it calls a document it also cuts in threes of
letters for a search in the text. With a column for each fact, and the text as the document, four fifths of the time of
writing went there, and nothing was ever looked for by either.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from knowledge.partitions import Partition
from knowledge.types import Audience, Document, DocumentId, Listed, Passage, PassageId, Trust

FORM = "3"
"""Raise it when columns change. An index of another form is refused."""
Facts = dict[str, Any]
"""The column `passage`, read."""


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


def label_column(labels: Labels) -> dict[str, str]:
    """Labels as the one column of a row that changes in place."""
    return {"labels": json.dumps(asdict(labels), ensure_ascii=False)}


def row_of(document: Document, passage: Passage, layout: str, count: int) -> dict[str, str]:
    """The columns of a passage; `count` is how many passages its document has."""
    facts = {
        "doc_id": passage.doc_id,
        "version": passage.version,
        "ordinal": passage.ordinal,
        "count": count,
        "title": passage.title,
        "headings": passage.heading_path,
        "audience": passage.audience,
        "url": passage.url,
        "updated": passage.updated,
        "layout": layout,
    }
    facts_column = json.dumps({key: value for key, value in facts.items() if value is not None}, ensure_ascii=False)
    return {"passage": facts_column, "text": passage.text, **label_column(labels_of(document))}


def passages_of(partition: Partition, found: Any) -> list[Passage]:
    """The passages in an answer of Chroma's that has metadata, read from that partition.

    One that says it is for other readers is left out, however it came there.
    """
    rows = zip(found["ids"], found["metadatas"], strict=True)
    passages = [_passage(PassageId(passage_id), columns) for passage_id, columns in rows]
    return [passage for passage in passages if passage.audience is partition.audience]


def copy_of(partition: Partition, rows: list[tuple[PassageId, Facts, Labels]]) -> StoredCopy:
    """What is stored of one version of a document: id, facts and labels of each of its passages."""
    rows = sorted(rows, key=lambda row: int(row[1]["ordinal"]))
    _, facts, labels = rows[0]
    return StoredCopy(
        doc_id=DocumentId(facts["doc_id"]),
        version=facts["version"],
        partition=partition,
        source=labels.source,
        title=facts["title"],
        layout=facts["layout"],
        passage_ids=tuple(passage_id for passage_id, _, _ in rows),
        is_complete=[row[1]["ordinal"] for row in rows] == list(range(facts["count"])),
        origin=labels.origin,
        language=labels.language,
        owner=labels.owner,
        trust=labels.trust,
        is_uniform=all(row[2] == labels for row in rows),
    )


def facts_in(columns: Mapping[str, Any]) -> Facts:
    """What a row tells of its passage, beside text and labels."""
    facts: Facts = json.loads(columns["passage"])
    return facts


def labels_in(columns: Mapping[str, Any]) -> Labels:
    """The labels that a row bears."""
    labels = json.loads(columns["labels"])
    return Labels(**{**labels, "trust": Trust(labels["trust"])})


def _passage(passage_id: PassageId, columns: Mapping[str, Any]) -> Passage:
    facts, labels = facts_in(columns), labels_in(columns)
    return Passage(
        passage_id=passage_id,
        doc_id=DocumentId(facts["doc_id"]),
        version=facts["version"],
        ordinal=facts["ordinal"],
        title=facts["title"],
        heading_path=tuple(facts["headings"]),
        text=columns["text"],
        audience=Audience(facts["audience"]),
        url=facts.get("url"),
        updated=facts.get("updated"),
        language=labels.language,
        owner=labels.owner,
        trust=labels.trust,
    )
