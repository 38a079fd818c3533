"""When people work, when they next do, and by when they answer."""

import datetime as dt
from pathlib import Path

import pytest
from pydantic import ValidationError

from policies.engine import PolicyEngine
from policies.errors import RulesInvalid
from policies.hours import ALWAYS, HoursFile
from policies.load import load_pack

BERLIN = HoursFile.model_validate(
    {
        "time_zone": "Europe/Berlin",
        "open": {
            "monday": "09:00-12:00, 13:00-17:00",
            "friday": "09:00-17:00",
            "saturday": "22:00-24:00",
            "sunday": "00:00-02:00",
        },
        "holidays": [dt.date(2026, 11, 27), "12-25"],
        "first_response": {"open": "30m", "closed": "2h"},
    }
)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T08:59:59+01:00", False),
        ("2026-11-23T09:00:00+01:00", True),
        ("2026-11-23T08:00:00+00:00", True),
        ("2026-11-23T12:00:00+01:00", False),
        ("2026-11-23T16:59:00+01:00", True),
        ("2026-11-23T17:00:00+01:00", False),
        ("2026-11-24T10:00:00+01:00", False),
        ("2026-11-27T10:00:00+01:00", False),
        ("2026-12-04T10:00:00+01:00", True),
        ("2026-12-25T10:00:00+01:00", False),
        ("2028-12-25T10:00:00+01:00", False),
        ("2026-11-28T23:59:00+01:00", True),
        ("2026-11-29T01:59:00+01:00", True),
        ("2026-07-20T07:30:00+00:00", True),
    ],
)
def test_people_work_at_the_hours_of_the_company_s_own_zone(moment: str, is_open: bool) -> None:
    assert BERLIN.is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-11-23T09:10:00+01:00", "2026-11-23T09:40:00+01:00"),
        ("2026-11-23T12:10:00+01:00", "2026-11-23T15:00:00+01:00"),
        ("2026-11-26T12:00:00+01:00", "2026-11-29T00:00:00+01:00"),
    ],
)
def test_an_answer_is_due_from_when_people_work(moment: str, due: str) -> None:
    assert BERLIN.due(at(moment)) == at(due)


def test_nothing_is_promised_where_nobody_comes_or_nothing_is_said() -> None:
    all_holidays = [f"{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 32)]
    never = BERLIN.model_copy(update={"holidays": tuple(all_holidays)})
    assert never.next_open(at("2026-11-23T09:10:00+01:00")) is None
    assert never.due(at("2026-11-23T09:10:00+01:00")) is None
    assert ALWAYS.is_open(at("2026-12-25T03:00:00+00:00"))
    assert ALWAYS.due(at("2026-12-25T03:00:00+00:00")) is None


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ({"open": {"monday": "9-17"}}, "`9-17` are no hours"),
        ({"open": {"monday": "17:00-09:00"}}, "ends before it begins"),
        ({"open": {"monday": "13:00-17:00, 09:00-14:00"}}, "overlap, or are out of order"),
        ({"open": {}}, "people never work"),
        ({"time_zone": "Europe/Berln"}, "there is no time zone `Europe/Berln`"),
        ({"holidays": ["25-12"]}, "holidays"),
        ({"first_response": {"open": "soon", "closed": "2h"}}, "first_response"),
    ],
)
def test_hours_that_cannot_be_meant_are_refused(hours: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HoursFile.model_validate(hours)


def test_the_text_for_closed_hours_must_exist_and_is_said_in_the_customer_s_language(folder: Path) -> None:
    (folder / "hours.yaml").write_text("open: {monday: 09:00-17:00}\nclosed: clsed\n")
    (folder / "canned").mkdir()
    (folder / "canned" / "hours.yaml").write_text("texts:\n  closed: {en: We sleep., de: Wir schlafen.}\n")
    with pytest.raises(RulesInvalid, match=r"hours.yaml:2: closed: there is no text `clsed`; did you mean closed\?"):
        load_pack(folder)
    (folder / "hours.yaml").write_text("open: {monday: 09:00-17:00}\nclosed: closed\n")
    engine = PolicyEngine(load_pack(folder))
    assert engine.closed(at("2026-11-24T10:00:00+00:00"), "de") == "Wir schlafen."
    assert engine.closed(at("2026-11-23T10:00:00+00:00"), "de") is None
    assert "We sleep." in engine.approved
