import json

import pytest

from knowledge.errors import SourceUnreadable
from knowledge.sources.converted import Converted, Sheet
from knowledge.sources.delimited import parse_csv
from knowledge.sources.faq import documents_of_sheets
from knowledge.sources.jsonl import parse_jsonl
from knowledge.types import Audience, Document, SourceFailure


def csv_documents(text: str) -> list[Document | SourceFailure]:
    return list(parse_csv(text, "faq.csv", "/d/faq.csv"))


def lines(*values: object) -> list[Document | SourceFailure]:
    text = "\n".join(value if isinstance(value, str) else json.dumps(value) for value in values)
    return list(parse_jsonl(text, "kb.jsonl", "/d/kb.jsonl"))


def test_each_row_is_a_document():
    text = (
        "ID,Question,Answer,Audience,Language,URL,Updated,Tags,Asked\n"
        'pets,May I bring a dog?,"Yes, two.",internal,en,https://x.example/p,2026-03-01,"a, b",Is my puppy welcome?;cat ok\n'
        ",Where is the key?,In the box.,,,,,,\n"
    )
    pets, key = csv_documents(text)
    assert isinstance(pets, Document)
    assert (pets.doc_id, pets.title, pets.text, pets.source) == ("pets", "May I bring a dog?", "Yes, two.", "/d/faq.csv")
    assert (pets.audience, pets.language, pets.url) == (Audience.INTERNAL, "en", "https://x.example/p")
    assert (pets.updated, pets.tags, pets.asked) == ("2026-03-01", ("a", "b"), ("Is my puppy welcome?", "cat ok"))
    assert isinstance(key, Document)
    assert (key.doc_id, key.audience, key.tags) == ("faq.csv#where-is-the-key", Audience.PUBLIC, ())


@pytest.mark.parametrize("head", ["Frage;Antwort", "TITLE\ttext", "frage,Antwort"])
def test_heads_in_other_words_and_with_other_separators(head: str):
    separator = next(one for one in ";\t," if one in head)
    (document,) = csv_documents(f"{head}\nWo ist der Schlüssel?{separator}Im Kasten.\n")
    assert isinstance(document, Document)
    assert (document.title, document.text) == ("Wo ist der Schlüssel?", "Im Kasten.")


def test_the_same_question_twice_has_two_ids():
    found = csv_documents("question,answer\nKey?,A\nKey?,B\n日本,C\n")
    assert [getattr(one, "doc_id", None) for one in found] == ["faq.csv#key", "faq.csv#key-2", "faq.csv#row-4"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("question,answer,audience\nQ,A,intern\n", "row 2: audience 'intern' is not known"),
        ("question,answer,audeince\nQ,A,internal\n", "did you mean audience"),
        ("question,answr,audience\nQ,A,internal\n", "none that names a question"),
        ("audiense,price\ninternal,4\n", "did you mean audience"),
        ("question,answer\nQ,\n", "row 2: has no answer"),
        ("question,answer\n,A\n", "row 2: has no question"),
        ("question,answer\nQ,A, and more\n", "more cells than the head"),
        ("question,answer,answer\nQ,A,B\n", "same name"),
    ],
)
def test_a_row_or_table_that_can_not_be_trusted_is_a_failure_of_its_file(text: str, reason: str):
    (failure,) = csv_documents(text)
    assert isinstance(failure, SourceFailure)
    assert failure.source == "/d/faq.csv"
    assert reason in failure.reason


def test_another_table_is_one_document():
    (document,) = csv_documents("Animal,Fee\nDog,4 | 5\n\nCat,2\n")
    assert isinstance(document, Document)
    assert (document.doc_id, document.title) == ("faq.csv", "Faq")
    assert document.text == "| Animal | Fee |\n| --- | --- |\n| Dog | 4 \\| 5 |\n| Cat | 2 |"


@pytest.mark.parametrize("text", ["", " \n", 'question,answer\n"never closed,A\n'])
def test_csv_that_is_none(text: str):
    with pytest.raises(SourceUnreadable):
        csv_documents(text)


def test_a_workbook_gives_its_rows_and_its_other_tables():
    faq = Sheet("FAQ", [["House rules"], [], ["question", "answer"], ["Key?", "Box."]])
    sheets = [faq, Sheet("Fees", [["Animal", "Fee"], ["Dog", "4"]]), Sheet("Taxes", [["City", "3"]])]
    row, tables = documents_of_sheets(Converted(title="Book", updated="2026-01-02", sheets=sheets), "b.xlsx", "/d/b.xlsx")
    assert isinstance(row, Document)
    assert isinstance(tables, Document)
    assert (row.doc_id, row.title, row.updated) == ("b.xlsx#key", "Key?", None)
    assert (tables.doc_id, tables.title, tables.updated) == ("b.xlsx", "Book", "2026-01-02")
    assert "## Fees\n\n| Animal | Fee |" in tables.text
    assert "## Taxes" in tables.text


def test_each_line_is_a_document_and_a_bad_one_names_itself():
    good = {"id": "a", "title": "A", "text": "Text.\u2028More.", "audience": "Internal", "tags": ["x"], "asked": ["how"]}
    found = lines(
        good, "{broken", "", {"title": "B", "text": "B."}, {"title": "C"}, [1], {"title": "D", "text": "D.", "audience": "all"}
    )
    first, broken, second, no_text, no_object, unknown = found
    assert isinstance(first, Document)
    assert (first.doc_id, first.text, first.audience) == ("a", "Text.\u2028More.", Audience.INTERNAL)
    assert (first.tags, first.asked, first.source) == (("x",), ("how",), "/d/kb.jsonl")
    assert isinstance(second, Document)
    assert second.doc_id == "kb.jsonl#b"
    expected = [(broken, "line 2: is not JSON"), (no_text, "line 5: has no text"), (no_object, "line 6: is not an object")]
    for failure, reason in [*expected, (unknown, "line 7: audience 'all' is not known")]:
        assert isinstance(failure, SourceFailure)
        assert failure.source == "/d/kb.jsonl"
        assert reason in failure.reason


@pytest.mark.parametrize("key", ["audiance", "audience ", "Audiences"])
def test_a_misspelt_audience_never_makes_a_line_public(key: str):
    (found,) = lines({"title": "A", "text": "A.", key: "internal"})
    assert isinstance(found, SourceFailure) or found.audience is Audience.INTERNAL


def test_nesting_without_end_is_a_failure_of_its_line():
    (failure,) = lines('{"a":' + "[" * 100_000)
    assert isinstance(failure, SourceFailure)
