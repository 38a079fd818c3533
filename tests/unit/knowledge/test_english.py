import pytest

from knowledge.english import foreignness


@pytest.mark.parametrize("text", ["Where is my order?", "can i bring my dog", "What’s the fee", "", "12345", "How do I pay?"])
def test_english_is_not_foreign(text: str) -> None:
    assert foreignness(text) == 0


@pytest.mark.parametrize(
    "text",
    [
        "Was passiert, wenn ich storniere?",
        "¿Cuánto cuesta el desayuno?",
        "Puis-je annuler ma réservation ?",
        "Wat is het beste hotel in Amsterdam?",
        "Yüzme havuzu ne zaman açık?",
        "取消预订",
        "Могу ли я отменить?",
    ],
)
def test_other_languages_are_foreign(text: str) -> None:
    assert foreignness(text) == 1


def test_few_small_words_are_in_between() -> None:
    assert 0 < foreignness("What hotels near Berlin Zoo Bahnhof accept dogs") < 1
