import pytest

from knowledge.fusion import ASKED_WEIGHT, NAMED_WEIGHT, WORDS_WEIGHT, Nearness, fuse
from knowledge.lexical import Match
from knowledge.types import PassageId

A, B, C = (PassageId(x) for x in "abc")


def test_words_lift_a_passage_over_a_slightly_closer_one():
    assert [i for i, _ in fuse({A: Nearness(0.50), B: Nearness(0.49)}, {B: Match((12.0,))})] == [B, A]


def test_words_lift_it_less_if_they_count_less():
    near, matches = {A: Nearness(0.55), B: Nearness(0.49)}, {B: Match((12.0,))}
    assert [i for i, _ in fuse(near, matches)] == [B, A]
    assert [i for i, _ in fuse(near, matches, 0.05)] == [A, B]


def test_without_common_words_meaning_decides():
    ranked = fuse({A: Nearness(0.2), B: Nearness(0.4)}, {})
    assert ranked == [(B, pytest.approx((1 - WORDS_WEIGHT) * 0.4)), (A, pytest.approx((1 - WORDS_WEIGHT) * 0.2))]


def test_a_title_that_was_named_before_tells_twins_apart():
    ranked = fuse({A: Nearness(0.5), B: Nearness(0.48)}, {A: Match((9.0,), 0.0, 0.0), B: Match((9.0,), 0.0, 0.8)})
    assert [i for i, _ in ranked] == [B, A]
    assert dict(ranked)[B] - dict(ranked)[A] < NAMED_WEIGHT


def test_a_nearer_way_of_asking_wins():
    assert [i for i, _ in fuse({A: Nearness(0.6), B: Nearness(0.5, asked=0.9)}, {})] == [B, A]
    assert Nearness(0.5, asked=0.9).meaning == 0.5 + ASKED_WEIGHT * (0.9 - 0.5)


def test_a_farther_way_of_asking_changes_nothing():
    assert Nearness(0.5, asked=0.1).meaning == 0.5


def test_scores_stay_between_zero_and_one():
    found = {A: Nearness(1.0000001), B: Nearness(-0.3), C: Nearness(0.5)}
    scores = dict(fuse(found, {A: Match((40.0,)), C: Match((10.0,))}))
    assert scores[A] == 1.0
    assert scores[B] == 0.0
    assert 0 < scores[C] < 1
    named = dict(fuse(found, {A: Match((40.0,), 0.0, 1.0), C: Match((10.0,))}))
    assert 1.0 >= named[A] > named[C] > named[B] >= 0.0


def test_equal_scores_have_a_fixed_order():
    assert [i for i, _ in fuse({B: Nearness(0.5), A: Nearness(0.5)}, {})] == [A, B]


def test_the_part_of_a_long_request_that_a_passage_answers_best_decides():
    near = {A: Nearness(0.5, need=0.05), B: Nearness(0.45, need=0.4)}
    assert [i for i, _ in fuse(near, {})] == [B, A]
    matches = {A: Match((9.0, 0.0)), B: Match((0.0, 3.0)), C: Match((1.0, 1.0))}
    by_words = dict(fuse({i: Nearness(0.5) for i in (A, B, C)}, matches))
    assert by_words[A] == by_words[B] > by_words[C]


def test_words_of_the_title_count_beside_those_of_the_text():
    ranked = fuse({A: Nearness(0.5), B: Nearness(0.5)}, {A: Match((9.0,)), B: Match((9.0,), 3.0)})
    assert [i for i, _ in ranked] == [B, A]
