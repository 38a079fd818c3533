"""Hard rules that count: from when on they are set off, what wins, and what is wrong to write."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from policies.engine import PolicyEngine
from policies.explain import Count, explain
from policies.judging import Case, Clock
from policies.load import load_pack
from policies.testing import run_cases
from policies.types import Action, Facts, Verdict
from tests.unit.policies.test_cases import Words
from tests.unit.policies.test_load import edit, problems

CROSS = (
    "  - {id: cross, action: offer, after: 2, queue: care, say: clarify, "
    "any: [{pattern: '\\bangry\\b'}, {examples: [grr], threshold: 0.5}]}\n"
)
COUNTING = (
    "  - {id: stuck, action: handoff, say: dont_know, any: [{unanswered: 3}]}\n"
    "  - {id: again, action: handoff, say: handoff, any: [{repeated: 3}]}\n"
    "  - {id: down, action: handoff, priority: high, say: technical, any: [{tool_failures: 2}]}\n"
    "  - {id: rude, action: refuse, after: 2, say: refuse, any: [{pattern: '\\bidiot\\b'}]}\n"
)


@pytest.fixture
def counting(folder: Path) -> PolicyEngine:
    edit(folder, "escalation.yaml", "texts:\n", CROSS + COUNTING + "texts:\n")
    return PolicyEngine(load_pack(folder))


def told(text: str, similarity: float = 0.0) -> Facts:
    return Facts(text, "en", first_message=False, similarity={"cross": similarity})


def after(engine: PolicyEngine, before: Sequence[str], text: str, **known: Any) -> Verdict:
    facts = Facts(text, "en", first_message=not before, **known)
    return engine.gate(engine.counted(facts, before, told))


def test_a_rule_waits_for_the_second_message_of_its_kind(counting: PolicyEngine) -> None:
    assert after(counting, [], "I am angry").action is Action.ALLOW
    assert after(counting, ["hello"], "I am angry").action is Action.ALLOW
    assert after(counting, ["I am angry"], "still angry") == Verdict(Action.OFFER, "cross", "care", "normal", "clarify")
    assert after(counting, ["I am angry"], "hello").action is Action.ALLOW, "this message must be one of them"


@pytest.mark.parametrize(("between", "action"), [(0, Action.OFFER), (2, Action.OFFER), (3, Action.ALLOW), (30, Action.ALLOW)])
def test_twice_as_many_messages_are_looked_at(counting: PolicyEngine, between: int, action: Action) -> None:
    assert after(counting, ["I am angry", *["hello"] * between], "so angry").action is action


def test_meaning_counts_as_words_do(counting: PolicyEngine) -> None:
    facts = Facts("grr", "en", first_message=False, similarity={"cross": 0.9})
    read: list[str] = []

    def near(text: str) -> Facts:
        read.append(text)
        return told(text, 0.9)

    assert counting.gate(counting.counted(facts, ["hm"], near)).rule == "cross"
    assert counting.gate(counting.counted(facts, ["hm"], told)).rule is None
    counting.counted(Facts("hello", "en", first_message=False), ["a", "b"], near)
    assert read == ["hm"], "an ordinary message costs nothing"


def test_an_offer_is_made_once(counting: PolicyEngine) -> None:
    assert after(counting, ["I am angry"], "angry", used=("cross",)).action is Action.ALLOW


def test_a_yes_to_an_offer_is_a_hand_off_to_its_queue(counting: PolicyEngine) -> None:
    verdict = after(counting, ["I am angry"], "yes", accepted="cross", used=("cross",))
    assert verdict == Verdict(Action.HANDOFF, "cross", "care", "normal", "handoff")
    assert after(counting, [], "yes", accepted="rude").action is Action.ALLOW, "that one offers nothing"


def test_a_hand_off_wins_over_a_refusal_and_that_over_an_offer(counting: PolicyEngine) -> None:
    before = ["angry idiot"]
    assert after(counting, before, "angry idiot").rule == "rude"
    assert after(counting, before, "angry idiot", unanswered=3).rule == "stuck"
    assert after(counting, before, "angry idiot", unanswered=3, tool_failures=2).rule == "down"
    assert after(counting, before, "angry: there is a fire").rule == "safety"


def test_numbers_set_off_from_their_number_on(counting: PolicyEngine) -> None:
    assert [after(counting, [], "hm", unanswered=n).rule for n in (0, 2, 3, 4)] == [None, None, "stuck", "stuck"]
    assert [after(counting, [], "hm", tool_failures=n).rule for n in (1, 2)] == [None, "down"]
    asked = [(), (1,), (1, 5), (1, 6), (1, 2, 3)]
    assert [after(counting, [], "hm", asked_before=one).rule for one in asked] == [None, None, "again", None, "again"]


def test_numbers_are_told_apart_from_words(counting: PolicyEngine) -> None:
    facts = Facts("there is a fire", "en", first_message=False, tool_failures=2)
    assert (counting.gate(facts).rule, counting.by_number(facts).rule) == ("safety", "down")
    assert counting.by_number(Facts("there is a fire", "en", first_message=False)) == Verdict(Action.ALLOW)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("after: 1, any: [{pattern: x}]", "greater than or equal to 2"),
        ("after: 21, any: [{pattern: x}]", "less than or equal to 20"),
        ("after: two, any: [{pattern: x}]", "valid integer"),
        ("any: [{repeated: 1}]", "greater than or equal to 2"),
        ("any: [{unanswered: true}]", "valid integer"),
        ("any: [{tool_failures: 0}]", "greater than or equal to 1"),
        ("any: [{tool_failures: 2, pattern: x}]", "a condition has one of `pattern`, `examples`, `unanswered`"),
        ("any: [{}]", "give one of them"),
        ("any: [{repeated: 3, threshold: 0.5}]", "`threshold` belongs to `examples`"),
        ("any: [{repeatd: 3}]", "repeatd: unknown key; did you mean repeated?"),
        ("after: 2, any: [{repeated: 3}]", "`after` counts messages"),
        ("aftr: 2, any: [{pattern: x}]", "did you mean after?"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder: Path, rule: str, said: str) -> None:
    line = edit(folder, "escalation.yaml", "texts:\n", f"  - {{id: more, action: handoff, say: handoff, {rule}}}\ntexts:\n")
    found = problems(folder)
    assert any(said in one and one.startswith(f"{folder}/escalation.yaml:{line}: ") for one in found), found


@pytest.mark.parametrize("kind", ["repeated", "unanswered", "tool_failures"])
def test_only_triggers_count(folder: Path, kind: str) -> None:
    (folder / "topics.yaml").write_text(
        f"otherwise: {{dial: draft}}\ntopics: [{{id: t, about: x, dial: draft, any: [{{{kind}: 3}}]}}]\n"
    )
    assert any(f"{kind}: unknown key" in one for one in problems(folder))


CASES = """\
- name: twice
  given: {message: so angry, earlier: [I am angry, hello]}
  expect: {decision: offer, rule: cross, say: clarify, queue: care}
- name: once more
  given: {message: so angry, earlier: [I am angry], used: cross}
  expect: {decision: allow}
- name: asked again
  given: {message: Where is my refund?, earlier: [Where is my refund?, where is my refund]}
  expect: {rule: again}
- name: stuck
  given: {message: hm, unanswered: 3}
  expect: {rule: stuck}
- name: not stuck yet
  given: {message: hm, unanswered: 2, tool_failures: 1}
  expect: {decision: allow}
- name: down
  given: {message: hm, tool_failures: 2}
  expect: {decision: handoff, rule: down}
"""


def test_cases_give_a_conversation(folder: Path, counting: PolicyEngine) -> None:
    (folder / "tests").mkdir()
    (folder / "tests" / "counting.yaml").write_text(CASES)
    engine = PolicyEngine(load_pack(folder))
    results = list(run_cases(engine, engine.cases, Words()))
    assert [one.differences for one in results] == [()] * 6
    edit(folder, "tests/counting.yaml", "used: cross", "used: crss")
    assert any("given.used: there is no `crss`; did you mean cross?" in one for one in problems(folder))
    edit(folder, "tests/counting.yaml", "used: crss", "unanswered: -1")
    assert any("given.unanswered: " in one for one in problems(folder))


def test_what_a_trigger_waits_for_is_explained(folder: Path, counting: PolicyEngine) -> None:
    def readings(before: Sequence[str], text: str, **known: Any) -> dict[str, tuple[bool, tuple[Count, ...]]]:
        facts = counting.counted(Facts(text, "en", first_message=False, **known), before, told)
        nobody = Case("anonymous", None, {}, Clock.__new__(Clock))
        found = explain(load_pack(folder), counting, facts, lambda texts: (texts[0], 0.0), nobody)
        return {one.id: (one.fired, one.counts) for one in found.readings if one.kind == "trigger"}

    assert readings([], "hello") == {}
    assert readings([], "I am angry") == {"cross": (False, (Count("messages", 1, 2),))}
    assert readings(["angry"], "I am angry") == {"cross": (True, (Count("messages", 2, 2),))}
    assert readings([], "hm", unanswered=1, asked_before=(1,)) == {
        "stuck": (False, (Count("unanswered", 1, 3),)),
        "again": (False, (Count("repeated", 2, 3),)),
    }
    assert readings([], "hm", tool_failures=2) == {"down": (True, (Count("tool_failures", 2, 2),))}
