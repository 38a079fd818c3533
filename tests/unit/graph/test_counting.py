"""What is counted of a conversation: by whom, since when, and what is no answer."""

from dataclasses import replace

import pytest

from agent.graph.counting import accepted, requests, unanswered
from agent.types import Author, Customer, Decision, Identity, Message
from tests.samples import PROPOSAL, message, outcome

ADA = Customer(Identity.VERIFIED, "c-1")
EVE = Customer(Identity.VERIFIED, "c-2")
LIST = "Is it about one of these?\n\n1. Pets\n2. Pools\n\nCould you tell me more?"


def asks(text: str, customer: Customer = ADA) -> Message:
    return replace(message("m", text=text), customer=customer)


def says(text: str = "a reply", *, unanswered: bool = False, rules: tuple[str, ...] = ()) -> Message:
    return replace(message("r", Author.ASSISTANT, text), unanswered=unanswered, rules=rules)


TAKES = [
    "I would rather have a colleague", "a colleague, please", "ok, a person then", "lieber ein Mensch", "Ja bitte, ein Kollege",
    "prefiero una persona", "une personne svp", "una persona", "liever een medewerker", "prefiro uma pessoa", "人工",
    "rekan saja",
]  # fmt: skip
LEAVES = ["no person needed", "keine Person", "Is there an agent fee?", "不用人工", "I asked a person at the house about the key"]
PERSON = message("p", Author.HUMAN_AGENT, "I'll see to it")
OPEN = says(unanswered=True)


def test_what_is_written_in_one_go_is_one_request() -> None:
    talk = [asks("hi"), asks("my dog?"), says(), asks("and"), PERSON, asks("thanks")]
    assert requests(talk) == ("hi\nmy dog?", "and", "thanks")


def test_what_others_wrote_is_none_of_this_customers_requests() -> None:
    talk = [asks("mine"), says(), asks("hers", EVE), says(), asks("mine again"), asks("hers", EVE), says(), asks("now")]
    assert requests(talk) == ("mine", "mine again", "now")
    assert requests([asks("known"), says(), asks("unknown", Customer())]) == ("unknown",)


def test_an_article_that_was_picked_is_what_was_asked() -> None:
    assert requests([asks("hm"), says(LIST), asks("2"), says(), asks("2")]) == ("hm", "Pools", "2")


@pytest.mark.parametrize(
    ("talk", "count"),
    [
        ([asks("a")], 0),
        ([asks("a"), OPEN, asks("b")], 1),
        ([asks("a"), OPEN, asks("b"), OPEN, asks("c"), asks("d")], 2),
        ([asks("a"), OPEN, asks("b"), says(), asks("c")], 0),
        ([asks("a"), says(), asks("b"), OPEN, asks("c")], 1),
        ([asks("a"), OPEN, PERSON, asks("c")], 0),
        ([asks("a", EVE), OPEN, asks("b"), OPEN, asks("c")], 1),
    ],
)
def test_replies_without_an_answer_count_in_a_row(talk: list[Message], count: int) -> None:
    assert unanswered(talk) == count


@pytest.mark.parametrize(
    ("decision", "is_open"),
    [
        (Decision.ANSWER, False),
        (Decision.CLARIFY, True),
        (Decision.REFUSE, True),
        (Decision.DRAFT, False),
        (Decision.HANDOFF, False),
    ],
)
def test_asking_back_and_refusing_are_no_answers(decision: Decision, is_open: bool) -> None:
    assert outcome(decision).leaves_open is is_open
    assert replace(outcome(decision), proposal=PROPOSAL).leaves_open is False


@pytest.mark.parametrize("text", ["yes", "Yes, please!", "ja", "oui", "sí", "please do", "是的", *TAKES])
def test_a_plain_yes_accepts_the_offer(text: str) -> None:
    assert accepted([asks("a"), says(rules=("topic", "anger")), asks(text)], {"anger"}) == "anger"


@pytest.mark.parametrize("text", ["ok", "Okay, thanks", "no", "yes, but first my refund", "How do I cancel?", "好的", *LEAVES])
def test_nothing_else_does(text: str) -> None:
    assert accepted([asks("a"), says(rules=("anger",)), asks(text)], {"anger"}) is None


def test_a_yes_to_something_else_accepts_nothing() -> None:
    assert accepted([asks("a"), says(rules=("anger",)), asks("b"), says(), asks("yes")], {"anger"}) is None
    assert accepted([asks("a"), says(rules=("anger",)), PERSON, asks("yes")], {"anger"}) is None
    assert accepted([asks("yes")], {"anger"}) is None
