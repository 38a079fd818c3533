from agent.grounding.alignment import FEATURES as WORD_FEATURES
from agent.grounding.alignment import Alignment, align, word_rows
from agent.grounding.features import FEATURES as CLAIM_FEATURES
from agent.grounding.features import claim_row
from agent.grounding.source import source_of_texts
from agent.grounding.wording import read

SENTENCES = [
    "The office opens at nine.",
    "You get a full refund if you cancel at least 5 days before check-in.",
    "The cleaning fee is not refunded after check-in.",
]


def over(claim: str, *passages: list[str]) -> Alignment:
    source = source_of_texts(passages or [SENTENCES])
    region = source.region(read(claim))
    assert region is not None
    return align(read(claim), source, region, frozenset())


def figures(claim: str, word: str) -> dict[str, float]:
    aligned = over(claim)
    rows, places = word_rows(aligned)
    at = next(n for n, place in enumerate(places) if aligned.claim[place].text == word)
    return dict(zip(WORD_FEATURES, rows[at], strict=True))


def told(claim: str) -> dict[str, float]:
    return dict(zip(CLAIM_FEATURES, claim_row(claim, over(claim)), strict=True))


def test_a_claim_is_laid_over_the_sentence_that_it_is_most_like() -> None:
    assert over("A full refund is given five days before check-in.").region.text == SENTENCES[1]


def test_a_region_never_spans_two_passages() -> None:
    aligned = over("The office opens at nine and fees are refunded.", SENTENCES[:1], ["All fees are refunded."])
    assert aligned.region.end - aligned.region.first == 1


def test_each_of_several_claims_has_the_region_that_it_has_alone() -> None:
    source = source_of_texts([SENTENCES])
    claims = [read(f"{text} It does.") for text in (SENTENCES[2], SENTENCES[0], "A refund and a fee.", SENTENCES[2])]
    found = source.regions(claims)
    assert found == [source.region(claim) for claim in claims]
    assert [region and region.first for region in (found[0], found[1], found[3])] == [2, 0, 2]
    assert source.regions([]) == []


def test_nothing_to_compare_with_has_no_region() -> None:
    assert source_of_texts([]).region(read("A claim.")) is None


def test_a_changed_number_is_a_replaced_word_between_two_that_are_the_same() -> None:
    found = figures("You get a full refund if you cancel at least 7 days before check-in.", "7")
    assert (found["edit"], found["in_source"], found["same_kind"]) == (1.0, 0.0, 1.0)
    assert found["run_before"] > 2
    assert found["run_after"] > 2


def test_a_condition_that_is_left_out_stands_after_the_last_word() -> None:
    assert figures("You get a full refund.", "refund")["bounds_after"] >= 2
    assert figures(SENTENCES[1], "refund")["bounds_after"] == 0


def test_a_negation_that_is_left_out_is_told_at_the_word_after_it() -> None:
    found = figures("The cleaning fee is refunded after check-in.", "refunded")
    assert (found["skipped_negations"], found["negation_here"], found["negation_there"]) == (1.0, 0.0, 1.0)
    assert told("The cleaning fee is refunded after check-in.")["negations_differ"] == 1
    assert told(SENTENCES[2])["negations_differ"] == 0


def test_a_copy_is_known_in_all_its_words_pairs_and_order() -> None:
    found = told(SENTENCES[1])
    assert [found[name] for name in ("words_known", "pairs_known", "triples_known", "in_order", "order_kept")] == [1.0] * 5
    assert found["unknown_words"] == 0


def test_what_the_source_has_not_is_counted_by_kind() -> None:
    found = told("The refund goes to Visa within 99 days on your yacht.")
    assert (found["unknown_names"], found["unknown_numbers"]) == (1.0, 1.0)
    assert found["unknown_facts"] >= 1


def test_a_claim_of_function_words_alone_has_rows_for_none() -> None:
    assert word_rows(over("It is so."))[0] == []
    assert len(claim_row("It is so.", over("It is so."))) == len(CLAIM_FEATURES)
