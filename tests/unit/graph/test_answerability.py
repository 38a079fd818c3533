import math
from collections.abc import Sequence

import pytest

from agent.graph.answerability import FEATURES, Answerability, Choice, features, judge, probabilities
from agent.graph.followup import said_before, search_texts
from agent.graph.nodes.retrieve import search_each_way
from agent.types import Author, Message
from knowledge.types import Audience, Passage
from tests.fakes import HashedWordsEmbedder, InMemoryRetriever
from tests.samples import hit, message, passage

EMBEDDER = HashedWordsEmbedder()
SHELF = (
    passage("pets", "You can bring a dog to every house. The fee for a dog is €12 a night.", "Dogs"),
    passage("tax", "The tourist tax in Lisbon is €4 per person and night.", "Tourist tax"),
    passage("crib", "A crib is free. Ask the host for a crib before arrival.", "Cribs"),
    passage("keys", "A box beside the door holds the keys. The code comes by mail.", "Keys"),
)
USUAL = {
    **{"near_alone": 0.5, "near_history": 0.55, "history_gain": 0.03, "margin": 0.03, "covered": 0.55, "sentence": 0.5},
    **{"unknown": 0.0, "documents": 4.0, "repeats": 0.4, "unresolved": 0.0, "pointing": 0.0, "pronoun": 0.0},
    **{"yes_no": 0.0, "question": 1.0, "length": 4.0},
}


def talk(*texts: str) -> list[Message]:
    """Customer and assistant in turns, the customer last."""
    authors = (Author.CUSTOMER, Author.ASSISTANT)
    return [message(str(n), authors[(len(texts) - 1 - n) % 2], text) for n, text in enumerate(texts)]


def judged(*texts: str, shelf: Sequence[Passage] = SHELF) -> Answerability:
    said = talk(*texts)
    retriever = InMemoryRetriever(EMBEDDER, shelf)
    found = search_each_way(retriever, EMBEDDER, search_texts(said), said_before(said), frozenset({Audience.PUBLIC}))
    return judge(EMBEDDER, said, found.alone.hits, found.in_context.hits)


def row(**different: float) -> list[float]:
    return [{**USUAL, **different}[name] for name in FEATURES]


def chance(choice: Choice, **different: float) -> float:
    return dict(zip(Choice, probabilities(row(**different)), strict=True))[choice]


def of(*texts: str) -> dict[str, float]:
    """Features by name."""
    said, found = talk(*texts), [hit("pets", SHELF[0].text, "Dogs", 0.7), hit("tax", SHELF[1].text, "Tourist tax", 0.4)]
    return dict(zip(FEATURES, features(EMBEDDER, said, found, found), strict=True))


def test_a_covered_question_is_answered() -> None:
    assert judged("How much is the fee for a dog a night?").choice is Choice.ANSWER


def test_a_question_whose_words_no_passage_has_is_not_known() -> None:
    assert judged("Is skydiving over volcanoes insured?").choice is Choice.UNKNOWN


def test_a_request_that_points_at_something_nobody_has_named_asks_back() -> None:
    talk_of_dogs = ("Is a dog welcome?", "You can bring a dog to every house.")
    asked = judged(*talk_of_dogs, "What do they offer in these programs, and does this discount cover them there?")
    assert asked.choice is Choice.ASK_BACK


def test_the_same_words_are_less_of_a_riddle_once_all_is_named() -> None:
    question = "Does this discount cover these programs?"
    strange = judged("Is a dog welcome?", "You can bring a dog.", question)
    named = judged("Which programs have a discount?", "This discount covers these programs: gold.", question)
    assert named.ask_back < strange.ask_back


@pytest.mark.parametrize("text", ["help", "how much is it?", "Can I change it?"])
def test_a_first_message_that_names_nothing_asks_back(text: str) -> None:
    assert judged(text).choice is Choice.ASK_BACK


def test_nothing_found_is_not_known() -> None:
    assert judged("Can I bring a dog?", shelf=()).choice is Choice.UNKNOWN


def test_what_is_evident_is_answered_whatever_the_weights_say() -> None:
    assert Answerability(0.1, 0.1, 0.7, 0.1, evident=True).choice is Choice.ANSWER
    assert Answerability(0.1, 0.1, 0.7, 0.1).choice is Choice.UNKNOWN


def test_a_passage_that_says_it_all_is_evident() -> None:
    assert judged(SHELF[0].text).evident
    assert not judged("Is skydiving over volcanoes insured?").evident


def test_evidence_for_the_question_before_makes_nothing_evident() -> None:
    asked = judged(SHELF[0].text, "You can bring a dog.", "Is skydiving insured?")
    assert not asked.evident
    assert asked.choice is not Choice.ANSWER


def test_the_probabilities_are_those_of_four_choices() -> None:
    one = judged("Can I bring a dog?")
    assert sum(map(one.probability, Choice)) == pytest.approx(1.0)
    assert [one.probability(choice) for choice in Choice] == [one.answer, one.part, one.unknown, one.ask_back]


def test_more_support_makes_an_answer_likelier() -> None:
    weak = chance(Choice.ANSWER, near_alone=0.3, near_history=0.3, covered=0.1, sentence=0.1)
    strong = chance(Choice.ANSWER, near_alone=0.8, near_history=0.8, covered=1.0, sentence=1.0)
    assert weak < 0.25 < 0.5 < strong


def test_less_support_makes_it_likelier_that_nobody_knows() -> None:
    assert chance(Choice.UNKNOWN, near_alone=0.2, near_history=0.25, covered=0.0, sentence=0.1) > 0.5


def test_an_open_reference_makes_asking_back_likelier() -> None:
    open_one = chance(Choice.ASK_BACK, unresolved=0.9, pointing=1.0, pronoun=1.0, history_gain=0.0)
    assert open_one > 3 * chance(Choice.ASK_BACK)


def test_what_a_first_message_can_not_have_counts_as_usual() -> None:
    assert chance(Choice.ANSWER, repeats=math.nan, history_gain=math.nan) == pytest.approx(chance(Choice.ANSWER), abs=0.01)


def test_a_first_message_has_no_talk_to_gain_from_or_to_repeat() -> None:
    found = of("Can I bring a dog?")
    assert math.isnan(found["history_gain"])
    assert math.isnan(found["repeats"])


def test_a_repeated_question_is_near_the_earlier_one() -> None:
    assert of("Can I bring a dog?", "Ask the host.", "Can I bring a dog?")["repeats"] == pytest.approx(1.0)
    assert of("Where are the keys?", "In a box.", "Can I bring a dog?")["repeats"] < 0.5


def test_coverage_is_the_share_of_content_terms_in_the_best_passage_and_in_one_sentence() -> None:
    found = of("Can I bring a dog for the fee, with insurance?")
    assert found["covered"] == pytest.approx(3 / 4)
    assert found["sentence"] == pytest.approx(2 / 4)


def test_the_form_of_a_request_is_seen() -> None:
    assert (of("Hi! Can I bring a dog?")["yes_no"], of("Hi! What is the fee?")["yes_no"]) == (1.0, 0.0)
    assert (of("dog fee Lisbon")["question"], of("what is the dog fee")["question"]) == (0.0, 1.0)
    assert of("dog " * 30)["length"] == 8.0


def test_names_that_no_passage_has_and_documents_are_counted() -> None:
    assert of("Is there a tourist tax in Rome?")["unknown"] == 1.0
    assert of("Is there a tourist tax in Lisbon?")["unknown"] == 0.0
    assert of("Is there a tourist tax in Rome?")["documents"] == 2.0


def test_the_margin_is_that_above_another_document() -> None:
    assert of("Can I bring a dog?")["margin"] == pytest.approx(0.3)
