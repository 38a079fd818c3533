"""The language of hard rules: what it can say, and that what it can't tell counts for nothing."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from policies.expressions import Clock, Expression, ExpressionInvalid, Unevaluable, cents

CLOCK = Clock(dt.datetime(2026, 11, 27, 23, 30, tzinfo=dt.UTC), ZoneInfo("Europe/Berlin"))
ORDER = {"at": "2026-11-20T10:00:00Z", "day": "2026-11-20", "total": "12.50", "n": 3, "share": 1.5, "tags": ["a"], "note": None}


def value(text: str) -> Any:
    return Expression(text, ["order"]).value({"order": ORDER, "customer": {"id": "c-1"}}, CLOCK)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order.n == 3 && 'a' in order.tags", True),
        ("customer.id == 'c-1'", True),
        ("now - timestamp(order.at) <= duration('192h')", True),
        ("order.share > 1", True),
        ("order.note == null", True),
        ("has(order.missing) ? 1 : 2", 2),
        ("order.tags.exists(t, t == 'b')", False),
        ("cents(order.total)", 1250),
        ("cents(order.n)", 300),
        ("cents('-0.05')", -5),
        ("days_after(order.day, 12)", "2026-12-02"),
        ("days_after('2026-11-27T23:15:00Z', -1)", "2026-11-27"),
    ],
)
def test_what_it_can_say(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    ["now", "timestamp(order.at)", "now - timestamp(order.at)", "[now]", "{'at': now}", "{1: 2}", "b'a'", "1.0 / 0.0"],
)
def test_what_no_json_can_hold_is_no_value(text: str) -> None:
    with pytest.raises(Unevaluable, match="write string"):
        value(text)


def test_days_are_those_of_the_companys_calendar() -> None:
    # In Berlin it is the 28th already.
    assert value("days_since(order.at)") == 8
    assert value("days_since(order.day)") == 8
    assert value("days_until('2026-12-01')") == 3
    assert value("days_since('2026-11-28')") == 0
    assert value("days_since('2026-11-27T23:15:00Z')") == 0
    assert value("days_until('2026-11-20')") == -8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("months_after('2026-05-27', 6)", "2026-11-27"),
        ("months_after('2026-08-31', 6)", "2027-02-28"),
        ("months_after('2027-08-31', 6)", "2028-02-29"),
        ("months_after('2026-12-01', 1)", "2027-01-01"),
        ("months_after('2026-01-15', -1)", "2025-12-15"),
        ("months_after(order.day, 12)", "2027-11-20"),
        # In Berlin it is the first already.
        ("months_after('2026-05-31T22:30:00Z', 1)", "2026-07-01"),
        ("days_until(months_after(order.day, 0)) == -8", True),
    ],
)
def test_months_are_those_of_the_calendar(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "months_after(order.note, 6)",
        "months_after('soon', 6)",
        "months_after(order.day, 12 * 9000)",
        "months_after(order.day, 9223372036854775807)",
        "order.missing == 1",
        "order.n == 3 && order.missing",
        "cents(order.share)",
        "cents('twelve')",
        "cents('1e9')",
        "cents('NaN')",
        "cents('0.001')",
        "days_since(order.n)",
        "days_since('soon')",
        "days_after('2026-11-20', 99999999)",
        "days_since('2026-11-20T10:00:00')",
        "order.n / 0 == 1",
        "order.n + order.total",
        "order.tags[7] == 'a'",
        "order.n <= order.total",
        "9223372036854775807 + order.n",
    ],
)
def test_what_cannot_be_told_has_no_value(text: str) -> None:
    with pytest.raises(Unevaluable):
        value(text)


def test_a_day_without_a_time_is_told_from_a_point_in_time() -> None:
    with pytest.raises(Unevaluable, match="days_until"):
        value("timestamp(order.day) > now")


def test_a_fact_that_nobody_gave_has_no_value() -> None:
    with pytest.raises(Unevaluable):
        Expression("order.n == 3", ["order"]).holds({}, CLOCK)


@pytest.mark.parametrize("fact", [10**30, object(), {"n": 10**30}])
def test_a_fact_that_is_no_value_of_the_language_is_never_met(fact: object) -> None:
    with pytest.raises(Unevaluable):
        Expression("order == 1", ["order"]).holds({"order": fact}, CLOCK)


def test_a_condition_is_true_or_false() -> None:
    with pytest.raises(Unevaluable, match="neither true nor false"):
        Expression("order.n", ["order"]).holds({"order": ORDER}, CLOCK)
    assert not Expression("order.n + 1", ["order"]).is_condition
    assert not Expression("cents('1')").is_condition
    assert Expression("order.n", ["order"]).is_condition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ordr.n == 1", "there is no `ordr`; known are customer, now, order"),
        ("order.n ==", "at character"),
        ("1 + 'a'", "no matching overload"),
        ("import os", "at character"),
        ("(" * 200 + "1" + ")" * 200, "recursion"),
        ("1 == " + "1" * 3000, "longer than"),
        ("open('/etc/passwd')", "open"),
    ],
)
def test_what_is_wrong_with_an_expression_is_said_in_a_line(text: str, message: str) -> None:
    with pytest.raises(ExpressionInvalid, match=message) as caught:
        Expression(text, ["order"])
    assert "\n" not in str(caught.value)


def test_it_cannot_run_for_ever() -> None:
    ten = "[1,2,3,4,5,6,7,8,9,10]"
    text = "true"
    for name in "abcdef":
        text = f"{ten}.all({name}, {text})"
    with pytest.raises(Unevaluable):
        Expression(text).holds({}, CLOCK)


def test_cents_are_exact() -> None:
    assert [cents("0.29"), cents("1.1"), cents(7), cents("99999999.99")] == [29, 110, 700, 9_999_999_999]


@pytest.mark.parametrize("whole", [{"all": [1] * 1001}, {"deep": {"in": [[], [{"all": [1] * 1001}]]}}, [1] * 1001])
def test_a_list_that_takes_too_long_to_go_through_cannot_be_told(whole: Any) -> None:
    expression = Expression("customer.id == 'c-1'", ["order"])
    with pytest.raises(Unevaluable, match="order holds a list of more than 1000 entries"):
        expression.value({"order": whole, "customer": {"id": "c-1"}}, CLOCK)


def test_a_list_of_the_longest_length_can_be_told() -> None:
    assert Expression("order.map(n, n + 1).size()", ["order"]).value({"order": [1] * 1000}, CLOCK) == 1000
