from agent.grounding.marks import FLAGS, marked
from agent.grounding.source import source_of_texts
from knowledge.pair_input import Marked

EVIDENCE = "You can cancel up to 5 days before arrival."
SOURCE = source_of_texts([[EVIDENCE, "Refunds take a week."], ["Parking is free."]])
NEAR = frozenset(stem for sentence in SOURCE.sentences if sentence.passage == 0 for stem in sentence.stems)


def mark(claim: str, question: str = "") -> Marked:
    return marked(claim, EVIDENCE, NEAR, SOURCE, frozenset(question.split()))


def flags(claim: str, question: str = "") -> dict[str, int]:
    found = mark(claim, question)
    return {claim[m.start : m.end]: m.flag for m in found.claim_marks}


def test_words_of_one_kind_are_marked_by_how_near_they_are_known() -> None:
    told = flags("cancel, arrival, week, parking, pool, sauna", "pool")
    assert list(told.values()) == sorted(told.values())
    assert len(set(told.values())) == 5


def test_a_word_beside_its_neighbour_is_marked_as_such() -> None:
    assert flags("You cancel up to it.")["up"] < flags("You cancel it up.")["up"]


def test_a_wrong_number_is_marked_apart_from_a_right_one() -> None:
    assert flags("Cancel up to 6 days before.")["6"] != flags("Cancel up to 5 days before.")["5"]


def test_what_stands_in_the_place_of_a_number_is_put_beside_it() -> None:
    found = mark("You can cancel up to 6 days before arrival.")
    place = next(n for n, m in enumerate(found.claim_marks) if found.claim[m.start : m.end] == "6")
    there = [found.evidence_marks[b] for a, b in found.beside if a == place]
    assert [EVIDENCE[m.start : m.end] for m in there] == ["5"]
    assert place not in {a for a, _ in found.same}


def test_every_mark_is_below_what_the_reader_knows() -> None:
    found = mark("Never cancel 7 pools unless Rosewood must, you see.", "pools")
    assert all(0 < m.flag < FLAGS for m in (*found.claim_marks, *found.evidence_marks))
