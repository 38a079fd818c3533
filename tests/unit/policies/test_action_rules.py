"""Facts in, verdict out: who, whose, how much, how often, when, and what stands above what."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from policies.actions import Action
from policies.expressions import Clock
from policies.judging import Case, Judge, Ruling, Spent

CLOCK = Clock(dt.datetime(2026, 11, 27, 12, 0, tzinfo=dt.UTC), ZoneInfo("UTC"))
REFUND: dict[str, Any] = {
    "id": "refund_order",
    "about": "Pay money back",
    "tool": "orders.refund",
    "when": [{"examples": ["I want my money back"], "threshold": 0.6}],
    "arguments": {"order_id": {"pattern": "O-[0-9]{4}", "ask": "which_order"}},
    "facts": {"order": {"tool": "orders.get", "arguments": {"id": "order_id"}}},
    "compute": {"refund": "order.total - order.refunded"},
    "call": {"order_id": "order.id", "amount": "refund"},
    "owner": "order.customer",
    "amount": "refund",
    "key": "order.id + ':' + string(order.refunded)",
    "currency": "EUR",
    "allow_when": [
        {"id": "has_arrived", "that": "order.status in ['delivered', 'cancelled']"},
        {"id": "in_time", "that": "days_since(order.delivered) <= 30", "say": "too_late"},
    ],
    "forbid_when": [{"id": "chargeback", "that": "'chargeback' in order.flags"}],
    "limits": {
        "per_action": 100,
        "per_customer": {"amount": 200, "window": "30d"},
        "per_day": 5000,
        "rate": {"count": 3, "window": "1h"},
    },
    "approval": {"above": 50},
    "say": {"confirm": "a", "done": "b", "denied": "c", "pending": "d", "identify": "e"},
}
ORDER = {
    "id": "O-1234",
    "customer": "c-1",
    "total": 4000,
    "refunded": 0,
    "status": "delivered",
    "delivered": "2026-10-28",
    "flags": [],
}


def judge(order: Mapping[str, Any] | None = None, rules: Mapping[str, Any] | None = None, **case: Any) -> Any:
    given = {"identity": "verified", "customer_id": "c-1", "values": {"order_id": "O-1234", "order": {**ORDER, **(order or {})}}}
    return Judge(Action.model_validate({**REFUND, **(rules or {})})).judge(Case(clock=CLOCK, **{**given, **case}))


def test_an_allowed_call_is_made_with_what_was_computed() -> None:
    verdict = judge({"refunded": 500})
    assert (verdict.ruling, verdict.rule) == (Ruling.ALLOW, "refund_order")
    assert verdict.call == {"order_id": "O-1234", "amount": 3500}
    assert verdict.amount == 3500
    assert verdict.key == "O-1234:500"


@pytest.mark.parametrize(
    ("order", "case", "ruling", "rule"),
    [
        ({}, {"identity": "claimed"}, Ruling.DENY, "requires.identity"),
        ({}, {"identity": "anonymous"}, Ruling.DENY, "requires.identity"),
        ({}, {"identity": "root"}, Ruling.DENY, "requires.identity"),
        ({}, {"customer_id": None}, Ruling.DENY, "requires.identity"),
        ({}, {"customer_id": "c-2"}, Ruling.DENY, "owner"),
        ({"customer": None}, {}, Ruling.DENY, "owner"),
        ({"customer": ["c-1"]}, {}, Ruling.DENY, "owner"),
        ({"flags": ["chargeback"]}, {}, Ruling.DENY, "forbid_when.chargeback"),
        ({"flags": None}, {}, Ruling.DENY, "forbid_when.chargeback"),
        ({"status": "shipped"}, {}, Ruling.DENY, "allow_when.has_arrived"),
        ({"status": None}, {}, Ruling.DENY, "allow_when.has_arrived"),
        ({"delivered": "2026-10-27"}, {}, Ruling.DENY, "allow_when.in_time"),
        ({"delivered": "some day"}, {}, Ruling.DENY, "allow_when.in_time"),
        ({"total": 5000}, {}, Ruling.ALLOW, ""),
        ({"total": 5001}, {}, Ruling.REQUIRE_APPROVAL, "approval"),
        ({"total": 10_001}, {}, Ruling.REQUIRE_APPROVAL, "approval"),
        ({"total": 20_000}, {}, Ruling.REQUIRE_APPROVAL, "approval"),
        ({"total": 20_001}, {}, Ruling.DENY, "limits.per_customer"),
        ({}, {"spent": Spent(customer=16_000)}, Ruling.ALLOW, ""),
        ({}, {"spent": Spent(customer=16_001)}, Ruling.DENY, "limits.per_customer"),
        ({}, {"spent": Spent(day=496_000)}, Ruling.ALLOW, ""),
        ({}, {"spent": Spent(day=496_001)}, Ruling.DENY, "limits.per_day"),
        ({}, {"spent": Spent(count=2)}, Ruling.ALLOW, ""),
        ({}, {"spent": Spent(count=3)}, Ruling.DENY, "limits.rate"),
        ({"refunded": 4000}, {}, Ruling.DENY, "facts"),
        ({"refunded": 5000}, {}, Ruling.DENY, "facts"),
        ({"total": 40.5}, {}, Ruling.DENY, "facts"),
        ({"total": "4000"}, {}, Ruling.DENY, "facts"),
        ({"total": True}, {}, Ruling.DENY, "facts"),
        ({"total": 10**30}, {}, Ruling.DENY, "owner"),
    ],
)
def test_each_rule_at_its_edge(order: dict[str, Any], case: dict[str, Any], ruling: Ruling, rule: str) -> None:
    verdict = judge(order, **case)
    assert (verdict.ruling, verdict.rule) == (ruling, f"refund_order{'.' if rule else ''}{rule}")


def test_what_forbids_is_stronger_than_what_asks_for_approval_and_that_than_what_allows() -> None:
    everything = {"flags": ["chargeback"], "total": 9000}
    assert judge(everything).rule == "refund_order.forbid_when.chargeback"
    assert judge({**everything, "flags": []}).ruling is Ruling.REQUIRE_APPROVAL
    # A person isn't asked for what no rule allows.
    assert judge({"total": 9000, "status": "shipped"}).ruling is Ruling.DENY


def test_without_approval_the_limit_of_one_action_is_final() -> None:
    alone = {"approval": None}
    assert judge({"total": 10_000}, alone).ruling is Ruling.ALLOW
    assert judge({"total": 10_001}, alone).rule == "refund_order.limits.per_action"


def test_a_rule_for_approval_that_cannot_be_told_asks_a_person() -> None:
    rules = {"approval": {"when": [{"id": "new_customer", "that": "order.orders_before < 1"}]}}
    assert judge({}, rules).rule == "refund_order.approval.new_customer"
    assert judge({"orders_before": 0}, rules).ruling is Ruling.REQUIRE_APPROVAL
    assert judge({"orders_before": 1}, rules).ruling is Ruling.ALLOW


def test_a_change_that_no_rule_allows_is_denied_and_a_look_up_is_not() -> None:
    assert judge({}, {"allow_when": []}).rule == "refund_order.allow_when"
    look_up = {"kind": "look_up", "allow_when": [], "amount": None, "limits": {}, "approval": None}
    assert judge({}, look_up).ruling is Ruling.ALLOW
    assert judge({"customer": "c-2"}, look_up).ruling is Ruling.DENY


def test_a_rules_own_words_are_what_the_customer_hears() -> None:
    assert judge({"delivered": "2026-01-01"}).say == "too_late"
    assert judge({"status": "shipped"}).say is None
    assert judge({}, identity="claimed").say == "e"


def test_nothing_is_computed_of_somebody_elses_thing() -> None:
    verdict = judge({}, customer_id="c-2")
    assert verdict.call == {}
    assert verdict.values == {}


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"tool": None, "call": {}}, ("id",), "needs `tool`"),
        ({"owner": None}, ("id",), "`owner` is missing"),
        ({"amount": "money"}, ("amount",), "not in `compute`"),
        ({"amount": None}, ("limits",), "needs `amount`"),
        ({"currency": None}, ("amount",), "`currency` is missing"),
        ({"key": None}, ("amount",), "`key` is missing"),
        ({"key": "order.id + "}, ("key",), "at character"),
        ({"compute": {"order": "1"}, "amount": "order"}, ("compute", "order"), "already used in `facts`"),
        ({"compute": {"refund": "1", "now": "2"}}, ("compute", "now"), "a word of the rule language"),
        ({"compute": {"refund": "order.total - ordr.x"}}, ("compute", "refund"), "there is no `ordr`"),
        ({"call": {"at": "now"}}, ("call", "at"), "write string"),
        ({"allow_when": [{"id": "a", "that": "1 + 1"}]}, ("allow_when", 0, "that"), "no condition"),
        ({"allow_when": [{"id": "a", "that": "true"}, {"id": "a", "that": "true"}]}, ("allow_when", 1, "id"), "already used"),
        ({"say": {"done": "b", "denied": "c", "pending": "d", "identify": "e"}}, ("say",), "`confirm` is missing"),
        ({"say": {"done": "b", "denied": "c", "confirm": "d", "identify": "e"}}, ("say",), "`pending` is missing"),
        (
            {"facts": {"order": {"tool": "orders.get", "arguments": {"id": "order.id"}}}},
            ("facts", "order", "arguments", "id"),
            "order",
        ),
    ],
)
def test_what_does_not_fit_together_is_found_beforehand(change: dict[str, Any], where: tuple[Any, ...], what: str) -> None:
    found = dict(Action.model_validate({**REFUND, **change}).problems())
    assert what in found[where]


@pytest.mark.parametrize("pattern", [r"A\T", "M\\F", "(?I)O-[0-9]", "[0-9]*", ""])
def test_an_arguments_pattern_that_is_none_or_finds_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"not a regular expression|finds something in every message"):
        Action.model_validate({**REFUND, "arguments": {"order_id": {"pattern": pattern, "ask": "which_order"}}})


def test_the_sample_has_no_problems() -> None:
    assert list(Action.model_validate(REFUND).problems()) == []


def test_a_case_is_not_changed_by_judging_it() -> None:
    case = Case("verified", "c-1", {"order_id": "O-1234", "order": dict(ORDER)}, CLOCK)
    before = replace(case, values=dict(case.values))
    Judge(Action.model_validate(REFUND)).judge(case)
    assert case == before
