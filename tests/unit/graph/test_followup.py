from agent.graph.followup import is_follow_up, latest_request, leans_back, said_before, search_texts
from agent.types import Author
from tests.samples import message


def test_first_message_stands_alone() -> None:
    assert search_texts([message("1", text="and my dog?")]) == ("and my dog?",)


def test_burst_is_one_request() -> None:
    burst = [message("1", text="hi"), message("2", text="can I bring my dog to the cottage in May?")]
    assert latest_request(burst) == "hi\ncan I bring my dog to the cottage in May?"


def test_short_follow_up_brings_the_question_before_it() -> None:
    thread = [
        message("1", text="What does it cost to bring a dog?"),
        message("2", Author.ASSISTANT, "€12 a night [1]."),
        message("3", text="And a cat?"),
    ]
    assert search_texts(thread) == ("And a cat?", "What does it cost to bring a dog?\nAnd a cat?")


def test_a_follow_up_of_a_follow_up_goes_back_to_the_subject() -> None:
    texts = ["How high is the deposit of the house?", "so the owner doesn't get it?", "and when is it paid back?"]
    thread = [message("1", text=texts[0]), message("2", Author.ASSISTANT, "€300."), message("3", text=texts[1])]
    thread += [message("4", Author.ASSISTANT, "No."), message("5", text=texts[2])]
    assert search_texts(thread) == (texts[2], "\n".join(texts[1:]), "\n".join(texts))


def test_new_question_of_its_own_is_searched_alone() -> None:
    thread = [
        message("1", text="What does it cost to bring a dog?"),
        message("2", Author.ASSISTANT, "€12 a night [1]."),
        message("3", text="When does the host receive the payout for a booking of two weeks?"),
    ]
    assert search_texts(thread) == (thread[2].text,)


def test_pointing_words_lean_back_unless_the_message_is_long() -> None:
    assert leans_back("Would it also count for group bookings of nine?")
    assert not leans_back("How do I change the password of my account when the phone is lost and this device is new?")
    assert not leans_back("How long does the refund to my credit card take?")


def test_replies_of_people_end_a_burst_too() -> None:
    thread = [message("1", text="old"), message("2", Author.HUMAN_AGENT, "done"), message("3", text="new")]
    assert latest_request(thread) == "new"


def test_what_both_sides_said_before_the_request():
    thread = [message("1", text="Can I bring my dog?"), message("2", Author.ASSISTANT, "Yes."), message("3", text="And a cat?")]
    assert said_before(thread) == ("Can I bring my dog?", "Yes.")
    assert said_before(thread[:1]) == ()


def test_a_follow_up_comes_after_a_question_and_its_reply() -> None:
    greeting, question, reply = (
        message("0", Author.ASSISTANT, "Welcome!"),
        message("1", text="a dog?"),
        message("2", Author.ASSISTANT),
    )
    assert is_follow_up([question, reply, message("3", text="and a cat?")])
    assert not is_follow_up([greeting, question])
    assert not is_follow_up([question, message("3", text="and a cat?")])
