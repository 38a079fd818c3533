from knowledge.retriever import ASKED_WEIGHT, DENSE_WEIGHT, Nearness, fuse
from knowledge.types import PassageId

A, B, C = (PassageId(x) for x in "abc")


def test_words_lift_a_passage_over_a_slightly_closer_one():
    assert [i for i, _ in fuse({A: Nearness(0.50), B: Nearness(0.49)}, {B: 12.0})] == [B, A]


def test_without_common_words_meaning_decides():
    ranked = fuse({A: Nearness(0.2), B: Nearness(0.4)}, {})
    assert ranked == [(B, DENSE_WEIGHT * 0.4), (A, DENSE_WEIGHT * 0.2)]


def test_a_passage_with_a_nearer_sentence_wins():
    assert [i for i, _ in fuse({A: Nearness(0.5), B: Nearness(0.45, sentence=0.9)}, {})] == [B, A]


def test_a_way_of_asking_counts_more_than_a_sentence():
    assert [i for i, _ in fuse({A: Nearness(0.5, sentence=0.9), B: Nearness(0.5, asked=0.9)}, {})] == [B, A]
    assert Nearness(0.5, asked=0.9).meaning == 0.5 + ASKED_WEIGHT * (0.9 - 0.5)


def test_a_farther_point_changes_nothing():
    assert Nearness(0.5, sentence=0.3, asked=0.1).meaning == 0.5


def test_scores_stay_between_zero_and_one():
    scores = dict(fuse({A: Nearness(1.0000001), B: Nearness(-0.3), C: Nearness(0.5)}, {A: 40.0, C: 10.0}))
    assert scores[A] == 1.0
    assert scores[B] == 0.0
    assert 0 < scores[C] < 1


def test_equal_scores_have_a_fixed_order():
    assert [i for i, _ in fuse({B: Nearness(0.5), A: Nearness(0.5)}, {})] == [A, B]
