from dataclasses import replace

import pytest

from knowledge.chunk import split
from knowledge.partitions import Partition
from knowledge.rows import copy_of, facts_in, label_column, labels_in, labels_of, passages_of, row_of
from knowledge.types import Audience, Document, DocumentId, Trust

PUBLIC, INTERNAL = Partition(Audience.PUBLIC), Partition(Audience.INTERNAL)
DOCUMENT = Document(
    doc_id=DocumentId("pets"),
    title='Pets, "large" ones',
    text="# Dogs\n\nZwei Hunde dürfen mit. 二匹まで。\n\n# Cats\n\n" + "A cat is free. " * 20,
    audience=Audience.PUBLIC,
    source="help/pets.md",
    url="https://example.com/pets",
    updated="2026-01-01",
    language="de",
    owner="front desk",
    trust=Trust.HIGH,
    origin="help",
)


def found(document: Document) -> dict[str, list[object]]:
    passages = split(document)
    return {
        "ids": [passage.passage_id for passage in passages],
        "metadatas": [row_of(document, passage, "1", len(passages)) for passage in passages],
    }


@pytest.mark.parametrize(
    "document", [DOCUMENT, replace(DOCUMENT, url=None, updated=None, language=None, owner=None, trust=Trust.NORMAL, origin="")]
)
def test_passages_come_back_from_their_rows(document: Document) -> None:
    passages = split(document)
    assert len(passages) > 1
    assert passages_of(PUBLIC, found(document)) == passages


def test_a_passage_in_a_partition_for_other_readers_is_left_out() -> None:
    assert passages_of(PUBLIC, found(replace(DOCUMENT, audience=Audience.INTERNAL))) == []
    assert passages_of(INTERNAL, found(DOCUMENT)) == []


def test_a_copy_is_complete_if_all_of_its_rows_are_there_in_whatever_order() -> None:
    rows = found(DOCUMENT)
    told = [(i, facts_in(row), labels_in(row)) for i, row in zip(rows["ids"], rows["metadatas"], strict=True)]
    copy = copy_of(PUBLIC, told[::-1])
    assert (copy.doc_id, copy.passage_ids, copy.is_complete, copy.is_uniform) == ("pets", tuple(rows["ids"]), True, True)
    assert copy.labels == labels_of(DOCUMENT)
    assert not copy_of(PUBLIC, told[1:]).is_complete


def test_other_labels_replace_one_column_and_show_while_half_of_the_rows_bear_them() -> None:
    other = labels_of(replace(DOCUMENT, owner=None, trust=Trust.LOW))
    first, *others = [dict(row) for row in found(DOCUMENT)["metadatas"]]
    first |= label_column(other)
    rows = [first, *others]
    assert labels_in(first) == other
    assert not copy_of(PUBLIC, [(n, facts_in(row), labels_in(row)) for n, row in enumerate(rows)]).is_uniform
