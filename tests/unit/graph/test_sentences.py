import pytest

from knowledge.sentences import KEPT_CHARS, split_sentences


@pytest.mark.parametrize(
    ("text", "language", "sentences"),
    [
        ("You get 50% back. Then wait 4.5 days! Really?", "en", ["You get 50% back.", "Then wait 4.5 days!", "Really?"]),
        ("Call Dr. No at 3 p.m. or later. Thanks.", "en", ["Call Dr. No at 3 p.m. or later.", "Thanks."]),
        ("- **Open** the [app](https://x.example)\n- Tap *Pay*. Then wait.", "en", ["Open the app", "Tap Pay.", "Then wait."]),
        ("1. One\n2. Two", "en", ["One", "Two"]),
        ("# Refunds\n\nYou get\nhalf back.", "en", ["You get half back."]),
        ("> Note: `code` stays.", "en", ["Note: code stays."]),
        ("Das geht. Bitte warten Sie zwei Tage.", "de-AT", ["Das geht.", "Bitte warten Sie zwei Tage."]),
        ("これは文です。次の文です。", "ja", ["これは文です。", "次の文です。"]),
        ("Ciao. Come va?", "xx", ["Ciao.", "Come va?"]),
        ("", "en", []),
        ("---\n\n***\n", "en", []),
    ],
)
def test_sentences_are_what_a_reader_sees(text: str, language: str, sentences: list[str]):
    assert split_sentences(text, language) == sentences


def test_table_row_is_a_sentence_with_its_columns():
    table = "| When | Refund |\n|---|---|\n| 7 days before | **50%** |\n| Later | |\n\nAfter."
    assert split_sentences(table, "en") == ["When: 7 days before; Refund: 50%", "When: Later", "After."]


def test_second_table_has_its_own_columns():
    assert split_sentences("|A|\n|-|\n|1|\n\n|B|\n|-|\n|2|\n", "en") == ["A: 1", "B: 2"]


@pytest.mark.parametrize("text", ["a" * 6_000, "a " * 3_000, "*[(" * 300, "\x00<b>", "|" * 500, "....." * 200])
def test_strange_text_does_no_harm(text: str):
    assert isinstance(split_sentences(text, "en"), list)


def test_a_caller_may_change_what_it_got():
    text = "Keep this. And this."
    split_sentences(text, "en").clear()
    assert split_sentences(text, "en") == ["Keep this.", "And this."]


def test_the_same_text_is_split_by_the_rules_of_the_language_that_is_asked_for():
    text = "Das gilt z. B. am Montag. Danach nicht."
    assert [len(split_sentences(text, language)) for language in ("en", "de", "en")] == [3, 2, 3]


def test_a_text_that_is_too_long_to_be_remembered_is_split_alike():
    text = "Keep this. And this. " * (KEPT_CHARS // 20)
    assert len(text) > KEPT_CHARS
    assert set(split_sentences(text, "en")) == {"Keep this.", "And this."}
