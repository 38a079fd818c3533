import pytest

from agent.adapters.language import LanguageDetector

pytestmark = pytest.mark.slow
DETECT = LanguageDetector(["en", "de-AT", "es", "fr", "it", "xx"])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I get my money back after a cancellation?", "en"),
        ("Wie bekomme ich mein Geld zurück, wenn ich storniere?", "de"),
        ("¿Cómo puedo cambiar las fechas de mi reserva?", "es"),
        ("Comment puis-je annuler ma réservation de demain ?", "fr"),
        ("Quanto mi rimborsate se disdico la prenotazione?", "it"),
    ],
)
def test_language_of_a_question_is_told(text: str, language: str) -> None:
    assert DETECT(text) == language


@pytest.mark.parametrize(
    "text", ["", "👍👍👍👍👍👍👍👍👍👍👍👍👍", "12 34 56 78 90 12 34", "\x00" * 20, "早く返金してください、お願いします"]
)
def test_what_is_no_language_of_the_company_does_no_harm(text: str) -> None:
    assert DETECT(text) in {None, "en", "de", "es", "fr", "it"}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("我可以带狗吗？", "zh"),
        ("كيف ألغي حجزي؟", "ar"),
        ("Hi 你好", "zh"),
        ("WiFi密码", None),
        ("Можно с собакой?", None),
        ("ok", None),
    ],
)
def test_another_script_tells_with_few_letters(text: str, language: str | None) -> None:
    assert LanguageDetector(["en", "ar", "zh"])(text) == language
