"""What differs between two packs, in the words of their files, and what they decide otherwise."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from policies.changes import DecisionChange, How, PackChange, case_changes, pack_changes
from policies.engine import PolicyEngine
from policies.load import load_pack
from tests.unit.policies.conftest import TOPICS
from tests.unit.policies.test_cases import ACTION

CASES = """\
- name: press
  given: {message: I write for a newspaper}
  expect: {decision: handoff}
- name: fire
  given: {message: There is a fire}
  expect: {decision: handoff}
- name: hello
  given: {message: Hello}
  expect: {decision: allow}
"""


class NoModel:
    def similarity(self, text: str) -> Mapping[str, float]:
        return {}

    def language(self, text: str) -> str | None:
        return None


def changed(folder: Path, name: str, old: str, new: str) -> tuple[tuple[PackChange, ...], list[DecisionChange]]:
    (folder / "topics.yaml").write_text(TOPICS)
    (folder / "tests").mkdir()
    (folder / "tests" / "all.yaml").write_text(CASES)
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    text = (other / name).read_text()
    assert old in text
    (other / name).write_text(text.replace(old, new, 1))
    packs = [load_pack(one) for one in (folder, other)]
    sides = [(PolicyEngine(pack), NoModel()) for pack in packs]
    found = case_changes(sides[0], sides[1], packs[0].cases)
    return pack_changes(packs[0], packs[1]), [one for one in found if one is not None]


@pytest.mark.parametrize(
    ("name", "old", "new", "details"),
    [
        ("policy.yaml", "company: Small", "company: Large", ("policy", "company: Small -> Large")),
        (
            "topics.yaml",
            "dial: {auto: at most 2% wrong}",
            "dial: draft",
            ("topic otherwise", "dial: auto: at most 2% wrong -> draft"),
        ),
        (
            "topics.yaml",
            "articles: [invoices, vat-invoices]",
            "articles: [invoices]",
            ("topic invoices", "articles: - vat-invoices"),
        ),
        ("escalation.yaml", "en: a refuse", "en: no", ("text refuse", "en: a refuse -> no")),
        ("guidelines/tone.yaml", "Be brief.", "Be very brief.", ("guideline plain_words", "then: Be brief. -> Be very brief.")),
        ("tests/all.yaml", "Hello", "Hi", ("test hello", "given.message: Hello -> Hi")),
    ],
)
def test_a_change_is_told_by_what_it_is_of_and_what_it_was(
    folder: Path, name: str, old: str, new: str, details: tuple[str, str]
) -> None:
    assert [(one.how, one.what, one.details) for one in changed(folder, name, old, new)[0]] == [
        ("changed", details[0], details[1:])
    ]


def test_what_is_new_and_what_is_gone_is_told(folder: Path) -> None:
    changes, _ = changed(folder, "topics.yaml", "- id: invoices", "- id: papers")
    assert [(one.how, one.what) for one in changes] == [("added", "topic papers"), ("removed", "topic invoices")]


def test_another_order_of_rules_is_a_change(folder: Path) -> None:
    again = (
        "  - id: again\n    action: handoff\n    priority: urgent\n    say: handoff\n    any:\n      - pattern: '\\bfire\\b'\n"
    )
    path = folder / "escalation.yaml"
    path.write_text(path.read_text().replace("texts:\n", again + "texts:\n", 1))
    changes, decided = changed(folder, "escalation.yaml", "triggers:\n", "triggers:\n" + again.replace("again", "last"))
    assert [(one.how, one.what) for one in changes] == [("added", "trigger last")]
    assert [one.details[0] for one in decided] == ["rule: safety -> last"]
    shutil.rmtree(folder.with_name("other"))
    shutil.rmtree(folder / "tests")
    changes, decided = changed(
        folder,
        "escalation.yaml",
        path.read_text(),
        path.read_text().replace(again, "", 1).replace("triggers:\n", "triggers:\n" + again, 1),
    )
    assert changes == (PackChange(How.CHANGED, "order of triggers", ("safety, legal, again -> again, safety, legal",)),)
    assert [one.details[0] for one in decided] == ["rule: safety -> again"]


def test_of_a_turned_dial_only_what_may_be_answered_is_decided_otherwise(folder: Path) -> None:
    _, decided = changed(folder, "topics.yaml", "dial: {auto: at most 2% wrong}", "dial: draft")
    assert decided == [DecisionChange("hello", ("dial: auto: at most 2% wrong -> draft",), "none")]


def test_a_rule_that_is_lost_is_told_with_what_decides_in_its_place(folder: Path) -> None:
    _, decided = changed(folder, "escalation.yaml", "\\bfire\\b", "\\bblaze\\b")
    [fire] = decided
    assert fire.name == "fire"
    assert fire.details[:2] == ("decision: handoff -> allow", "rule: safety -> none")


def test_a_case_that_the_other_pack_cannot_read_is_told_and_ends_nothing(folder: Path) -> None:
    action = ACTION.replace("{type: amount, optional: true}", "{only: [all, half], optional: true}")
    texts = {key: {"en": key, "de": key} for key in ("which_order", "too_late", "sure", "paid", "no", "wait", "who")}
    (folder / "canned").mkdir()
    (folder / "canned" / "refund.yaml").write_text(json.dumps({"texts": texts}))
    (folder / "actions").mkdir()
    (folder / "actions" / "refund.yaml").write_text(action.replace("denied: no", 'denied: "no"'))
    (folder / "tests").mkdir()
    given = "{action: refund_order, order_id: O-1, wanted: half}"
    (folder / "tests" / "all.yaml").write_text(f"- name: half\n  given: {given}\n  expect: {{decision: deny}}\n")
    before = load_pack(folder)
    (folder / "tests" / "all.yaml").unlink()
    (folder / "actions" / "refund.yaml").write_text(ACTION.replace("denied: no", 'denied: "no"'))
    sides = [(PolicyEngine(pack), NoModel()) for pack in (before, load_pack(folder))]
    [found] = case_changes(sides[0], sides[1], before.cases)
    assert found is not None
    assert any("can't be judged: half is no amount" in one for one in found.details)
