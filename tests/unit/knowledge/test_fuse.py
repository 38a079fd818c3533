from knowledge.retriever import DENSE_WEIGHT, POINT_WEIGHT, fuse
from knowledge.types import PassageId

A, B, C = (PassageId(x) for x in "abc")


def test_words_lift_a_passage_over_a_slightly_closer_one():
    near = {A: 0.50, B: 0.49}
    assert [i for i, _ in fuse(near, near, {B: 12.0})] == [B, A]


def test_without_common_words_meaning_decides():
    near = {A: 0.2, B: 0.4}
    assert fuse(near, near, {}) == [(B, DENSE_WEIGHT * 0.4), (A, DENSE_WEIGHT * 0.2)]


def test_a_passage_with_the_nearer_sentence_wins():
    ranked = fuse({A: 0.5, B: 0.4}, {A: 0.5, B: 0.9}, {})
    assert [i for i, _ in ranked] == [B, A]
    assert ranked[0][1] == DENSE_WEIGHT * ((1 - POINT_WEIGHT) * 0.4 + POINT_WEIGHT * 0.9)


def test_scores_stay_between_zero_and_one():
    near = {A: 1.0000001, B: -0.3, C: 0.5}
    scores = dict(fuse(near, near, {A: 40.0, C: 10.0}))
    assert scores[A] == 1.0
    assert scores[B] == 0.0
    assert 0 < scores[C] < 1


def test_equal_scores_have_a_fixed_order():
    near = {B: 0.5, A: 0.5}
    assert [i for i, _ in fuse(near, near, {})] == [A, B]
