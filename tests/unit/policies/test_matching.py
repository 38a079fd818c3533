"""What a message is like, and which of the guidelines that match are told."""

import numpy as np
import pytest

from policies.matching import BEHIND, FIT, MOST, MOST_BYTES, Candidate, ExampleTable, choose


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    found = np.array(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def ids(*candidates: Candidate, standing: frozenset[str] = frozenset()) -> tuple[str, ...]:
    return choose(candidates, standing)


def names(*given: str) -> frozenset[str]:
    return frozenset(given)


def test_nearness_is_that_of_the_nearest_example_to_any_part() -> None:
    table = ExampleTable({"a": unit((1, 0, 0), (0, 1, 0)), "b": unit((0, 0, 1))})
    found = table.likeness(unit((1, 0, 0), (0, 0, 1)))
    assert found["a"] == pytest.approx(1.0)
    assert found["b"] == pytest.approx(1.0)
    assert table.likeness(unit((1, 0, 0)))["b"] == pytest.approx(0.0)


def test_fit_is_to_the_examples_together_and_not_to_one_that_lies_apart() -> None:
    stray, others = (1.0, 0.2, 0, 0), [(0, 0, 1.0, 0.1 * n) for n in range(4)]
    table = ExampleTable({"stray": unit(stray, *others), "near": unit((0.9, 0.4, 0, 0), (0.8, 0.6, 0, 0))})
    found = table.likeness(unit((1.0, 0.2, 0, 0)))
    assert found["stray"] > found["near"]
    assert found["near" + FIT] > found["stray" + FIT]


def test_a_story_that_one_example_alone_tells_is_a_better_fit_than_half_of_what_all_tell() -> None:
    story, plain = (0, 0, 1.0, 0, 0), [(1.0, 0, 0, 0.1 * n, 0) for n in range(3)]
    table = ExampleTable({"told": unit(story, *plain), "vague": unit(*[(0, 1.0, 0.4, 0, 0.1 * n) for n in range(4)])})
    found = table.likeness(unit((0, 0.2, 1.0, 0, 0)))
    assert found["told" + FIT] > found["vague" + FIT]


def test_a_rule_fits_no_better_for_having_its_examples_twice() -> None:
    rows = [(1.0, 0.2, 0), (0.8, 0, 0.4)]
    table = ExampleTable({"once": unit(*rows), "twice": unit(*rows, *rows)})
    found = table.likeness(unit((1.0, 0.1, 0.1)))
    assert found["twice" + FIT] == pytest.approx(found["once" + FIT])


def test_a_sentence_of_a_long_message_counts_half_for_the_fit() -> None:
    table = ExampleTable({"a": unit((1, 0, 0)), "b": unit((0, 1, 0)), "c": unit((0, 0, 1))})
    alone, within = table.likeness(unit((1, 0, 0))), table.likeness(unit((0, 1, 0), (1, 0, 0)))
    assert table.likeness(unit((0, 1, 0)))["a" + FIT] < within["a" + FIT] < alone["a" + FIT]


def test_nothing_is_like_nothing() -> None:
    assert ExampleTable({}).likeness(unit((1, 0))) == {}
    assert ExampleTable({"a": unit((1, 0))}).likeness(np.zeros((0, 2), np.float32)) == {}


def test_priority_comes_before_fit_and_fit_before_the_file() -> None:
    found = ids(Candidate("a", 0, 0.5), Candidate("b", 0, 0.6), Candidate("c", 5, 0.45), Candidate("d", 0, 0.6))
    assert found == ("c", "b", "d", "a")


def test_what_is_kept_out_excludes_nobody() -> None:
    first = Candidate("first", 2, excludes=names("second"))
    second = Candidate("second", 1, excludes=names("third"))
    assert ids(first, second, Candidate("third")) == ("first", "third")


def test_who_excludes_wins_wherever_it_stands_unless_the_other_is_more_important() -> None:
    special = Candidate("special", 0, 0.4, excludes=names("general"))
    assert ids(Candidate("general", 0, 1.0), special) == ("special",)
    assert ids(Candidate("general", 1, 1.0), special) == ("general", "special")
    one, other = Candidate("one", fit=0.6, excludes=names("other")), Candidate("other", fit=0.5, excludes=names("one"))
    assert ids(other, one) == ("one",)


def test_what_is_required_must_apply() -> None:
    needs = Candidate("needs", 1, requires=names("base"))
    assert ids(needs) == ()
    assert ids(needs, Candidate("base")) == ("needs", "base")
    assert ids(needs, standing=names("base")) == ("needs",)
    assert ids(needs, Candidate("base"), Candidate("boss", 9, excludes=names("base"))) == ("boss",)


def test_a_rule_that_falls_with_what_it_requires_keeps_nobody_out() -> None:
    falls = Candidate("falls", 9, requires=names("absent"), excludes=names("other"))
    assert ids(falls, Candidate("other")) == ("other",)


def test_no_more_than_the_limit_and_none_without_what_it_requires() -> None:
    many = [Candidate(f"r{n}", 10 - n) for n in range(MOST + 3)]
    assert ids(*many) == tuple(f"r{n}" for n in range(MOST))
    pair = [Candidate("needs", 6, requires=names("base")), Candidate("base", -1)]
    assert ids(*many[: MOST - 1], *pair) == ("r0", "r1", "r2", "r3", "base")
    assert ids(*many[: MOST - 2], *pair) == ("r0", "r1", "r2", "needs", "base")


def test_no_more_bytes_than_the_limit_but_always_the_first() -> None:
    half = MOST_BYTES // 2 + 1
    assert ids(Candidate("a", 3, size=half), Candidate("b", 2, size=half), Candidate("c", 1, size=10)) == ("a", "c")
    assert ids(Candidate("a", 3, size=MOST_BYTES + 1), Candidate("b", 2, size=10)) == ("a",)


def test_what_fits_far_worse_than_the_best_is_left_out_unless_its_author_is_sure() -> None:
    best, far = Candidate("best", fit=0.7, sure=False), 0.69 - BEHIND
    assert ids(best, Candidate("far", fit=far, sure=False)) == ("best",)
    assert ids(best, Candidate("far", fit=far, sure=True)) == ("best", "far")
    named = Candidate("named", fit=1.0, sure=True)
    assert ids(named, best) == ("named", "best"), "a pattern's fit says nothing of the others"


def test_what_all_rules_share_tells_nothing_of_one() -> None:
    own, other = (4.0, 1.0, 0), (4.0, 0, 1.0)
    table = ExampleTable({"own": unit(*[own] * 2000), "other": unit(*[other] * 2000)})
    found = table.likeness(unit((4.0, 0.5, 0)))
    assert found["own"] - found["other"] < 0.1
    assert found["own" + FIT] - found["other" + FIT] > 0.5
