import pytest

from knowledge.quantities import Quantity, quantities, unfounded, unsupported


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("you get 30 % back", 30, "%"),
        ("30 percent", 30, "%"),
        ("five days before", 5, "day"),
        ("twenty-five nights", 25, "night"),
        ("a fee of €1,200.50", 1200.5, "eur"),
        ("1.200 € together", 1200, "eur"),
        ("0.125 litres", 0.125, "litr"),
        ("12,5 km", 12.5, "km"),
        ("3 pm", 15 * 60, "clock"),
        ("16:00 local time", 16 * 60, "clock"),
        ("12 a.m.", 0, "clock"),
        ("half of the price", 50, "%"),
        ("half an hour", 30, "minute"),
        ("3 working days", 3, "working day"),
        ("two bedrooms", 2, "bedroom"),
        ("$5 million", 5_000_000, "usd"),
        ("24-hour grace period", 24, "hour"),
        ("9 or more guests", 9, "guest"),
    ],
)
def test_number_is_read_with_its_unit(text: str, value: float, unit: str) -> None:
    found = quantities(text)
    assert [(q.value, q.unit) for q in found] == [(value, unit)]


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("at least 5 days", "min"),
        ("28 nights or more", "min"),
        ("up to €80", "max"),
        ("The maximum is 2 pets", "max"),
        ("within 24 hours", "max"),
        ("less than 48 hours", "less"),
        ("more than 4 visitors", "more"),
        ("until 22:00", "until"),
        ("exactly 5 days", ""),
    ],
)
def test_bound_belongs_to_the_number(text: str, bound: str) -> None:
    assert quantities(text)[0].bound == bound


def test_unreadable_number_is_not_lost() -> None:
    assert [q.value for q in quantities("version 1.2.34.5")] == [1, 2, 34, 5]


def test_number_without_unit_agrees_with_any_unit() -> None:
    assert Quantity(5, None).agrees(Quantity(5, "day"))
    assert not Quantity(5, "hour").agrees(Quantity(5, "day"))
    assert not Quantity(5, "day", "min").agrees(Quantity(5, "day"))


@pytest.mark.parametrize("claim", ["6 days before", "5 hours before", "at most 5 days before", "€5 before", "$5 million"])
def test_other_number_unit_or_bound_is_unsupported(claim: str) -> None:
    assert unsupported(claim, "at least 5 days before, or $5 later")


def test_same_numbers_in_other_spelling_are_supported() -> None:
    assert not unsupported("minimum of five days, 1200 euros", "at least 5 days and €1,200")


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("a maximum of 16 channels", "16 channels"),
        ("up to 5 cards", "up to 5 gift cards"),
        ("donations in excess of $75.00", "donations of more than $75"),
        ("one that fits", "two homes"),
        ("one click", "Select Sync now"),
        ("one night", "per night"),
    ],
)
def test_what_a_number_of_the_source_may_be_is_not_unfounded(claim: str, source: str) -> None:
    assert unfounded(claim, source) == []


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("6 days", "5 days"),
        ("5 hours", "5 days"),
        ("5%", "€5"),
        ("at least 5 days", "up to 5 days"),
        ("before 18:00", "after 18:00"),
        ("one pet", "up to 2 pets"),
        ("one thousand euro", "one euro"),
    ],
)
def test_another_value_measure_or_side_is_unfounded(claim: str, source: str) -> None:
    assert len(unfounded(claim, source)) == 1
