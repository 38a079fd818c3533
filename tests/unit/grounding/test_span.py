import pytest

from agent.grounding.span import contradiction, find_span, other_limits
from tests.samples import passage

SENTENCES = [
    "Dogs are welcome.",
    "A dog costs €12.50 per night, and the fee isn’t refunded.",
    "You can bring a cat only if the host agrees.",
    "Birds stay outside.",
    "Fish may come.",
]


@pytest.mark.parametrize(
    ("span", "place"),
    [
        ("a dog costs €12.50 per night", (1, 2)),
        ("  A DOG\ncosts € 12.50 per  night — and the fee isn't refunded!", (1, 2)),
        ("fee isn’t refunded. You can bring", (1, 3)),
        ("Dogs are welcome. A dog costs €12.50", (0, 2)),
        ("A dog costs €12.5 per night", None),
        ("the fee is refunded", None),
        ("dog costs", None),
        ("", None),
        ("… €", None),
        (" ".join(SENTENCES), None),
    ],
)
def test_a_span_is_found_as_it_stands_and_widened_to_whole_sentences(span: str, place: tuple[int, int] | None) -> None:
    assert find_span(span, SENTENCES) == place


SOURCE = "Guests can bring a cat only if the host agrees, and it costs €5 per night in Lisbon."


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("With the host's agreement only, guests can bring a cat in Lisbon.", ""),
        ("It costs €6 to bring a cat only if possible.", "number 6"),
        ("You can bring a cat only in Paris.", "name 'paris'"),
        ("Porto: guests can bring a cat only if the host agrees.", "name 'porto'"),
        ("You can not bring a cat, only if the host agrees.", "negation differs"),
        ("You can bring a cat for €5.", "left out: only"),
        ("You can bring only a cat, and must pay €5.", "added: an obligation"),
        ("We will let you bring only a cat if you can.", "speaks for the company"),
    ],
)
def test_no_word_of_a_model_makes_up_for_a_contradiction(claim: str, reason: str) -> None:
    found = contradiction(claim, SOURCE, passage("cats", f"{SOURCE} Porto: none.", "Cats")) or other_limits(claim, SOURCE)
    assert found.startswith(reason) if reason else found == ""
