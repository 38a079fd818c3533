import pytest

from agent.grounding.second import Opinion, pooled, revised
from agent.grounding.types import Judgement

OPEN = Judgement(False, 0.6, 1, "the region", "words that the sentence does not have", is_open=True)


def test_both_have_the_same_say_and_the_result_lies_between() -> None:
    assert pooled(0.5, 0.5) == pytest.approx(0.5)
    assert pooled(0.2, 0.8) == pytest.approx(0.5)
    assert 0.6 < pooled(0.6, 0.9) < 0.9
    assert pooled(0.6, 0.9) == pytest.approx(pooled(0.9, 0.6))
    assert pooled(0.0, 1.0) == pytest.approx(0.5)
    assert pooled(0.94, 1.0) < 0.99


def test_a_yes_supports_an_open_claim_and_its_quote_counts() -> None:
    found = revised(OPEN, Opinion(True, 0.95, "the sentence"))
    assert (found.supported, found.quote, found.passage, found.reason) == (True, "the sentence", 1, "")
    assert 0.6 < found.probability < 0.95
    assert revised(OPEN, Opinion(True, 0.95)).quote == "the region"


def test_a_no_takes_back_what_the_forests_let_pass_and_makes_nothing_surer() -> None:
    passed = Judgement(True, 0.96, quote="the region", is_open=True)
    found = revised(passed, Opinion(False, 0.1, reason="no"))
    assert (found.supported, found.reason) == (False, "no")
    assert found.probability < 0.96
    assert revised(OPEN, Opinion(False, 0.9, reason="no")).probability == 0.6


@pytest.mark.parametrize("opinion", [None, Opinion(True, 1.0, "x"), Opinion(False, 0.0)])
def test_what_the_rules_have_decided_stays(opinion: Opinion | None) -> None:
    for closed in (Judgement(True, 0.99, quote="q"), Judgement(False, 0.01, reason="number 7 is not in the article")):
        assert revised(closed, opinion) == closed
    assert revised(OPEN, None) == OPEN
