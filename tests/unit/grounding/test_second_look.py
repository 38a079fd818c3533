from collections.abc import Sequence

import pytest

from agent.grounding.second_look import Mix, SecondLook, mix
from agent.grounding.source import Region, source_of_texts
from agent.grounding.types import Judgement
from agent.grounding.verifier import BuiltInVerifier
from agent.grounding.wording import read
from knowledge.pair_input import Marked, Reading
from tests.fakes import HashedWordsEmbedder
from tests.samples import passage

SOURCE = source_of_texts([["You can cancel up to 5 days before arrival.", "Refunds take a week."]])


class Reader:
    """Says the same of everything, and remembers what it was given."""

    def __init__(self, logit: float) -> None:
        self._logit = logit
        self.seen: list[str] = []

    def read(self, pairs: Sequence[Marked]) -> list[Reading]:
        self.seen += [pair.claim for pair in pairs]
        return [Reading(self._logit, (0.1,)) for _ in pairs]


def region(claim: str) -> Region:
    found = SOURCE.region(read(claim))
    assert found is not None
    return found


def looked(reader: Reader, *first: float) -> list[float]:
    claims = [(text, region(text)) for text in ("Cancel 5 days before.", "Refunds take a week.")[: len(first)]]
    return SecondLook(reader).chances("", claims, SOURCE, ["Cancelling"], first)


def test_a_reading_for_a_claim_lifts_it_and_one_against_it_lowers_it() -> None:
    assert looked(Reader(4.0), 0.5)[0] > looked(Reader(-4.0), 0.5)[0]


def test_what_the_forests_surely_refuse_is_not_read() -> None:
    reader = Reader(9.0)
    assert looked(reader, mix().least / 2, 0.5)[0] == mix().least / 2
    assert reader.seen == ["Refunds take a week."]


@pytest.mark.parametrize("first", [0.0, 1.0])
def test_a_chance_of_nought_or_one_still_mixes(first: float) -> None:
    assert 0 < Mix(0.0, 1.0, 1.0, 0.0).chance(first, 1.0) < 1


def test_both_voices_count_in_what_ships() -> None:
    assert mix().forests > 0
    assert mix().reader > 0


SAID = "You can cancel up to 5 days before arrival. Refunds take a week to reach you."


def judged(claim: str, reader: Reader | None, threshold: float = 0.5) -> Judgement:
    (found,) = BuiltInVerifier(HashedWordsEmbedder(), threshold, reader).verify("", [claim], [passage("refunds", SAID)])
    return found


@pytest.mark.parametrize("claim", ["You can cancel up to 5 days before arrival.", "You can cancel up to 9 days before arrival."])
def test_what_the_rules_settle_is_not_read(claim: str) -> None:
    reader = Reader(-9.0)
    assert judged(claim, reader) == judged(claim, None)
    assert reader.seen == []


def test_what_is_open_is_decided_by_both_voices() -> None:
    claim = "A refund needs about a week until it reaches you."
    assert judged(claim, None).is_open
    assert judged(claim, Reader(12.0), 0.2).supported
    refused = judged(claim, Reader(-12.0), 0.2)
    assert not refused.supported
    assert refused.reason
