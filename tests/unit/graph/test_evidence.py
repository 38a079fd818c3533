from agent.graph.evidence import unknown_names, weigh
from tests.fakes import HashedWordsEmbedder
from tests.samples import hit

LISBON = hit("tax", "The tourist tax in Lisbon is €4 per person per night.", "Tourist tax")


def test_a_name_that_nothing_found_speaks_of_is_unknown() -> None:
    assert unknown_names("How much is the tourist tax in Rome?", [LISBON]) == {"rome"}
    assert not unknown_names("How much is the tourist tax in Lisbon?", [LISBON])
    assert not unknown_names("How much is it? Tell me what I pay.", [LISBON])


def test_evidence_with_an_unknown_name_is_not_sure() -> None:
    question = "How much is the tourist tax per person per night in {}?"
    sure, unsure = (weigh(HashedWordsEmbedder(), question.format(town), [LISBON]) for town in ("Lisbon", "Rome"))
    assert sure.sure
    assert not unsure.sure


def test_nothing_found_is_no_evidence() -> None:
    assert weigh(HashedWordsEmbedder(), "anything", []).probability == 0
