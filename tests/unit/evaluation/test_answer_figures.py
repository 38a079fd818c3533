import pytest

from agent.evaluation.answers import decisions, figures, percentile, slowest_first, worst_first
from agent.evaluation.cases import Expected
from agent.evaluation.records import Verdict, judge
from agent.types import Decision
from tests.unit.evaluation.made import ANSWERED, HANDED_OVER, made, record

A, D, H, C = Decision.ANSWER, Decision.DRAFT, Decision.HANDOFF, Decision.CLARIFY


@pytest.mark.parametrize(
    ("expected", "ended", "verdict", "why"),
    [
        (ANSWERED, made(), Verdict.RIGHT, ""),
        (ANSWERED, made(answer="12 EUR [1]"), Verdict.WRONG, "missing fact: €12"),
        (ANSWERED, made(answer="*€* 12"), Verdict.RIGHT, ""),
        (ANSWERED, made(cited="cats"), Verdict.WRONG, "wrong article: dogs expected, cats cited"),
        (ANSWERED, made(H), Verdict.WRONG, "wrong decision: answer expected, handoff made"),
        (ANSWERED, made(D), Verdict.RIGHT, ""),
        (ANSWERED, made(D, cited="cats"), Verdict.WRONG, "wrong article"),
        (Expected(decision=D), made(A), Verdict.WRONG, "wrong decision: draft expected"),
        (HANDED_OVER, made(H), Verdict.RIGHT, ""),
        (HANDED_OVER, made(D), Verdict.WRONG, "wrong decision: handoff expected"),
        (Expected(doc_ids=("cats", "dogs")), made(), Verdict.RIGHT, ""),
        (Expected(facts=("€12",)), made(H), Verdict.WRONG, "wrong decision: answer expected"),
        (Expected(), made(), Verdict.NONE, ""),
        (ANSWERED, made(None), Verdict.NONE, ""),
        (ANSWERED, None, Verdict.NONE, ""),
    ],
)
def test_right_is_the_decision_the_article_and_the_facts(expected, ended, verdict, why):
    judged = judge(expected, ended)
    assert judged.verdict is verdict
    assert why in "; ".join(judged.why)
    assert bool(why) == bool(judged.why)


def test_the_confusion_matrix_and_macro_f1():
    found = decisions([(A, A), (A, A), (A, H), (H, H), (H, A), (C, H), (None, A), (A, None)])
    assert found.labels == ("answer", "clarify", "handoff")
    assert found.counts == ((2, 0, 1), (0, 0, 1), (1, 0, 1))
    assert (found.right, found.total) == (3, 6)
    # answer: 2*2/(3+3); clarify: 0; handoff: 2*1/(2+3)
    assert found.macro_f1 == pytest.approx((2 / 3 + 0 + 2 / 5) / 3)


def test_figures_of_a_run():
    found = figures(
        [
            record("right", made(confidence=0.9, seconds=1)),
            record("fact", made(answer="It costs something [1]", confidence=0.6, seconds=2)),
            record("article", made(cited="cats", confidence=0.8, seconds=3)),
            record("proposed", made(D, confidence=0.7, seconds=4)),
            record("over", made(H, seconds=5)),
            record("invented", made(confidence=0.5, seconds=6), HANDED_OVER),
            record("person", made(H, seconds=7), HANDED_OVER),
            record("open", made(confidence=0.1, seconds=8), Expected()),
            record("failed", None, failed="ModelUnavailable: down"),
        ]
    )
    assert (found.cases, found.failed, found.right, found.wrong) == (9, 1, 3, 4)
    assert (found.answerable, found.answered, found.proposed) == (5, 3, 1)
    assert (found.right_article, found.all_facts, found.answered_right) == (3, 3, 1)
    assert (found.coverage, found.precision) == (pytest.approx(3 / 5), pytest.approx(1 / 3))
    assert (found.sent, found.sent_wrong) == (4, 3)
    # Judged answers by confidence: .9 right, .8 wrong, .7 right, .6 wrong, .5 wrong: 5 of 6 pairs in order.
    assert found.auroc == pytest.approx(5 / 6)
    assert [round(point.risk, 3) for point in found.curve] == [0, 0.5, 0.333, 0.5, 0.6]
    assert found.calibration_error == pytest.approx((0.1 + 0.8 + 0.3 + 0.6 + 0.5) / 5)
    assert (found.p50_s, found.p95_s) == (4, 8)
    assert found.llm_calls == {0: 2, 1: 6}
    assert found.prompt_tokens == 300
    assert (found.sentences, found.untraced) == (6, 0)


def test_figures_of_nothing_are_none():
    found = figures([record("failed", None, failed="down")])
    assert (found.coverage, found.precision, found.auroc, found.calibration_error, found.p50_s) == (None,) * 5
    assert (found.decisions.macro_f1, found.curve) == (None, ())


def test_a_percentile_is_the_nearest_rank():
    values = [float(n) for n in range(1, 21)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile([3.0], 0.95)) == (10, 19, 3)
    assert percentile([], 0.5) is None


def test_sent_and_wrong_comes_first_and_the_surest_of_it():
    untraced = made(confidence=0.2).model_copy(update={"untraced": ("We will refund you.",)})
    records = [
        record("right", made()),
        record("over", made(H)),
        record("failed", None, failed="down"),
        record("proposed", made(D, cited="cats")),
        record("sent-unsure", made(cited="cats", confidence=0.3)),
        record("sent-sure", made(cited="cats", confidence=0.9)),
        record("untraced", untraced),
    ]
    assert [one.id for one in worst_first(records)] == ["untraced", "sent-sure", "sent-unsure", "proposed", "failed", "over"]


def test_the_slowest_come_first():
    records = [record("a", made(seconds=1)), record("b", made(seconds=3)), record("c", None, failed="down")]
    assert [one.id for one in slowest_first(records)] == ["b", "a"]
