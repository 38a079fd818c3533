from knowledge.terms import content_terms


def test_content_terms_are_stems_of_what_carries_a_topic_with_repeats():
    assert content_terms("What are the fees for cancelling? A fee, please!") == ["fee", "cancel", "fee"]
    assert content_terms("") == []


def test_a_caller_may_change_the_terms_it_got():
    content_terms("late check-out").clear()
    assert content_terms("late check-out") == ["late", "check"]
