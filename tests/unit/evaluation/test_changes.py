from agent.evaluation.cases import Expected
from agent.evaluation.changes import Turn, compare
from agent.types import Decision
from tests.unit.evaluation.made import HANDED_OVER, made, record

H = Decision.HANDOFF


def turn_of(before, after, expected=None) -> Turn | None:
    given = {} if expected is None else {"expected": expected}
    found = compare([record("x", before, **given)], [record("x", after, **given)])
    return found.changes[0].turn if found.changes else None


def test_what_became_wrong_is_worse_and_what_became_right_better():
    assert turn_of(made(), made(cited="cats", answer="Cats [1]")) is Turn.WORSE
    assert turn_of(made(H), made()) is Turn.BETTER


def test_a_wrong_answer_that_is_sent_is_worse_than_none():
    wrong = made(cited="cats", answer="Cats [1]")
    assert turn_of(wrong, made(H)) is Turn.BETTER
    assert turn_of(made(Decision.DRAFT, answer="Cats [1]"), wrong) is Turn.WORSE
    assert turn_of(made(H), made(Decision.CLARIFY)) is Turn.CHANGED


def test_what_nothing_is_expected_of_is_changed():
    assert turn_of(made(H), made(), Expected()) is Turn.CHANGED
    assert turn_of(made(answer="€12 [1]"), made(answer="It is €12 [1]")) is Turn.CHANGED


def test_white_space_and_an_unknown_decision_are_no_change():
    assert turn_of(made(answer="a  b\n"), made(answer="a b")) is None
    assert turn_of(made(None, answer="a b"), made(H, answer="a b")) is None
    assert turn_of(made(H, answer="€12"), made(answer="€12")) is Turn.BETTER


def test_changes_are_listed_worst_first_with_what_can_not_be_compared_apart():
    before = [record("same", made()), record("gone", made()), record("b", made(H)), record("w", made()), record("c", made())]
    after = [
        record("same", made()),
        record("new", made()),
        record("failed", None, failed="down"),
        record("b", made()),
        record("c", made(answer="Well, €12 [1]")),
        record("w", made(H)),
    ]
    found = compare(before, after)
    assert [(one.id, one.turn) for one in found.changes] == [("w", Turn.WORSE), ("b", Turn.BETTER), ("c", Turn.CHANGED)]
    assert (found.same, found.added, found.gone) == (1, ("new",), ("gone",))
    assert (found.changes[0].is_decision, found.changes[2].is_decision) == (True, False)
    assert [found.count(turn) for turn in ("worse", "better", "changed")] == [1, 1, 1]


def test_both_are_judged_by_what_is_expected_now():
    found = compare([record("x", made())], [record("x", made(H), HANDED_OVER)])
    assert found.changes[0].turn is Turn.BETTER
