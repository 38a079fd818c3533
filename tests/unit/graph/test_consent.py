"""A plain yes goes on; whatever could be anything else doesn't."""

import pytest

from agent.graph.acting.consent import PLAIN as BUTTONS
from agent.graph.acting.consent import Consent, read_consent
from policies.load import default_folder, load_pack

PLAIN = (
    "yes",
    "YES!!!",
    "Yes, please",
    "yes yes yes",
    "ok go ahead",
    "ok thanks",
    "Yes that's fine",
    "yes, thank you very much",
    "sure thing",
    "Yes 👍",
    "Ja, gerne",
    "ja, natürlich",
    "Sí, por favor",
    "claro que sí",
    "Oui, s'il vous plaît",
    "d'accord, merci",
    "Sì, grazie",
    "Ja, graag",
    "Sim, obrigada",
    "نعم، شكرا",
    "Ya, silakan",
    "好的，谢谢",
    "是的",
    "Yes\nMit freundlichen Grüßen\nAnna von Müller\n+49 30 1234567",
    "Yes please\n\nThanks, Anna",
    "ok\nBest regards\nAnna Smith",
    "👍",
    "Alright, go for it",
    "please proceed",
    "Yes, I am sure",
    "yes, that works for me",
    "yes\n\nSent from my iPhone",
    "Ja bitte\n\nVon meinem iPhone gesendet",
    "Oui\n\nEnvoyé de mon iPhone",
    "Sí\n\nEnviado desde mi Samsung Galaxy",
    "好的\n\n发自我的iPhone",
    "Yes please\n\nThanks, Anna\n\nGet Outlook for Android",
    "Yes\n--\nAnna Keller\n+49 30 1234567",
)
NO_YES = (
    "ok nevermind",
    "ok stop",
    "yes\n\nSent from my phone, but please wait",
    "yes\n--\nwhen it is cheaper",
    "👎",
    "sounds good, but not today",
    "ok, forget it",
    "ok cancel",
    "sure, later",
    "ok, tomorrow",
    "yes hold on",
    "yes maybe",
    "ok let me think about it",
    "sure, I will ask my wife first",
    "yes, but only half",
    "yes?",
    "yes if it is free",
    "yes, to another card",
    "yes for 2 of them",
    "absolutely not",
    "sure why not",
    "ja, aber erst morgen",
    "ok, lass mal",
    "genau, und dann noch eine Frage",
    "sí, pero no hoy",
    "vale, déjalo",
    "claro que no",
    "d'accord, laissez tomber",
    "oui, sauf le petit-déjeuner",
    "ok lascia stare",
    "sì, ma dopo",
    "ok laat maar",
    "ja, maar niet vandaag",
    "ok, deixe",
    "sim, mas só metade",
    "نعم لا",
    "نعم لكن غدا",
    "ok batal",
    "ya, tapi besok",
    "是吗",
    "可以吗",
    "好像有问题",
    "对了，我想问",
    "好的我知道了我先问问我老婆再说",
    "Yes\nThanks, but please don't",
    "Yes\nThank you, only if it is free",
    "Yes\nThanks\nAnna\nand please also move the other one",
    "Yes\nThanks\ncall me first",
    "Yes\nThanks\nSTOP",
    "Yes\nThanks tomorrow",
    "no problem",
    "no worries, go ahead",
    "No rush, thanks",
    "don't worry, take your time",
    "no hay prisa, gracias",
    "nicht eilig",
    "não tem problema",
    "tidak apa-apa",
    "لا بأس",
    "不好意思，请问一下",
    "不急",
    "别担心",
    "Para mañana, por favor",
    "",
)


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_yes_in_the_languages_of_the_pack(text: str) -> None:
    assert read_consent(text) is Consent.YES


@pytest.mark.parametrize("text", NO_YES)
def test_what_says_anything_else_beside_a_yes_is_none(text: str) -> None:
    assert read_consent(text) in (Consent.NEITHER, Consent.UNCLEAR)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "No, thanks",
        "nein danke",
        "para",
        "non",
        "不",
        "不要",
        "不同意",
        "别",
        "لا",
        "لا شكرا",
        "tidak",
        "don't",
        "forget it",
    ],
)
def test_a_plain_no(text: str) -> None:
    assert read_consent(text) is Consent.NO


def test_a_yes_may_name_what_was_asked_and_nothing_else() -> None:
    cancel, refund = ("cancel", "booking"), ("refund", "booking")
    assert read_consent("Yes, please cancel my booking", cancel) is Consent.YES
    assert read_consent("Yes, please cancel my booking", refund) is Consent.UNCLEAR
    assert read_consent("Yes, cancel booking MS-104212", cancel) is Consent.NEITHER


def test_what_cannot_be_told_is_worth_another_question_and_a_condition_is_not() -> None:
    assert read_consent("ok let me think about it") is Consent.UNCLEAR
    assert read_consent("yes, but only half") is Consent.NEITHER
    assert read_consent("What does it cost?") is Consent.NEITHER


def test_what_the_buttons_say_is_understood_in_every_language_of_the_pack() -> None:
    assert {*load_pack(default_folder()).policy.locales} <= {*BUTTONS}
    for yes, no in BUTTONS.values():
        assert (read_consent(yes), read_consent(no)) == (Consent.YES, Consent.NO)
