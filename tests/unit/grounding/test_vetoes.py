import pytest

from agent.grounding.leaning import leaning
from agent.grounding.source import Region, source_of_texts
from agent.grounding.types import Judgement
from agent.grounding.verifier import BuiltInVerifier
from agent.grounding.vetoes import LEANS, forbidden, leans
from agent.grounding.wording import read
from tests.fakes import HashedWordsEmbedder
from tests.samples import passage

HOST = "The host refunds the cleaning fee within 5 days. The host can charge up to €30."
OURS = "We send you a list of similar homes. Recordings are deleted after 60 days. Contact our support."


def reason(claim: str, text: str, context: str = "Refunds", elsewhere: str = "") -> str:
    source = source_of_texts([[text]])
    region = source.region(read(claim))
    assert isinstance(region, Region)
    return forbidden(claim, region, context, text, f"{context}. {text} {elsewhere}")


@pytest.mark.parametrize(
    ("claim", "text", "told"),
    [
        ("You get it back in 6 days.", HOST, "number 6"),
        ("You get it back within 5 weeks.", HOST, "number 5"),
        ("Hosts charge at least €30.", HOST, "number 30"),
        ("The fee is -€30.", HOST, "sign added"),
        ("Ask for it at refunds@stays.example.", HOST, "address"),
        ("We refund the cleaning fee.", HOST, "speaks for the company"),
        ("Our cleaning fee comes back.", HOST, "speaks for the company"),
        ("We'll refund the fee for the homes.", OURS, "a promise"),
        ("We delete what the host refunds.", "The fee is refunded by the host.", "speaks for the company"),
        ("We guarantee that we'll send you a list.", "You get a list. We send you one.", "a promise"),
    ],
)
def test_what_no_likeness_makes_up_for(claim: str, text: str, told: str) -> None:
    assert told in reason(claim, text)


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("If one isn't clean, the fee comes back.", HOST),
        ("One click is enough for the fee.", HOST),
        ("The most that a host may ask for is €30.", HOST),
        ("We'll send you a list of other homes.", OURS),
        ("We delete the recordings after 60 days.", OURS),
        ("Please tell us which homes you like.", OURS),
    ],
)
def test_what_may_be_meant_well_is_left_open(claim: str, text: str) -> None:
    assert reason(claim, text) == ""


def test_a_number_may_stand_in_another_passage() -> None:
    assert "number 48" in reason("The fee comes back within 48 hours.", HOST)
    assert reason("The fee comes back within 48 hours.", HOST, elsewhere="Refunds take 48 hours.") == ""


def test_but_not_in_another_article() -> None:
    refunds, other = passage("refunds", HOST), passage("deposits", "A deposit is held for 48 hours.", "Deposits")
    claim = "Hosts refund the cleaning fee to you within 48 hours."
    (found,) = BuiltInVerifier(HashedWordsEmbedder(), 0.0).verify("", [claim], [refunds, other])
    assert "number 48" in found.reason


@pytest.mark.parametrize(
    ("claim", "text", "context"),
    [
        ("Damage by storms is covered by the guarantee.", "Damage by storms", "Guarantee – Not covered"),
        ("Stays of 28 nights have a grace period.", "Stays of 28 nights", "Grace period – When it does not apply"),
        ("A bank transfer is the safest way to pay.", "A bank transfer is the safest way to pay.", "Myths about paying"),
    ],
)
def test_under_a_heading_that_turns_it_round_nothing_is_free_to_say(claim: str, text: str, context: str) -> None:
    assert "stands under" in reason(claim, text, context)


@pytest.mark.parametrize(
    ("claim", "text", "context"),
    [
        ("Damage by storms isn't covered.", "Damage by storms", "Guarantee – Not covered"),
        ("Short gaps open 21 days ahead.", "If a gap is short, it is opened 21 days before.", "Minimum stay – Exceptions"),
        ("You may leave at once.", "You can leave and get a refund.", "Arrival Promise: if the home is not as described"),
        ("Bookings can be merged.", "We can merge bookings.", "Two accounts by mistake"),
    ],
)
def test_a_heading_that_the_claim_repeats_or_the_sentence_explains_forbids_nothing(claim: str, text: str, context: str) -> None:
    assert reason(claim, text, context) == ""


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("It is free.", True),
        ("They answer within a day.", True),
        ("And it is free.", True),
        ("Then we refund the fee.", True),
        ("There's no fee.", False),
        ("Here's the number to call.", False),
        ("And pets are free.", False),
        ("Pets are free.", False),
    ],
)
def test_what_leans_on_a_sentence_before(claim: str, expected: bool) -> None:
    assert leans(claim) is expected


def told(chance: float, passage: int = 0, is_open: bool = True, supported: bool | None = None) -> Judgement:
    return Judgement(chance >= 0.95 if supported is None else supported, chance, passage, is_open=is_open)


TITLES = ["Gift cards", "Gift cards", "Deposits"]


def test_it_is_no_surer_than_what_it_leans_on() -> None:
    texts = ["A gift card can be sent.", "It is valid for 36 months."]
    second = leaning(texts, [told(0.6), told(0.99, 1)], TITLES)[1]
    assert (second.supported, second.probability, second.reason, second.is_open) == (False, 0.6, LEANS, True)
    assert leaning(texts, [told(0.97), told(0.99, 1)], TITLES)[1].supported
    assert leaning(texts, [told(0.97), told(0.5, 1)], TITLES)[1].probability == 0.5


@pytest.mark.parametrize("before", [told(0.99, 2), told(0.01, is_open=False)])
def test_it_must_follow_a_sentence_of_its_article_that_may_stand(before: Judgement) -> None:
    second = leaning(["A deposit is held.", "It is valid for 36 months."], [before, told(0.99)], TITLES)[1]
    assert (second.supported, second.reason, second.is_open) == (False, LEANS, False)
    assert second.probability < 0.02


def test_a_quote_that_leans_is_not_put_behind_another_article() -> None:
    quote = told(0.99, 0, is_open=False)
    texts = ["A deposit is held.", "It is valid for 36 months."]
    assert not leaning(texts, [told(0.99, 2), quote], TITLES)[1].supported
    assert leaning(texts, [told(0.99, 1), quote], TITLES)[1].supported
    assert leaning(texts[1:], [quote], TITLES)[0].supported


def test_the_first_sentence_leans_on_nothing_but_the_question() -> None:
    texts = ["It is valid for 36 months."]
    assert leaning(texts, [told(0.97)], TITLES)[0].reason == LEANS
    assert leaning(texts, [told(0.97)], TITLES, of_question=True)[0].supported


@pytest.mark.parametrize(("question", "expected"), [("How long is a gift card valid?", True), ("Is there a deposit?", False)])
def test_it_is_what_the_question_names(question: str, expected: bool) -> None:
    said = [passage("gift-cards", "A gift card is valid for 36 months from the date of purchase.")]
    (found,) = BuiltInVerifier(HashedWordsEmbedder(), 0.0).verify(question, ["It stays valid for 36 months after buying."], said)
    assert found.supported is expected
