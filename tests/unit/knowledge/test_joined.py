import numpy as np
import pytest

from knowledge.embed_both import joined

RIGHT, UP = np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32)
ENGLISH, FOREIGN = np.zeros(1, np.float32), np.ones(1, np.float32)


def test_dot_product_is_the_weighted_sum_of_both_cosines() -> None:
    passage = joined(RIGHT, RIGHT, ENGLISH)
    assert (passage @ joined(RIGHT, UP, ENGLISH).T).item() == pytest.approx(0.5)
    assert (passage @ joined(RIGHT, RIGHT, ENGLISH).T).item() == pytest.approx(1)


def test_what_is_foreign_is_compared_by_the_multilingual_half_alone() -> None:
    passage = joined(RIGHT, RIGHT, ENGLISH)
    assert (passage @ joined(RIGHT, UP, FOREIGN).T).item() == pytest.approx(0)
    assert (passage @ joined(UP, RIGHT, FOREIGN).T).item() == pytest.approx(np.sqrt(0.5))


def test_rows_have_length_one_whatever_the_language() -> None:
    for foreign in (0.0, 0.3, 1.0):
        assert np.linalg.norm(joined(RIGHT, UP, np.array([foreign], np.float32))) == pytest.approx(1)
