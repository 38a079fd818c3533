import pytest

from agent.grounding.names import is_of_a_namesake, names, unknown_names

LISBON = "The tourist tax in Lisbon is €4 per person per night."


def test_names_are_capitalised_words_within_a_sentence() -> None:
    assert names("Pay with Apple Pay, or ask Rosa. Can I pay?") == {"apple", "pay", "rosa"}


def test_a_name_that_no_text_speaks_of_is_unknown() -> None:
    assert unknown_names("How much is the tourist tax in Rome?", [LISBON]) == {"rome"}
    assert not unknown_names("How much is the tourist tax in Lisbon?", [LISBON])
    assert not unknown_names("How much is it? Tell me what I pay.", [LISBON])


@pytest.mark.parametrize(
    ("question", "text", "other"),
    [
        ("Fee of the Platinum Rewards Card?", "Business Platinum Rewards Card: Annual Fee", True),
        ("Fee of the Business Platinum Rewards Card?", "Business Platinum Rewards Card: Annual Fee", False),
        ("Fee of the Platinum Rewards Card?", "Your Platinum Rewards Card: Annual Fee", False),
        ("Fee of the Platinum Rewards Card?", "The Platinum Rewards Card, not the Business Platinum Rewards Card.", False),
        ("Fee of the Platinum Rewards Card?", "The annual fee is $450.", False),
        ("fee of the platinum rewards card?", "Business Platinum Rewards Card: Annual Fee", False),
    ],
)
def test_a_longer_name_is_of_something_else(question: str, text: str, other: bool) -> None:
    assert is_of_a_namesake(question, text) is other
