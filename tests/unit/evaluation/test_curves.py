import pytest

from agent.evaluation.curves import auroc, calibration_error, recall_at, reliability, risk_coverage

TRUTH = [True, True, False, True, False]
SCORES = [0.9, 0.8, 0.7, 0.6, 0.2]


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    assert auroc(TRUTH, SCORES) == pytest.approx(5 / 6)
    assert auroc([True, False], [0.5, 0.5]) == pytest.approx(0.5)


def test_auroc_of_one_kind_alone_is_none():
    assert auroc([True, True], [0.1, 0.9]) is None
    assert auroc([], []) is None


def test_recall_at_a_precision_counts_what_is_accepted_before_it_is_lost():
    assert recall_at(TRUTH, SCORES, 1.0) == pytest.approx(2 / 3)
    assert recall_at(TRUTH, SCORES, 0.75) == pytest.approx(1.0)
    assert recall_at([False, True], [0.9, 0.1], 0.95) == 0.0


def test_the_curve_ends_with_everything_accepted():
    curve = risk_coverage(TRUTH, SCORES)
    assert [round(point.coverage, 2) for point in curve] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert curve[0].risk == 0
    assert curve[-1].risk == pytest.approx(2 / 5)


def test_equal_scores_are_accepted_together():
    (point,) = risk_coverage([True, False], [0.5, 0.5])
    assert (point.coverage, point.risk) == (1.0, 0.5)


def test_a_bin_tells_what_was_foretold_and_what_came_true():
    first, last = reliability([False, True, True, False], [0.05, 0.92, 0.98, 1.0])
    assert (first.count, first.share) == (1, 0.0)
    assert (last.count, last.share) == (3, pytest.approx(2 / 3))
    assert last.mean == pytest.approx(0.9667, abs=1e-3)


def test_a_perfect_forecast_has_no_calibration_error():
    assert calibration_error(reliability([True, False], [1.0, 0.0])) == 0.0
    assert calibration_error([]) == 0.0
