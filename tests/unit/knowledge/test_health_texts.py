"""Freshness, shape, audiences, languages."""

from datetime import date

import pytest

from knowledge.health.audiences import misplaced
from knowledge.health.dates import dates, parse_day
from knowledge.health.freshness import expired_sentences, stale_articles
from knowledge.health.languages import missing_translations
from knowledge.health.report import Severity
from knowledge.health.shape import misshapen
from knowledge.types import Audience
from tests.shelves import article

TODAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("on 2024-03-01", date(2024, 3, 1)),
        ("from 1 March 2024", date(2024, 3, 1)),
        ("March 1st, 2024", date(2024, 3, 1)),
        ("ab dem 1. März 2024", date(2024, 3, 1)),
        ("el 1 de marzo de 2024", date(2024, 3, 1)),
        ("until February 2024", date(2024, 2, 29)),
    ],
)
def test_dates_are_read_in_words_and_digits(text: str, day: date) -> None:
    assert [found.day for found in dates(text)] == [day]


@pytest.mark.parametrize("text", ["31 February 2024", "03/04/2024", "we may 2024 times", "version 2024.1", "in May"])
def test_what_is_no_date_or_could_be_two_is_left_out(text: str) -> None:
    assert dates(text) == []


def test_updated_may_carry_a_time() -> None:
    assert parse_day("2025-02-03T10:00:00Z") == date(2025, 2, 3)
    assert parse_day("last spring") is None


def test_old_articles_are_found_the_oldest_first_and_fresh_ones_are_not() -> None:
    found = list(
        stale_articles(
            [
                article("fresh", "Text.", updated="2026-05-01"),
                article("edge", "Text.", updated="2025-06-01"),
                article("old", "Text.", updated="2025-05-31"),
                article("ancient", "Text.", updated="2020-01-01"),
            ],
            TODAY,
            365,
        )
    )
    assert [(f.places[0].doc_id, f.severity) for f in found] == [("ancient", Severity.MEDIUM), ("old", Severity.LOW)]


def test_articles_without_a_date_are_one_finding_and_an_unreadable_date_is_its_own() -> None:
    found = list(stale_articles([article("a", "T."), article("b", "T."), article("c", "T.", updated="soon")], TODAY, 365))
    assert [len(f.places) for f in found] == [1, 2]
    assert "'soon'" in found[0].seen


@pytest.mark.parametrize(
    "sentence",
    [
        "The offer is valid until 31 December 2025.",
        "From 1 March 2025 we will charge for cleaning.",
        "This promotion runs from 2025-08-01 through 2025-12-15.",
        "The app will be available in March 2026.",
    ],
)
def test_what_time_has_overtaken_is_found(sentence: str) -> None:
    (found,) = expired_sentences([article("a", sentence)], TODAY)
    assert found.places[0].quote == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "The offer is valid until 31 December 2026.",
        "Since 1 March 2025 the fee is 4 euros.",
        "Bookings made before 1 March 2025 keep the old fee.",
        "We opened on 1 March 2025.",
        "You will find the list of 1 March 2025 below.",
        "Check-in will be from 3 pm.",
    ],
)
def test_a_past_that_is_told_as_past_is_not(sentence: str) -> None:
    assert list(expired_sentences([article("a", sentence)], TODAY)) == []


def test_shape_names_long_empty_headless_and_untitled_articles() -> None:
    sentence = "A dog may stay in every home that says so on its page. "
    found = list(
        misshapen(
            [
                article("long", "## One\n\n" + sentence * 300),
                article("headless", sentence * 50),
                article("pets", "# Pets\n\nPets"),
                article("x", sentence, title="new_page_2.md"),
                article("y", sentence, title="Untitled"),
            ]
        )
    )
    assert [(f.places[0].doc_id, f.severity.value) for f in found] == [
        *(("long", "low"), ("headless", "low"), ("pets", "medium"), ("x", "medium"), ("y", "medium")),
    ]


def test_a_short_article_that_answers_and_a_long_one_with_headings_are_well_shaped() -> None:
    text = "\n\n".join(f"## Part {n}\n\n" + "A dog may stay in every home that says so. " * 20 for n in range(4))
    assert list(misshapen([article("parts", text), article("short", "You may bring two dogs to every home for 4 euros.")])) == []


@pytest.mark.parametrize(
    ("title", "text", "severity"),
    [
        ("Internal: Closing accounts", "Accounts are closed within a day.", "high"),
        ("Closing accounts (Internal)", "Accounts are closed within a day.", "high"),
        ("Codes", "Do not tell the customer the reason.", "high"),
        ("Codes", "Never disclose the score to a customer.", "high"),
        ("Codes", "For internal use.", "high"),
        ("Refunds", "The agent must check the booking first.", "medium"),
        ("Refunds", "Call `refund_booking(id)` then.", "medium"),
        ("Refunds", "Use open_bank_account_4821 for it.", "medium"),
        ("Steps", "Ask the customer for a date. Verify the customer's name. Inform the customer of the fee.", "low"),
    ],
)
def test_a_public_article_for_agents_is_asked_about(title: str, text: str, severity: str) -> None:
    (found,) = misplaced([article("a", text, title)])
    assert found.severity == severity
    assert found.places[0].quote in (text.replace("`", ""), title, text.split(". ")[0] + ".")


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("International stays", "Internal doors are locked. The internal courtyard is open."),
        ("Passwords", "Never share your password with anybody."),
        ("Agents", "Our agents can help you by chat. Ask a travel agent for the flight."),
        ("Hosts", "Tell the host when you arrive."),
        ("Files", "The file is my_trip.pdf at https://example.com/my_big_trip/a_b_c and the address is a_b_c@example.com."),
    ],
)
def test_words_for_customers_are_not(title: str, text: str) -> None:
    assert list(misplaced([article("a", text, title)])) == []


def test_an_internal_article_may_speak_to_agents() -> None:
    assert list(misplaced([article("a", "The agent must ask.", audience=Audience.INTERNAL)])) == []


def test_an_article_that_lacks_in_a_language_is_found() -> None:
    names = [f"{language}/{name}" for name in ("pets", "keys", "wifi", "tax") for language in ("en", "de")]
    (found,) = missing_translations([article(name, "T.") for name in names if name != "de/tax"])
    assert "'de'" in found.seen
    assert [place.doc_id for place in found.places] == ["en/tax"]


@pytest.mark.parametrize(
    "names",
    [
        ["pets", "keys", "no-show", "check-it"],
        ["en/pets", "en/keys", "en/wifi"],
        ["en/pets", "de/pets", "en/keys", "en/wifi"],
        ["guests.md", "hosts.in.md"],
    ],
)
def test_without_a_pattern_of_translations_nothing_lacks(names: list[str]) -> None:
    assert list(missing_translations([article(name, "T.") for name in names])) == []


def test_a_short_answer_is_no_empty_article():
    question = article("faq", "Codes change weekly.", title="How often do door codes change?")
    time = article("arrival", "Check-in is from 4 pm.")
    assert list(misshapen([question, time])) == []
    assert [finding.places[0].title for finding in misshapen([article("pool", "Coming soon.")])] == ["Pool"]
