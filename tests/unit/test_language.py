from agent.adapters.language import LanguageDetector


def test_only_language_needs_no_detection() -> None:
    assert LanguageDetector(["en-GB"])("Wie komme ich an mein Geld zurück?") == "en"
    assert LanguageDetector([])("hello there, my friend") is None


def test_few_letters_tell_nothing() -> None:
    assert LanguageDetector(["en", "de"])("ok 12345678901234") is None
