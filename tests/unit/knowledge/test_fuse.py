from knowledge.retriever import DENSE_WEIGHT, fuse
from knowledge.types import PassageId

A, B, C = (PassageId(x) for x in "abc")


def test_words_lift_a_passage_over_a_slightly_closer_one():
    assert [i for i, _ in fuse({A: 0.50, B: 0.49}, {B: 12.0})] == [B, A]


def test_without_common_words_meaning_decides():
    assert fuse({A: 0.2, B: 0.4}, {}) == [(B, DENSE_WEIGHT * 0.4), (A, DENSE_WEIGHT * 0.2)]


def test_scores_stay_between_zero_and_one():
    scores = dict(fuse({A: 1.0000001, B: -0.3, C: 0.5}, {A: 40.0, C: 10.0}))
    assert scores[A] == 1.0
    assert scores[B] == 0.0
    assert 0 < scores[C] < 1


def test_equal_scores_have_a_fixed_order():
    assert [i for i, _ in fuse({B: 0.5, A: 0.5}, {})] == [A, B]
