"""What is told of a message is what the engine decides, and by which of the author's words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.cases import NOW
from policies.engine import PolicyEngine
from policies.explain import TOO_SLOW, Explanation, explain
from policies.expressions import Clock
from policies.judging import Case
from policies.load import load_pack
from policies.types import Facts
from tests.unit.policies.test_cases import ACTION, shop

__all__ = ["shop"]

ORDER = {"id": "O-1234", "customer": "me", "total": "40.00", "delivered": "2026-06-01"}


def told(folder: Path, text: str, similarity: Mapping[str, float] | None = None, **case: Any) -> Explanation:
    pack = load_pack(folder)
    engine = PolicyEngine(pack)
    facts = Facts(text, "en", first_message=True, similarity=similarity or {}, identity="verified")
    known = replace(Case("verified", "me", {}, Clock(NOW, engine.zone)), **case)

    def nearest(examples: Sequence[str]) -> tuple[str, float]:
        return examples[0], max((similarity or {"": 0.0}).values())

    return explain(pack, engine, facts, nearest, known)


def rewrite(folder: Path, old: str, new: str) -> Path:
    assert old in ACTION
    path = folder / "actions" / "refund.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    return folder


def test_a_guideline_that_is_told_by_what_it_is_about_is_named_with_that(folder: Path) -> None:
    (folder / "guidelines" / "more.yaml").write_text("guidelines:\n  - {id: late, about: Leaving later, then: Ask the host.}\n")
    [fired] = [one for one in told(folder, "hi", {"late": 0.5}).readings if one.id == "late"]
    assert (fired.fired, fired.example, fired.similarity) == (True, "Leaving later", 0.5)
    [near] = [one for one in told(folder, "hi", {"late": 0.25}).readings if one.id == "late"]
    assert not near.fired


def test_a_pattern_that_cant_be_told_in_time_is_told_to_count(folder: Path) -> None:
    slow = r"guidelines:\n  - {id: slow, when: {pattern: '\w+\s*\w+\s*\w+\s*\w+!x'}, then: Be kind.}\n"
    (folder / "guidelines" / "more.yaml").write_text(slow.replace(r"\n", "\n"))
    [read] = [one for one in told(folder, "a" * 3_900 + " and !x").readings if one.id == "slow"]
    assert (read.fired, read.words) == (True, TOO_SLOW)


def test_an_owner_of_two_ways_is_checked_as_a_whole(shop: Path) -> None:
    rewrite(shop, "owner: order.customer", "owner: 'has(order.buyer) ? order.buyer : order.customer'")
    values = {"order_id": "O-1234", "order": {**ORDER, "buyer": "me"}, "wanted": None}
    found = told(shop, "refund", values=values).action
    assert found is not None
    assert [(one.id, one.holds) for one in found.checks] == [("owner", True), ("allow_when.in_time", True)]
    assert found.verdict is not None
    assert found.verdict.ruling == "allow"


@pytest.mark.parametrize(
    ("limits", "approval", "expected"),
    [
        ("{per_action: 100}", "", ["at most 100.00 EUR at a time"]),
        ("{per_action: 100}", "approval: {above: 200}", ["above 100.00 EUR a person approves first (within 4h)"]),
        ("{per_action: 100}", "approval: {above: 50}", ["above 50.00 EUR a person approves first (within 4h)"]),
        ("{}", "approval: {above: 0}", ["a person approves first (within 4h)"]),
        (
            "{}",
            "approval: {when: [{id: odd, that: 'refund > 1'}]}",
            ["where a rule says so, a person approves first (within 4h)"],
        ),
    ],
)
def test_limits_are_told_as_they_are_judged(shop: Path, limits: str, approval: str, expected: list[str]) -> None:
    rewrite(shop, "limits: {per_customer: {amount: 200, window: 30d}, rate: {count: 3, window: 1h}}", f"limits: {limits}")
    rewrite(shop, "approval: {above: 50}", approval)
    found = told(shop, "refund").action
    assert found is not None
    assert list(found.limits) == expected
