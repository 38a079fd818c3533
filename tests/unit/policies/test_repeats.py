"""Which messages ask the same again: few are missed that nearly repeat the words, and no other detail is taken for them."""

import pytest

from policies.repeats import asked_before

SAME = [
    ("Where is my refund?", "where is my refund"),
    ("Where is my refund?", "I still don't know where my refund is!!"),
    ("Where is my refund?", "No, I asked where my refund is"),
    ("How do I cancel my booking?", "But how do I cancel my booking??"),
    ("How do I cancel my booking?", "I want to know how to cancel my booking, please"),
    ("Can I bring my dog?", "Can I bring my dog with me?"),
    ("Is there parking?", "Is there parking, please?"),
    ("I don't understand", "I don't understand!"),
    ("Refund booking MS-104211", "please refund booking MS-104211"),
    ("Wann bekomme ich meine Erstattung?", "Wann bekomme ich denn meine Erstattung?"),
    ("¿Puedo llevar a mi perro?", "puedo llevar a mi perro, por favor"),
    ("Où est mon remboursement ?", "mais où est mon remboursement"),
    ("Posso portare il cane?", "Ma posso portare il mio cane?"),
    ("Waar is mijn terugbetaling?", "Maar waar is mijn terugbetaling?!"),
    ("Onde está o meu reembolso?", "mas onde está o meu reembolso"),
    ("我什么时候能收到退款？", "请问我什么时候能收到退款"),
    ("هل يمكنني إحضار كلبي؟", "هل يمكنني إحضار كلبي"),
    ("Bolehkah saya membawa anjing?", "bolehkah saya membawa anjing"),
]
OTHER = [
    ("How much do I get back if I cancel three days before?", "How much do I get back if I cancel five days before?"),
    ("Can I bring my dog?", "Can I bring my cat?"),
    ("Can I bring my dog?", "Can I bring two dogs?"),
    ("Can I bring my dog?", "How much does it cost to bring my dog?"),
    ("How much is the cleaning fee?", "How much is the service fee?"),
    ("How do I cancel my booking?", "How do I cancel my booking without a fee?"),
    ("When will I get my refund?", "Where will my refund go?"),
    ("Is there parking?", "Is there free parking?"),
    ("Is breakfast included?", "Is breakfast not included?"),
    ("What time is check-in?", "What time is check-out?"),
    ("Cancel booking MS-104211", "Cancel booking MS-104212"),
    ("Is the first house pet friendly?", "Is the second house pet friendly?"),
    ("我可以带狗吗？", "我可以带猫吗？"),
    ("Wie storniere ich meine Buchung?", "Wie ändere ich meine Buchung?"),
]
NOTHING = [
    "thanks", "Thank you!", "yes", "No.", "ok great", "yes please do", "Hello?", "2", "MS-104211", "anna@example.org",
    "And for kids?", "How much is it?", "What is the price?", "what about that one", "Was kostet das?", "好的谢谢", "danke", "",
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_in_nearly_the_same_words(first: str, second: str) -> None:
    assert asked_before(second, [first]) == (1,)


@pytest.mark.parametrize(("first", "second"), OTHER)
def test_another_detail_is_another_question(first: str, second: str) -> None:
    assert asked_before(second, [first]) == ()


@pytest.mark.parametrize("text", NOTHING)
def test_what_names_nothing_is_never_asked_again(text: str) -> None:
    assert asked_before(text, [text, text]) == ()


def test_a_long_story_is_not_compared() -> None:
    story = "My dog and I arrived late. " * 60
    assert asked_before(story, [story]) == ()


def test_how_long_ago_is_told_the_latest_first() -> None:
    before = ["Where is my refund?", "hello", "where's the pool", "Where is my refund?", "thanks"]
    assert asked_before("where is my refund", before) == (2, 5)


def test_no_trigger_looks_further_back_than_the_most_that_one_may_count() -> None:
    assert len(asked_before("Where is my refund?", ["Where is my refund?"] * 1_000)) == 39
