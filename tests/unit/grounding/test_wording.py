import pytest

from agent.grounding.wording import Kind, read


@pytest.mark.parametrize(
    ("text", "kind", "stem"),
    [
        ("1,200", Kind.NUMBER, "1200"),
        ("five", Kind.NUMBER, "5"),
        ("isn't", Kind.NEGATION, "not"),
        ("cannot", Kind.NEGATION, "not"),
        ("unless", Kind.BOUND, "unless"),
        ("must", Kind.MODAL, "must"),
        ("reimbursed", Kind.CONTENT, "refund"),
        ("I'm", Kind.SELF, "i'm"),
    ],
)
def test_each_word_has_a_kind_and_what_it_is_compared_by(text: str, kind: Kind, stem: str) -> None:
    (word,) = read(f"so {text}")[1:]
    assert (word.kind, word.stem) == (kind, stem)


def test_a_capital_makes_a_name_within_a_sentence_only() -> None:
    assert [word.kind for word in read("Gold members. Silver members of Harbour.")][-1] is Kind.NAME
    assert read("Gold members.")[0].kind is Kind.CONTENT
    assert read("It opens. Silver shines.")[2].kind is Kind.CONTENT


def test_months_and_weekdays_are_compared_like_numbers() -> None:
    assert [word.kind for word in read("on Monday in July")] == [Kind.FUNCTION, Kind.NUMBER, Kind.FUNCTION, Kind.NUMBER]


def test_a_time_is_one_word() -> None:
    assert [word.text for word in read("until 12:00.")] == ["until", "12:00"]
