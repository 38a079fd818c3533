import math
import random
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from knowledge.errors import DatasetUnreadable
from knowledge.measure import ndcg, percentile, recall, reciprocal_rank


def test_ndcg_of_binary_judgements_by_hand():
    # 1/log2(2) + 1/log2(4) = 1.5 of the best 1/log2(2) + 1/log2(3) = 1.63093.
    assert ndcg(["a", "x", "b"], {"a": 1, "b": 1}) == pytest.approx(1.5 / (1 + 1 / math.log2(3)))
    assert ndcg(["a", "x", "b"], {"a": 1, "b": 1}) == pytest.approx(0.919721, abs=1e-6)


def test_ndcg_of_graded_judgements_by_hand():
    # Gains 3, 2, 3, 0, 1, 2 in ranking order, a worked example of the literature: DCG 6.861, best 7.141.
    grades = {"d1": 3, "d2": 2, "d3": 3, "d4": 0, "d5": 1, "d6": 2}
    assert ndcg(list(grades), grades) == pytest.approx(6.861127 / 7.140995, abs=1e-6)


def test_ndcg_looks_at_the_first_k_and_knows_the_best_k():
    assert ndcg(["x", "a"], {"a": 1}, k=1) == 0
    assert ndcg(["a", "x", "y"], {"a": 1, "b": 1, "c": 1}, k=1) == 1


@pytest.mark.parametrize("k", [1, 3, 10])
def test_ndcg_agrees_with_scikit_learn(k: int):
    dice = random.Random(k)
    for _ in range(50):
        grades = [dice.choice([0, 0, 1, 2, 3]) for _ in range(14)] + [1]
        order = dice.sample(range(15), 15)
        scores = np.zeros(15)
        scores[order] = np.arange(15, 0, -1)
        theirs = ndcg_score([grades], [scores], k=k)
        ours = ndcg([str(n) for n in order], {str(n): grade for n, grade in enumerate(grades)}, k=k)
        assert ours == pytest.approx(theirs)


def test_recall_is_the_share_of_what_is_relevant():
    assert recall(["a", "x", "b", "c"], {"a": 1, "b": 2, "c": 1, "never": 0}, k=3) == pytest.approx(2 / 3)
    assert recall([], {"a": 1}, k=3) == 0


def test_reciprocal_rank_is_that_of_the_first_relevant_document():
    assert reciprocal_rank(["x", "y", "b", "a"], {"a": 1, "b": 1}) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x", "a"], {"a": 1}, k=1) == 0
    assert reciprocal_rank(["x", "a"], {"x": 0, "a": 1}) == 0.5


def test_a_document_that_is_ranked_twice_counts_once():
    assert ndcg(["a", "a", "b"], {"a": 1, "b": 1}) == 1
    assert recall(["x", "x", "a"], {"a": 1}, k=2) == 1
    assert reciprocal_rank(["x", "x", "a"], {"a": 1}) == 0.5


@pytest.mark.parametrize("relevant", [{}, {"a": 0}, {"a": -1}])
def test_without_a_relevant_document_there_is_no_figure(relevant: dict[str, float]):
    for figure in (ndcg, recall, reciprocal_rank):
        with pytest.raises(ValueError, match="nothing to measure"):
            figure(["a"], relevant, 10)


def test_k_below_one_is_an_error():
    with pytest.raises(ValueError, match="k is 0"):
        recall(["a"], {"a": 1}, 0)


def test_percentile_is_a_value_that_was_seen():
    assert percentile([4, 1, 3, 2], 0.5) == 2
    assert percentile([4, 1, 3, 2], 0.95) == 4
    assert percentile([7], 0) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_the_error_says_where():
    assert str(DatasetUnreadable(Path("a/qrels.tsv"), 3, "is odd")) == "a/qrels.tsv, line 3: is odd"
    assert str(DatasetUnreadable(Path("a/qrels.tsv"), None, "is odd")) == "a/qrels.tsv: is odd"
