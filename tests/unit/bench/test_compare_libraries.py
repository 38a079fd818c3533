from pathlib import Path

import pytest

from knowledge.evaluation.run import turns
from tests.bench.compare_libraries import CompareError, parse_arguments, parse_pythons, spread
from tests.bench.libraries.job import Answer, Asked, Corpus, Outcome
from tests.bench.libraries.table import as_text, rows_of
from tests.bench.libraries.turns import variants

OUTCOME = Outcome(
    versions={"langchain-chroma": "1.1.0"},
    index_s=2.0,
    peak_bytes=500_000_000,
    answers=[
        Answer("whole", "q1", ["x", "a"], 10.0),
        Answer("whole", "q2", ["b"], 30.0),
        Answer("last turn", "q1", ["a"], 5.0),
        Answer("last turn", "q2", ["b"], 7.0),
    ],
)
ROWS = rows_of("langchain", "travel", OUTCOME, {"q1": {"a": 1.0}, "q2": {"b": 1.0}}, documents=8, version="1.1.0")


def test_each_variant_of_the_queries_is_a_row_with_its_own_figures():
    whole, last = ROWS
    assert (whole.variant, whole.queries, whole.recall_20, whole.p50_ms, whole.p95_ms) == ("whole", 2, 1.0, 10.0, 30.0)
    assert whole.ndcg_10 == pytest.approx((0.63093 + 1) / 2, abs=1e-5)
    assert (last.ndcg_10, last.p50_ms, last.p95_ms) == (1.0, 5.0, 7.0)
    assert (whole.documents_per_s, whole.peak_mb) == (4.0, 500.0)


def test_the_better_variant_is_marked():
    assert [row.is_best for row in ROWS] == [False, True]
    assert "| last turn * |" in as_text(ROWS)


def test_a_single_variant_is_not_marked():
    alone = Outcome({}, 1.0, 1, [Answer("as given", "q1", ["a"], 1.0)])
    assert [row.is_best for row in rows_of("haystack", "faq", alone, {"q1": {"a": 1.0}}, 1, "3")] == [False]


def test_the_table_is_aligned_markdown():
    head, rule, *lines = as_text(ROWS).split("\n\n")[0].splitlines()
    assert head.startswith("| system    | set        | query")
    assert {len(line) for line in (head, rule, *lines)} == {len(head)}
    assert lines[1].split("|")[4:8] == ["   1.000 ", "     1.000 ", "    5.0 ", "    7.0 "]


def test_a_document_is_ranked_by_its_best_passage():
    assert Corpus(["1", "2", "3"], ["a", "b", "a"], Path()).ranked([2, 1, 0]) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("Customer: Hello\nAgent: Yes?\nCustomer: Is it: open? \n", "Is it: open?"),
        ("Customer: Hello", "Hello"),
        ("plain question", "plain question"),
    ],
)
def test_the_last_turn_is_what_the_customer_said_last(text: str, last: str):
    assert turns(text)[-1] == last


def test_conversations_are_asked_whole_and_by_their_last_turn():
    queries = {"q1": "Customer: Hi\nAgent: Yes?\nCustomer: A pool?", "q2": "Pets?"}
    assert variants(queries) == [
        Asked("whole", "q1", queries["q1"]),
        Asked("whole", "q2", "Pets?"),
        Asked("last turn", "q1", "A pool?"),
        Asked("last turn", "q2", "Pets?"),
    ]


def test_single_questions_are_asked_once():
    assert variants({"q1": "Pets?"}) == [Asked("as given", "q1", "Pets?")]


def test_a_part_of_the_queries_is_spread_over_all():
    assert spread(list("abcdefghij"), 4) == ["a", "c", "f", "h"]
    assert spread(list("abc"), 10) == ["a", "b", "c"]


def test_a_python_can_be_named_for_a_system():
    pythons = parse_pythons(["haystack=/x/bin/python", "innkeeper=/y=z"])
    assert pythons.of("haystack") == "/x/bin/python"
    assert pythons.of("innkeeper") == "/y=z"


@pytest.mark.parametrize("text", ["haystack", "haystack=", "nothing=/x", "=/x"])
def test_a_python_for_nothing_is_an_error(text: str):
    with pytest.raises(CompareError, match="write one of innkeeper, langchain, llamaindex, haystack"):
        parse_pythons([text])


def test_arguments_are_checked(capsys: pytest.CaptureFixture[str]):
    assert parse_arguments(["--sets", "mtrag_un, stackfaq"]).sets == ["mtrag_un", "stackfaq"]
    for given in (["--sets", "nope"], ["--queries", "0"], ["--systems", "solr"]):
        with pytest.raises(SystemExit):
            parse_arguments(given)
    assert "'solr' is not one of innkeeper, langchain, llamaindex, haystack" in capsys.readouterr().err
