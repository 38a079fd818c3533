from agent.graph.evidence import is_of_what_is_named, weigh
from tests.fakes import HashedWordsEmbedder
from tests.samples import hit

LISBON = hit("tax", "The tourist tax in Lisbon is €4 per person per night.", "Tourist tax")


def test_evidence_with_an_unknown_name_is_not_sure() -> None:
    question = "How much is the tourist tax per person per night in {}?"
    sure, unsure = (weigh(HashedWordsEmbedder(), question.format(town), [LISBON]) for town in ("Lisbon", "Rome"))
    assert sure.sure
    assert not unsure.sure


def test_evidence_of_a_namesake_is_not_of_what_is_named() -> None:
    fee = hit("fee", "The annual fee is $450.", "Business Platinum Rewards Card: Annual Fee")
    assert not is_of_what_is_named("What is the annual fee of the Platinum Rewards Card?", [fee])
    assert is_of_what_is_named("What is the annual fee of the Business Platinum Rewards Card?", [fee])


def test_nothing_found_is_no_evidence() -> None:
    assert weigh(HashedWordsEmbedder(), "anything", []).probability == 0
