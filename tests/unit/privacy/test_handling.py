import pytest

from agent.privacy.handling import PersonalRules
from policies.privacy import CAREFUL, Classes, Handling, Inbound, InLogs, InReplies, PersonalData, Shown

CARD, IBAN, MAIL, PHONE = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "ann@example.com", "+44 20 7946 0958"
TEXT = f"card {CARD}, iban {IBAN}, mail {MAIL}, phone {PHONE}, ssn 219-09-9999, from 81.2.69.142."
RULES = PersonalRules(key=b"k")


def with_card(**changes: object) -> PersonalRules:
    return PersonalRules(Classes(payment_card=CAREFUL[PersonalData.PAYMENT_CARD].model_copy(update=changes)), key=b"k")


def test_at_the_door_secrets_go_and_contacts_stay() -> None:
    assert RULES.at_the_door(TEXT) == (
        f"card [payment card], iban [IBAN ending 3000], mail {MAIL}, phone {PHONE}, ssn [national id], from 81.2.69.142."
    )


def test_what_was_cleaned_is_not_cleaned_again() -> None:
    for clean in (RULES.at_the_door, RULES.for_model, RULES.for_log, RULES.for_index):
        assert clean(clean(TEXT)) == clean(TEXT)


def test_a_model_reads_the_end_of_a_number_and_no_address() -> None:
    assert RULES.for_model(TEXT) == (
        "card [payment card], iban [IBAN ending 3000], mail [e-mail address], phone [phone number ending 0958], "
        "ssn [national id], from [IP address]."
    )
    assert with_card(model=Shown.MASKED).for_model(f"card {CARD}") == "card [payment card ending 1111]"
    assert with_card(model=Shown.ALLOW).for_model(f"card {CARD}") == f"card {CARD}"


def test_only_what_no_model_may_read_is_taken_from_the_company_s_own_texts() -> None:
    assert RULES.never_for_model(f"write to {MAIL}, never send {CARD}") == f"write to {MAIL}, never send [payment card]"


def test_the_same_value_looks_the_same_in_logs_of_one_process_alone() -> None:
    one = RULES.for_log(f"{MAIL} and ANN@example.com and bob@example.com").split(" and ")
    assert one[0] == one[1] != one[2]
    assert MAIL not in one[0]
    assert PersonalRules().for_log(MAIL) != PersonalRules().for_log(MAIL)


def test_logs_never_keep_a_value() -> None:
    for way in InLogs:
        shown = with_card(log=way).for_log(f"refused {CARD}")
        assert "4111" not in shown
        assert shown.startswith("refused [payment card")


def test_keeping_is_a_choice() -> None:
    assert with_card(inbound=Inbound.KEEP).at_the_door(f"card {CARD}") == f"card {CARD}"
    assert with_card(inbound=Inbound.MASK).at_the_door(f"card {CARD}") == "card [payment card ending 1111]"


def test_a_record_hides_of_an_answer_what_the_customer_wrote() -> None:
    said = f"I am {MAIL}"
    assert RULES.for_index(f"{MAIL}: write to help@inn.example", said) == "[e-mail address]: write to help@inn.example"


@pytest.mark.parametrize(
    ("reply", "own", "published", "held"),
    [
        (f"We write to {MAIL}.", (f"I am {MAIL}",), (), ()),
        (f"We write to {MAIL}.", ("I am bob@example.com",), (), (PersonalData.EMAIL,)),
        (f"Call {PHONE}.", (), (f"You can call {PHONE} at any time.",), ()),
        ("Call 020 7946 0958.", (f"my phone is {PHONE}",), (), ()),
        ("Call 020 7946 0959.", (f"my phone is {PHONE}",), (), (PersonalData.PHONE,)),
        (f"Your card {CARD}.", (f"card {CARD}",), (f"card {CARD}",), (PersonalData.PAYMENT_CARD,)),
        ("Your booking MS-123456 is from 12/05/2026.", (), (), ()),
    ],
)
def test_a_reply_says_what_the_customer_or_an_article_said(
    reply: str, own: tuple[str, ...], published: tuple[str, ...], held: tuple[PersonalData, ...]
) -> None:
    assert RULES.unsayable(reply, own, published) == held


def test_what_may_be_said_freely_is_no_matter_of_its_source() -> None:
    free = Handling(inbound=Inbound.KEEP, log=InLogs.MASKED, model=Shown.ALLOW, index=Shown.ALLOW, reply=InReplies.ALLOW)
    assert PersonalRules(Classes(email=free)).unsayable(f"Mail {MAIL}", (), ()) == ()
