import datetime as dt

from agent.loops import is_loop
from agent.types import Author, Conversation, ConversationId, Message, MessageId

NOW = dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)


def talk(texts: list[str], every: dt.timedelta) -> Conversation:
    """Each of the customer's texts but the last was answered; the last answer came `every` ago."""
    messages = []
    for number, text in enumerate(texts):
        at = NOW - every * (len(texts) - 1 - number)
        messages.append(Message(MessageId(f"c{number}"), Author.CUSTOMER, text, at.isoformat()))
        if number < len(texts) - 1:
            messages.append(Message(MessageId(f"a{number}"), Author.ASSISTANT, "It is on its way.", at.isoformat()))
    return Conversation(ConversationId("desk:1"), "desk", "1", tuple(messages), len(messages))


def test_four_times_the_same_within_minutes_is_a_loop() -> None:
    receipts = [f"We have received your message (number {n}) at 10:0{n}." for n in range(4)]
    assert is_loop(talk(receipts, dt.timedelta(minutes=1)), NOW)
    assert not is_loop(talk(receipts[:3], dt.timedelta(minutes=1)), NOW)


def test_slowly_it_takes_ten_replies_a_day() -> None:
    receipts = ["We have received your message."] * 11
    assert is_loop(talk(receipts, dt.timedelta(hours=1)), NOW)
    assert not is_loop(talk(receipts[:10], dt.timedelta(hours=1)), NOW)
    assert not is_loop(talk(receipts, dt.timedelta(hours=3)), NOW)


def test_a_customer_who_asks_much_and_says_something_new_is_no_loop() -> None:
    questions = ["Where is it?", "When does it come?", "Who brings it?", "Can I pay then?", "In cash?"]
    assert not is_loop(talk(questions, dt.timedelta(seconds=30)), NOW)


def test_numbers_that_answer_our_questions_are_no_loop() -> None:
    said = ["A room, please", "2", "3", "14", "7", "👍"]
    assert not is_loop(talk(said, dt.timedelta(seconds=30)), NOW)
    assert is_loop(talk([*said, "👍"], dt.timedelta(seconds=30)), NOW)
