import pytest

from knowledge.titles import FADING, named_in, rarity, share, terms


def test_terms_are_stems_in_lower_case_without_stop_words():
    assert terms("The Parking at the Ashley Hotels") == ["park", "ashley", "hotel"]
    assert terms("Café") == ["cafe"]
    assert terms("broken \ud800 text") == ["broken", "text"]


def test_what_was_named_fades_with_each_turn():
    named = named_in(["Ashley Hotel", "And parking?", "Hotel, please"])
    assert named == {"hotel": 1.0, "pleas": 1.0, "park": pytest.approx(FADING), "ashley": pytest.approx(FADING**2)}


def test_a_rare_word_of_a_title_counts_more_than_a_common_one():
    count = {"hotel": 90, "ashley": 1}.__getitem__
    rare = share("Ashley Hotel", {"ashley": 1.0}, count, 100)
    common = share("Ashley Hotel", {"hotel": 1.0}, count, 100)
    assert rare > 0.9 > 0.1 > common
    assert rare + common == pytest.approx(1)
    assert share("Ashley Hotel", {}, count, 100) == 0
    assert share("", {"ashley": 1.0}, count, 100) == 0


def test_rarity_falls_with_frequency_and_stays_positive():
    assert rarity(1, 100) > rarity(50, 100) > rarity(100, 100) > 0
