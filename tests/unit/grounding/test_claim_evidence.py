from agent.grounding.evidence import MOST_WORDS, Evidence, evidence
from agent.grounding.source import source_of_texts
from agent.grounding.wording import read

PASSAGES = [
    ["The cleaning fee is 30 euros.", "It is charged once a stay.", "Towels are changed every week."],
    ["To open an account you need one of these:", "A passport.", "A driving licence with a photo.", "Shops open at nine."],
    ["Pets stay for 10 euros a night.", "At most two pets stay in a room."],
]
CONTEXTS = ["Fees", "Accounts – Papers", "Pets"]


def found(claim: str, contexts: list[str] | None = None) -> Evidence:
    source = source_of_texts(PASSAGES)
    words = read(claim)
    return evidence(words, source, source.region(words), contexts or [])


def test_a_claim_that_merges_two_places_rests_on_both() -> None:
    text = found("The cleaning fee is 30 euros, and pets stay for 10 euros a night.").text
    assert text == "The cleaning fee is 30 euros. Pets stay for 10 euros a night."


def test_nothing_is_added_once_all_of_a_claim_is_covered() -> None:
    assert found("The cleaning fee is 30 euros.").sentences == (0,)


def test_a_list_item_comes_with_what_introduces_it() -> None:
    assert found("A driving licence with a photo is fine.").text == f"{PASSAGES[1][0]} {PASSAGES[1][2]}"


def test_each_passage_is_told_under_its_heading() -> None:
    text = found("The cleaning fee is 30 euros, and pets stay for 10 euros a night.", CONTEXTS).text
    assert text == "Fees: The cleaning fee is 30 euros. Pets: Pets stay for 10 euros a night."


def test_what_stands_nowhere_lowers_what_is_covered() -> None:
    whole, half = found("The cleaning fee is 30 euros."), found("The cleaning fee is 30 euros at Rosewood Manor.")
    assert half.covered < whole.covered == 1.0


def test_evidence_keeps_within_what_can_be_read_at_once() -> None:
    long = [[f"Word{n} " + "filler " * 30 + f"item{n}." for n in range(9)]]
    source = source_of_texts(long)
    words = read(" ".join(f"item{n}" for n in range(9)))
    gathered = evidence(words, source, source.region(words))
    assert sum(len(source.sentences[at].words) for at in gathered.sentences) <= MOST_WORDS


def test_a_claim_of_which_nothing_is_known_still_has_the_nearest_sentence() -> None:
    assert len(found("Bananas grow.").sentences) == 1
