from knowledge.terms import KEPT_CHARS, content_terms


def test_content_terms_are_stems_of_what_carries_a_topic_with_repeats():
    assert content_terms("What are the fees for cancelling? A fee, please!") == ["fee", "cancel", "fee"]
    assert content_terms("") == []


def test_a_caller_may_change_the_terms_it_got():
    content_terms("late check-out").clear()
    assert content_terms("late check-out") == ["late", "check"]


def test_the_terms_of_a_text_that_is_too_long_to_be_remembered_are_the_same():
    text = "fees for cancelling " * KEPT_CHARS
    assert content_terms(text) == ["fee", "cancel"] * KEPT_CHARS
