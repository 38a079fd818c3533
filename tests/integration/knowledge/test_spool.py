from pathlib import Path

import pytest

from knowledge.errors import IndexUnavailable
from knowledge.rows import labels_of
from knowledge.spool import Spool
from knowledge.types import Audience, Document, DocumentId, Trust


def document(n: int) -> Document:
    return Document(
        DocumentId(f"d{n}"),
        f"Title {n}",
        f"Text \ud800 {n} " * 2_000,
        Audience.INTERNAL,
        f"/docs/{n}.md",
        language="de",
        trust=Trust.LOW,
    )


def test_documents_come_back_as_they_were_in_any_order(tmp_path: Path):
    documents = [document(n) for n in range(5)]
    with Spool(tmp_path) as spool:
        kept = [spool.keep(one) for one in documents]
        assert list(spool.documents(reversed(kept))) == documents[::-1]
        assert list(spool.documents([kept[3], spool.keep(document(9)), kept[3]])) == [documents[3], document(9), documents[3]]


def test_what_is_kept_in_memory_tells_a_document_apart(tmp_path: Path):
    with Spool(tmp_path) as spool:
        kept = spool.keep(document(1))
    assert (kept.doc_id, kept.version, kept.audience) == ("d1", document(1).version, Audience.INTERNAL)
    assert labels_of(kept) == labels_of(document(1))


def test_nothing_is_left_in_the_folder(tmp_path: Path):
    with Spool(tmp_path) as spool:
        spool.keep(document(1))
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(IndexUnavailable, match="Is the disk full"):
        Spool(tmp_path / "missing")
