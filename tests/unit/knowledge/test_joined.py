import numpy as np
import pytest

from knowledge.embed import SentenceTransformerEmbedder
from knowledge.embed_both import BothEmbedder, joined
from knowledge.embed_e5 import DIMENSIONS, E5Embedder

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


def test_a_title_moves_the_english_half_alone() -> None:
    embedder = BothEmbedder(SentenceTransformerEmbedder(), E5Embedder())
    english, other = np.eye(DIMENSIONS, dtype=np.float32)[:1], np.eye(DIMENSIONS, dtype=np.float32)[1:2]
    own, title = joined(english, english, ENGLISH), joined(other, other, ENGLISH)
    moved = embedder.titled(own, title, 0.5)
    assert np.linalg.norm(moved) == pytest.approx(1)
    assert (moved @ joined(english, english, FOREIGN).T).item() == pytest.approx(np.sqrt(0.5))
    assert (moved @ joined(english, other, FOREIGN).T).item() == pytest.approx(0)
    assert moved[0, 0] == pytest.approx(2 * moved[0, 1])
