from itertools import pairwise

import pytest

from agent.privacy.detection import detect, regions_of
from policies.privacy import PersonalData
from tests.personal_data import LOOK_ALIKES, MARKED, read

REGIONS = regions_of(("en", "de", "id"))


def found_in(text: str, regions: tuple[str, ...] = REGIONS) -> list[tuple[PersonalData, str]]:
    return [(one.kind, text[one.start : one.end]) for one in detect(text, regions)]


@pytest.mark.parametrize("marked", MARKED)
def test_what_is_marked_is_found_and_nothing_else(marked: str) -> None:
    row = read(marked)
    assert [(one.kind, one.start, one.end) for one in detect(row.text, REGIONS)] == list(row.spans)


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert found_in(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "my card 4111 1111 1111 1111",
        "IBAN DE89370400440532013000",
        "Steuer-ID 13570869260",
        "codice fiscale RSSMRA51P13H501Z",
        "BSN 595349195",
        "my NIF: 243236115",
        "NHS number 943 476 5919",
        "numéro 280101823253095",
    ],
)
def test_one_digit_that_does_not_fit_is_no_number(text: str) -> None:
    place = max(n for n, c in enumerate(text) if c.isdigit()) - 2
    wrong = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
    kinds = {kind for kind, _ in found_in(text)}
    assert kinds
    assert not kinds & {kind for kind, _ in found_in(wrong)}


def test_a_card_between_other_groups_of_digits_is_found_alone() -> None:
    text = "17 4111 1111 1111 1111 11 27 and 4000056655665556, 5555 5555 5555 4444"
    assert [value for _, value in found_in(text)] == ["4111 1111 1111 1111", "4000056655665556", "5555 5555 5555 4444"]


def test_digits_in_a_row_of_more_than_a_card_are_none() -> None:
    assert found_in("94111111111111111199") == []
    assert found_in("a4111111111111111f") == []


def test_a_national_number_needs_its_region_or_a_label() -> None:
    assert found_in("I live in Paris, 01 42 68 53 00", regions_of(("fr",))) == [(PersonalData.PHONE, "01 42 68 53 00")]
    assert found_in("I live in Paris, 01 42 68 53 00", ("US",)) == []
    assert found_in("téléphone 01 42 68 53 00", ("US",)) == [(PersonalData.PHONE, "01 42 68 53 00")]


def test_of_two_classes_the_one_with_check_digits_counts() -> None:
    # The end of the card would be a telephone number; the digits of the IBAN, too.
    assert found_in("call me about 4111 1111 1111 1111") == [(PersonalData.PAYMENT_CARD, "4111 1111 1111 1111")]
    assert found_in("phone or IBAN: DE89 3704 0044 0532 0130 00") == [(PersonalData.IBAN, "DE89 3704 0044 0532 0130 00")]


def test_places_are_in_order_and_apart() -> None:
    text = " ".join(read(marked).text for marked in MARKED)
    spans = [(one.start, one.end) for one in detect(text, REGIONS)]
    assert spans == sorted(spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


HOSTILE = (
    "4 ",
    "1/",
    "1.2.3.",
    "8.8.8.8 ",
    "a@",
    "a@b.cc ",
    "::",
    "DE12 ",
    "+1(",
    "tel 1234567 ",
    "123-45-6789 ",
    "é1",
    "1 34 56 78 ",
)


@pytest.mark.parametrize("length", [1_000, 10_000])
def test_a_text_that_is_made_to_take_long_is_read_to_its_end(length: int) -> None:
    text = " | ".join(piece * (length // len(piece)) for piece in HOSTILE) + "; mail ann@example.com"
    assert found_in(text)[-1] == (PersonalData.EMAIL, "ann@example.com")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("4111 1111\n1111 1111", PersonalData.PAYMENT_CARD),
        ("4111 - 1111 - 1111 - 1111", PersonalData.PAYMENT_CARD),
        ("4111   1111   1111   1111", PersonalData.PAYMENT_CARD),
        ("4111\u22121111\u22121111\u22121111", PersonalData.PAYMENT_CARD),
        ("4111\u20141111\u20141111\u20141111", PersonalData.PAYMENT_CARD),
        ("4111\u00ad1111\u00ad1111\u00ad1111", PersonalData.PAYMENT_CARD),
        ("DE89 3704 0044\n0532 0130 00", PersonalData.IBAN),
        ("DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00", PersonalData.IBAN),
        ("DE89\u20093704\u20090044\u20090532\u20090130\u200900", PersonalData.IBAN),
        ("DE89\u200b37040044 0532 0130 00", PersonalData.IBAN),
        ("DE89\u20133704\u20130044\u20130532\u20130130\u201300", PersonalData.IBAN),
    ],
)
def test_what_a_mail_or_a_word_processor_puts_between_the_groups_hides_nothing(text: str, kind: PersonalData) -> None:
    assert found_in(f"It is {text}.\nThank you") == [(kind, text)]
