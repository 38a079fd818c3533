"""What customers write is read as they write it, or not at all."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from agent.graph.acting.arguments import read_arguments
from policies.action_parts import Argument
from policies.expressions import Clock

CLOCK = Clock(dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC), ZoneInfo("Europe/Berlin"))
DATE, AMOUNT = Argument(type="date", ask="which"), Argument(type="amount", ask="which")


def read(argument: Argument, text: str, language: str = "en") -> object:
    return read_arguments({"it": argument}, [text], language, CLOCK).get("it")


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("am 05.12.2026 bitte", "de", "2026-12-05"),
        ("le 05/12/2026", "fr", "2026-12-05"),
        ("05/12/2026", "es", "2026-12-05"),
        ("05/12/2026", "pt", "2026-12-05"),
        ("05-12-2026", "nl", "2026-12-05"),
        ("on 05.12.2026", "en", "2026-12-05"),
        ("on 12/25/2026", "en", "2026-12-25"),
        ("on 25/12/2026", "en", "2026-12-25"),
        ("on 05/05/2027", "en", "2027-05-05"),
        ("on 2026-12-05", "en", "2026-12-05"),
        ("3 December", "en", "2026-12-03"),
        ("December 3", "en", "2026-12-03"),
        ("am 3. Dezember", "de", "2026-12-03"),
        ("2026/12/05", "zh", "2026-12-05"),
        ("12月3日", "zh", "2026-12-03"),
        ("tomorrow", "en", "2026-11-28"),
        ("on 05/12/2026", "en", "2026-12-05"),  # the 12th of May is over
        ("on 05/06/2027", "en", None),
        ("on 3 December or on 5 December", "en", None),
        ("in June", "en", None),
    ],
)
def test_a_date_is_the_day_that_is_meant_or_none(text: str, language: str, day: str | None) -> None:
    assert read(DATE, text, language) == day


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("€12,50", 1250),
        ("12.50 EUR", 1250),
        ("order 5: 20 dollars", 2000),
        ("for order 5 €20 please", 2000),
        ("1 500 €", None),
        ("1\u202f500,50 €", None),
        ("1'500 CHF", None),
        ("CHF 1’500", None),
        ("€1 000", None),
        ("€1.000", None),
        ("1.000,00 €", None),
        ("-50 €", None),
        ("10-20 €", None),
        ("20 € or 30 €", None),
    ],
)
def test_an_amount_is_all_of_it_or_none(text: str, cents: int | None) -> None:
    assert read(AMOUNT, text) == cents
