import numpy as np
import pytest

from agent.grounding.pieces import OF_PIECES, Nearness, nearness, piece_figures
from tests.fakes import HashedPiecesEmbedder

READER = HashedPiecesEmbedder()


def near(claim: str, *region: str) -> Nearness | None:
    (own,) = READER.token_states([claim])
    return nearness((claim, own), list(zip(region, READER.token_states(region), strict=True)))


def told(*claims: Nearness | None) -> dict[str, float]:
    assert all(claims)
    return dict(zip(OF_PIECES, piece_figures([claim for claim in claims if claim]), strict=True))


def test_a_claim_in_the_region_s_words_is_near_in_every_piece():
    found = near("The garage costs 8 euros.", "It is open. The garage costs 8 euros.")
    assert found is not None
    assert found.said == pytest.approx(np.ones(5), abs=0.1)
    assert len(found.told) == 8  # marks are no pieces of words
    figures = told(found)
    assert figures["same_share"] == 1
    assert figures["far"] == figures["far_share"] == 0
    assert figures["other_near_mean"] == 0.8  # what no other piece counts as


def test_the_same_word_among_other_words_is_farther():
    beside = near("The garage costs money.", "The garage costs money.")
    moved = near("The garage costs money.", "Money for a garage. The one that costs")
    assert beside is not None
    assert moved is not None
    assert np.nanmin(moved.same) < np.nanmin(beside.same)
    assert told(moved)["same_near_mean"] < told(beside)["same_near_mean"]


def test_what_a_claim_adds_is_far():
    found = near("The garage costs 8 euros on Sundays.", "The garage costs 8 euros.")
    assert found is not None
    assert np.isnan(found.same).tolist() == [False] * 5 + [True] * 2
    figures = told(found)
    assert figures["near_least"] < 0.3
    assert figures["far_share"] == pytest.approx(2 / 7)
    assert figures["same_share"] == pytest.approx(5 / 7)


def test_the_worst_of_several_claims_shows():
    good, bad = near("The garage is open.", "The garage is open."), near("Dogs are free.", "The garage is open.")
    assert told(good, bad)["near_of_worst_claim"] == told(bad)["near_mean"] < told(good)["near_mean"]


@pytest.mark.parametrize(("claim", "region"), [("?!", "The garage."), ("The garage.", "..."), ("", ""), ("Garage", "")])
def test_marks_alone_can_not_be_compared(claim: str, region: str):
    assert near(claim, region) is None


def test_figures_are_numbers_even_where_nothing_is_the_same():
    figures = told(near("Dogs", "cats"))
    assert all(np.isfinite(value) for value in figures.values())
    assert figures["same_near_mean"] == figures["same_near_least"] == 0.3
