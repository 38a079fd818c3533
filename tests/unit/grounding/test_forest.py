import math

import numpy as np
import pytest

from agent.grounding.alignment import FEATURES as WORD_FEATURES
from agent.grounding.features import FEATURES as CLAIM_FEATURES
from agent.grounding.forest import Forest
from agent.grounding.verifier import weights, word_doubts


def stump(threshold: float, low: float, high: float, baseline: float = 0.0) -> Forest:
    """One tree of one question: is the first figure at most `threshold`?"""
    return Forest(
        feature=np.array([0, 0, 0], np.int32),
        threshold=np.array([threshold, 0, 0], np.float32),
        left=np.array([1, 1, 2], np.int32),
        right=np.array([2, 1, 2], np.int32),
        value=np.array([0, low, high], np.float32),
        roots=np.array([0], np.int32),
        baseline=baseline,
        depth=1,
    )


def test_a_row_goes_left_up_to_the_threshold_and_its_leaf_is_a_logit() -> None:
    low, at, high = stump(0.5, -1.0, 2.0).chances([[0.0], [0.5], [0.6]])
    assert low == at == pytest.approx(1 / (1 + math.exp(1)))
    assert high == pytest.approx(1 / (1 + math.exp(-2)))


def test_no_rows_are_no_chances() -> None:
    assert stump(0, 0, 0).chances([]).shape == (0,)


def test_what_is_stored_is_read_back(tmp_path) -> None:
    np.savez(tmp_path / "w.npz", **stump(0.5, -1.0, 2.0, baseline=0.25).stored("one"))
    with np.load(tmp_path / "w.npz", allow_pickle=False) as stored:
        again = Forest.read(stored, "one")
    assert again.chances([[0.4]])[0] == pytest.approx(1 / (1 + math.exp(0.75)))


def test_what_ships_asks_for_figures_that_there_are() -> None:
    shipped = weights()
    assert shipped.words.feature.max() < len(WORD_FEATURES)
    assert shipped.claims.feature.max() < len(CLAIM_FEATURES) + len(word_doubts([]))
    assert 0 < shipped.threshold < 1


def test_a_claim_is_as_doubtful_as_its_worst_words() -> None:
    assert word_doubts([0.1, 0.7, 0.2]) == pytest.approx([0.7, 0.2, 1.0, 1 / 3])
    assert word_doubts([0.4]) == pytest.approx([0.4, 0.0, 0.4, 0.4])
    assert word_doubts([]) == [0.0] * 4
