from knowledge.evaluation.page import histogram, render
from knowledge.evaluation.run import CUTOFFS, Answered, Figures, turns
from knowledge.measure import CorpusDocument, Dataset

HOSTILE = "<script>alert('x')</script>"


def test_a_conversation_is_read_turn_by_turn():
    talk = "Customer: A room.\nAgent: Which town?\nCustomer: Is there\na pool?"
    assert turns(talk) == ["A room.", "Which town?", "Is there\na pool?"]
    assert turns("Is the Customer: label needed?") == ["Is the Customer: label needed?"]
    assert turns("Customer: ") == ["Customer:"]


def test_a_histogram_holds_every_value():
    bars = histogram([0.0, 0.05, 0.55, 1.0], 0.0, 1.0)
    assert [count for _, _, count in bars] == [2, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert sum(count for _, _, count in histogram([3.0, 3.0], 0.0, 3.0)) == 2
    assert sum(count for _, _, count in histogram([0.0], 0.0, 0.0)) == 1


def test_the_page_shows_figures_and_the_worst_queries_and_escapes_them():
    documents = (CorpusDocument("d1", HOSTILE, "one"), CorpusDocument("d2", "", "An untitled text"))
    dataset = Dataset("set", documents, {"q1": HOSTILE, "q2": "fine"}, {"q1": {"d2": 1.0}, "q2": {"d1": 1.0}})
    good = (1.0,) * len(CUTOFFS)
    answered = [
        Answered("q2", "fine", ("d1",), ("d1",), 1.0, 1.0, good, 4.0),
        Answered("q1", HOSTILE, ("d1",), ("d2",), 0.0, 0.0, (0.0,) * len(CUTOFFS), 6.0),
    ]
    page = render(Figures("set", "model", 2, 2, 2, 0.5, 0.5, 0.5, 0.5, 0.5, 4.0, 6.0, None), answered, dataset)
    assert "<script" not in page
    assert page.index("q1") < page.index("q2")
    assert "not found" in page
    assert "An untitled text" in page
    assert "0.500" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
