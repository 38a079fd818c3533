import pytest

from agent.graph.asking_back import names_too_little, options, should_ask, times_asked
from agent.graph.evidence import Evidence
from agent.graph.followup import latest_request, search_texts
from agent.graph.options import chosen_option, listed
from agent.types import Author, Message
from tests.samples import hit, message

TEXTS = ("Could you tell me more?", "Können Sie mir etwas mehr dazu sagen? Zum Beispiel, worum es geht.")
QUESTION = listed("Is it about one of these?", "Which one is it?", ("Pet fees", "Pet rules", "Assistance animals"))


def talk(*texts: str, by: Author = Author.ASSISTANT) -> list[Message]:
    """Customer and the other side in turns, the customer first."""
    return [message(str(n), by if n % 2 else Author.CUSTOMER, text) for n, text in enumerate(texts)]


def test_a_request_that_names_nothing_is_asked_about_twice_in_a_row_at_most() -> None:
    thread = talk("hello")
    for n in (1, 3):
        assert should_ask(thread, times_asked(thread, TEXTS))
        thread += [message(str(n), Author.ASSISTANT, TEXTS[1]), message(str(n + 1), text="help me please")]
    assert times_asked(thread, TEXTS) == 2
    assert not should_ask(thread, 2)


def test_an_answer_in_between_begins_the_count_anew() -> None:
    assert times_asked(talk("hi", TEXTS[0], "a dog", "A dog costs €12. [1]", "ok"), TEXTS) == 0
    assert times_asked(talk("hi", "A dog costs €12.", "ok", TEXTS[0], "help"), TEXTS) == 1


def test_a_question_by_a_person_is_not_ours() -> None:
    assert times_asked(talk("hi", TEXTS[0], "help", by=Author.HUMAN_AGENT), TEXTS) == 0


def test_a_request_that_names_something_is_looked_up() -> None:
    assert not names_too_little(talk("refund for my cancelled booking"), 0)
    assert not should_ask(talk("refund for my cancelled booking"), 0)


def test_articles_that_may_be_meant_are_named_if_there_are_two() -> None:
    hits = [hit("fees", "x", "Pet fees"), hit("rules", "y", "Pet\n rules"), hit("fees", "z", "Pet fees")]
    assert options(hits, Evidence(0.3, (0, 1))) == ("Pet fees", "Pet rules")
    assert options(hits, Evidence(0.3, (0,))) == ()
    assert options(hits, Evidence(0.01, (0, 1))) == ()
    assert options((), None) == ()


def test_the_question_stands_behind_the_list() -> None:
    assert QUESTION == "Is it about one of these?\n\n1. Pet fees\n2. Pet rules\n3. Assistance animals\n\nWhich one is it?"
    assert listed("Is it about one of these?", "Which one is it?", ()) == "Which one is it?"


@pytest.mark.parametrize(
    "reply", ["2", "2.", " #2 ", "the second", "The 2nd one, please", "number two", "It's the second one!", "no. 2"]
)
def test_a_number_picks_a_title(reply: str) -> None:
    assert chosen_option(QUESTION, reply) == "Pet rules"


@pytest.mark.parametrize("reply", ["4", "none", "two dogs", "the second house", "", "2 nights", "no", "22"])
def test_anything_else_picks_none(reply: str) -> None:
    assert chosen_option(QUESTION, reply) is None


def test_what_was_picked_is_what_is_asked_for_and_looked_up() -> None:
    thread = talk("animal?", QUESTION, "the second one")
    assert latest_request(thread) == "Pet rules"
    assert search_texts(thread) == ("Pet rules", "animal?\nPet rules")
    assert not should_ask(thread, times_asked(thread, TEXTS))
