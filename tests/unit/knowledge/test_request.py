import pytest

from knowledge.request import MAX_PARTS, PART_WORDS, RECENT_TURNS, RECENT_WEIGHT, split_needs, understand

LETTER = " ".join(f"My card number {n} was charged twice on Monday and I would like to have my money back." for n in range(12))


def test_a_short_request_is_searched_with_as_it_is():
    request = understand("Can I bring my dog?")
    assert (request.texts, request.weights, request.needs) == (("Can I bring my dog?",), (1.0,), ())


def test_the_latest_turns_count_beside_the_request():
    request = understand("And a cat?", ("Hello", "Can I bring my dog?", "Yes, for 12 euros."))
    assert request.texts == ("And a cat?", "Can I bring my dog?\nYes, for 12 euros.\nAnd a cat?")
    assert request.weights == (1 - RECENT_WEIGHT, RECENT_WEIGHT)
    assert RECENT_TURNS == 2


def test_empty_turns_count_nothing():
    assert understand("And a cat?", ("", "  \n")) == understand("And a cat?")


def test_a_long_request_is_searched_with_in_parts_of_whole_sentences():
    request = understand(LETTER)
    assert request.texts[0] == LETTER
    assert request.needs == request.texts[1:]
    assert " ".join(request.needs) == LETTER
    assert all(PART_WORDS <= len(need.split()) < 2 * PART_WORDS for need in request.needs[:-1])
    assert sum(request.weights) == pytest.approx(1)
    assert sum(understand(LETTER, ("Hello there",)).weights) == pytest.approx(1)


def test_a_letter_of_many_pages_has_longer_parts_not_more():
    assert len(split_needs(LETTER * 50)) <= MAX_PARTS


def test_a_part_that_is_said_twice_is_one_part():
    line = "I want my money back at once, and I have asked for it many times before this letter. " * 12
    request = understand(line)
    assert len(set(request.texts)) == len(request.texts)
    assert sum(request.weights) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", " ", "one", "word " * (2 * PART_WORDS)])
def test_what_is_short_has_no_parts(text: str):
    assert split_needs(text) == []
