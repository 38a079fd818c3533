from collections.abc import Sequence

import numpy as np
import pytest

from knowledge.embed_both import BothEmbedder, joined
from knowledge.embed_e5 import DIMENSIONS
from knowledge.types import Vectors

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


class Fixed:
    """Looks at one direction, and at another one for what has a title."""

    name = "fixed"

    def __init__(self, plain: int, titled: int) -> None:
        self._rows = np.eye(DIMENSIONS, dtype=np.float32)[[plain, titled]]

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.tile(self._rows[0], (len(texts), 1))

    embed_queries = embed

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        return self._rows[[int(bool(title)) for title, _ in passages]]


def test_each_model_reads_titles_its_own_way() -> None:
    embedder = BothEmbedder(Fixed(0, 1), Fixed(2, 2))
    with_title, without = embedder.embed_passages([("Dogs", "Dogs\nThey may come."), ("", "They may come.")])
    query = embedder.embed(["dogs"])[0]
    half = DIMENSIONS
    assert np.linalg.norm(with_title) == pytest.approx(1)
    assert (with_title[:half] @ query[:half], without[:half] @ query[:half]) == (pytest.approx(0), pytest.approx(0.5))
    assert with_title[half:] @ query[half:] == pytest.approx(without[half:] @ query[half:])
    assert embedder.embed_passages([]).shape == (0, 0)
