from pathlib import Path

import pytest

from knowledge.errors import DatasetUnreadable
from knowledge.measure import CorpusDocument, load_dataset

CORPUS = (
    '{"id": "d1", "title": "Pets", "text": "Dogs are welcome."}\n{"id": "d2", "text": "Wi\u2028Fi", "url": "/wifi", "more": 1}\n'
)
QUERIES = '{"id": "q1", "text": "my dog"}\n{"id": "q2", "text": "internet"}\n{"id": "q3", "text": "pool"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq2\td2\t2\nq2\td1\t0\nq1\td1\t1\nq3\td1\t0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("corpus.jsonl", CORPUS), ("queries.jsonl", QUERIES), ("qrels.tsv", QRELS)):
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_a_folder_becomes_a_data_set(folder: Path):
    dataset = load_dataset(folder)
    assert dataset.name == folder.name
    assert dataset.documents == (
        CorpusDocument("d1", "Pets", "Dogs are welcome."),
        CorpusDocument("d2", "", "Wi\u2028Fi", "/wifi"),
    )
    assert dict(dataset.queries) == {"q1": "my dog", "q2": "internet", "q3": "pool"}
    assert dict(dataset.relevance) == {"q2": {"d2": 2.0}, "q1": {"d1": 1.0}}


def test_queries_without_a_relevant_document_are_not_judged(folder: Path):
    assert load_dataset(folder).judged == ("q1", "q2")


def test_blank_lines_windows_line_ends_a_byte_order_mark_and_no_head_are_fine(folder: Path):
    (folder / "queries.jsonl").write_bytes(b"\xef\xbb\xbf" + QUERIES.replace("\n", "\r\n\r\n").encode())
    (folder / "qrels.tsv").write_bytes(b"q1\td1\t1\r\n\r\nq2\td2\t0.5\r\n")
    dataset = load_dataset(folder)
    assert dict(dataset.relevance) == {"q1": {"d1": 1.0}, "q2": {"d2": 0.5}}
    assert dataset.queries["q3"] == "pool"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("corpus.jsonl", CORPUS + "{broken", r"corpus\.jsonl, line 3: is not a JSON object"),
        ("corpus.jsonl", CORPUS + "[1]", r"corpus\.jsonl, line 3: is not a JSON object"),
        ("corpus.jsonl", CORPUS + '{"id": "d3"}', r"corpus\.jsonl, line 3: `text`: Field required"),
        ("corpus.jsonl", CORPUS + '{"id": 3, "text": "x"}', r"corpus\.jsonl, line 3: `id`: Input should be a valid string"),
        ("corpus.jsonl", CORPUS + '{"id": "d1", "text": "x"}', r"line 3: the id 'd1' occurs a second time"),
        ("corpus.jsonl", "\n", r"corpus\.jsonl: has no rows"),
        ("queries.jsonl", '{"id": "q1", "text": " "}', r"queries\.jsonl, line 1: `text`: is empty"),
        ("qrels.tsv", "q1 d1 1", r"qrels\.tsv, line 1: has 1 columns, not 3"),
        ("qrels.tsv", "q1\td1\tgood", r"qrels\.tsv, line 1: the score 'good' is not a number"),
        ("qrels.tsv", "q1\td1\tnan", r"qrels\.tsv, line 1: the score 'nan' is not a number"),
        ("qrels.tsv", "\nq9\td1\t1", r"qrels\.tsv, line 2: the query 'q9' is not in queries\.jsonl"),
        ("qrels.tsv", "q1\td9\t1", r"qrels\.tsv, line 1: the document 'd9' is not in corpus\.jsonl"),
        ("qrels.tsv", "q1\td1\t0", r"qrels\.tsv: names no relevant document"),
    ],
)
def test_a_broken_file_is_named_with_its_line(folder: Path, name: str, text: str, said: str):
    (folder / name).write_text(text, "utf-8")
    with pytest.raises(DatasetUnreadable, match=said):
        load_dataset(folder)


def test_a_missing_file_says_what_a_data_set_is(folder: Path):
    (folder / "queries.jsonl").unlink()
    with pytest.raises(
        DatasetUnreadable, match=r"no such file; a data set is a folder with corpus\.jsonl, queries\.jsonl and qrels\.tsv"
    ):
        load_dataset(folder)


def test_other_encodings_are_named(folder: Path):
    (folder / "corpus.jsonl").write_bytes(b'{"id": "d1", "text": "caf\xe9"}')
    with pytest.raises(DatasetUnreadable, match="is not UTF-8 at byte 25"):
        load_dataset(folder)
