import pytest

from agent.grounding.claims import bare, check, is_claim, is_courtesy, without_yes_no
from agent.grounding.passages import passage_sentences
from tests.fakes import HashedWordsEmbedder
from tests.samples import passage

EMBEDDER = HashedWordsEmbedder()
REFUND = "If you cancel at least 5 days before check-in you get a full refund."
PET = "The pet fee is €12 per pet per night, up to €120 per pet and stay."


def reason(claim: str, *sentences: str, context: str = "Flexible policy") -> str:
    """Why a claim is refused; empty if it passes. The likeness is the embedder's, lifted over the threshold."""
    vectors = EMBEDDER.embed([claim, *sentences])
    finding = check(claim, context, sentences, lambda: 0.7 + 0.3 * (vectors[1:] @ vectors[0]))
    assert finding.supported is (not finding.reason)
    return finding.reason


@pytest.mark.parametrize(
    "claim",
    [
        REFUND,
        "You get a full refund if you cancel at least five days before check-in.",
        "You will receive a full refund if you cancel at least 5 days before check-in.",
        "You get a full refund when you cancel at least 5 days before check-in.",
        "Under the Flexible policy, you get a full refund if you cancel at least 5 days before check-in.",
    ],
)
def test_same_in_other_words_is_supported(claim: str) -> None:
    assert not reason(claim, "The policy is shown on the page.", REFUND)


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("You will get a full refund.", REFUND),
        ("You get a full refund if you cancel before check-in.", REFUND),
        ("You get a full refund if you cancel at least 5 days after check-in.", REFUND),
        ("You get a full refund if you cancel at least 6 days before check-in.", REFUND),
        ("You get a full refund if you cancel at least 5 hours before check-in.", REFUND),
        ("You get a full refund if you cancel at most 5 days before check-in.", REFUND),
        ("You get no full refund if you cancel at least 5 days before check-in.", REFUND),
        ("We will refund you in full if you cancel at least 5 days before check-in.", REFUND),
        ("The pet fee is €12 per pet, up to €120 per stay.", PET),
        ("The pet fee is €120 per pet per night, up to €12 per pet and stay.", PET),
        ("The pet fee is €12 per pet per night.", PET),
        ("Pets are allowed.", "Pets are allowed only in the garden."),
        ("Pets are allowed.", "Pets are allowed unless the listing says otherwise."),
        ("You can bring a dog.", "You can bring a dog, except in July."),
        ("Hosts must choose a lower fee.", "Hosts can choose a lower fee."),
        ("Hosts choose a lower fee.", "Hosts can choose a lower fee."),
        ("Towns require a lead.", "Some towns require a lead."),
        ("All hosts charge a fee.", "Hosts charge a fee."),
        ("The guest pays the host.", "The host pays the guest."),
        ("The service fee is refunded.", "The cleaning fee is refunded."),
        ("Payment with PayPal is free.", "Payment with Visa is free."),
        ("Pets are confirmed at once.", "With Instant Book, pets are confirmed at once."),
        ("You do not pay the fee and the host refunds you.", "You pay the fee and the host does not refund you."),
    ],
)
def test_what_says_more_or_something_else_is_refused(claim: str, source: str) -> None:
    assert reason(claim, source)


def test_words_of_two_sentences_support_nothing() -> None:
    assert reason("The cleaning fee is €12.", "The cleaning fee is shown before you pay.", "The pet fee is €12.")


def test_answer_of_another_article_is_refused() -> None:
    assert reason("The pet fee is €12 per pet per night, up to €120 per pet and stay.", REFUND)


@pytest.mark.parametrize(
    ("claim", "sentences", "context"),
    [
        ("The nights are not refunded.", ("If you leave early:", "The nights are not refunded."), "Policy"),
        (
            "The host has 24 hours to answer.",
            ("Instant Book confirms it.", "Otherwise the host has 24 hours to answer."),
            "",
        ),
        ("The deposit is free.", ("The deposit is free.", "This does not apply to groups."), "Deposit"),
        ("Pets are free.", ("Pets are free.",), "Pets – Less than 3 nights"),
        ("The fee is €48.", ("The fee is €48.",), "Pets – Example"),
    ],
)
def test_condition_that_stands_around_a_sentence_counts(claim: str, sentences: tuple[str, ...], context: str) -> None:
    assert reason(claim, *sentences, context=context)


NOT_COVERED = "Extraordinary events – Events that are not covered"


@pytest.mark.parametrize(
    ("claim", "sentences", "context"),
    [
        ("Strikes and cancelled transport are covered.", ("Strikes and cancelled transport",), NOT_COVERED),
        ("Strikes and cancelled transport.", ("Strikes and cancelled transport",), NOT_COVERED),
        ("Strikes are extraordinary events.", ("Strikes",), NOT_COVERED),
        ("Candles can be used.", ("Candles can be used.",), "House rules – What we don't allow"),
        ("Candles.", ("Candles",), "House rules – Exceptions"),
        ("A host offers a discount.", ("A host offers a discount.",), "Payments – Warning signs"),
        ("You can delete an open refund.", ("You cannot delete:", "An open refund"), "Delete an account"),
        ("Snakes are fine.", ("Pets are fine.", "What is not allowed:", "Snakes are fine."), "Pets"),
        ("An open refund.", ("You cannot delete the account while you have:", "An open refund"), "Delete an account"),
    ],
)
def test_a_heading_or_lead_in_that_turns_its_text_round_supports_nothing(
    claim: str, sentences: tuple[str, ...], context: str
) -> None:
    assert reason(claim, *sentences, context=context)


@pytest.mark.parametrize(
    "source",
    [
        "If you cancel three days before check-in, you get €300 for the nights back.",
        "Five nights cost €600.",
    ],
)
def test_the_numbers_of_an_example_are_nobody_elses(source: str) -> None:
    assert reason(source, "The nights are counted.", source, context="Moderate policy – Example") == "the numbers of an example"
    assert not reason(source, "The nights are counted.", source, context="Moderate policy – Refund")


def test_bold_heading_of_a_small_section_counts_as_a_heading() -> None:
    text = "Pets are fine.\n\n**What is not allowed**\n\n- Snakes are fine."
    sentences = passage_sentences(passage("pets", text))
    assert sentences == ["Pets are fine.", "What is not allowed:", "Snakes are fine."]
    assert not reason("Pets are fine.", *sentences, context="Pets")
    assert reason("Snakes are fine.", *sentences, context="Pets")


def test_a_name_with_a_no_in_it_turns_nothing_round() -> None:
    assert not reason("The rate is 10% cheaper.", "The rate is 10% cheaper.", context="Non-refundable rate – The no-show rule")


def test_a_condition_in_a_title_counts() -> None:
    title = "Arrival Promise: if the home is not as described"
    assert "condition left out" in reason("You get 20% of the price back.", "You get 20% of the price back.", context=title)
    assert not reason("You get 20% of the price back.", "You get 20% of the price back.", context="Keys taken by mistake")


def test_under_a_heading_that_is_a_condition_the_condition_counts() -> None:
    wifi = "If the wifi does not work, the host has 24 hours."
    assert not reason(wifi, wifi, context="Wifi – If the wifi does not work")
    assert reason("The host has 24 hours.", "The host has 24 hours.", context="Wifi – If the wifi does not work")


def test_row_of_a_table_supports_its_own_numbers_only() -> None:
    rows = (
        "When you cancel: At least 14 days before check-in; Refund: 100%",
        "When you cancel: At least 7 days before check-in; Refund: 75%",
    )
    assert not reason("When you cancel at least 14 days before check-in, the refund is 100%.", *rows)
    assert reason("When you cancel at least 14 days before check-in, the refund is 75%.", *rows)


@pytest.mark.parametrize(
    "text", ["Would you like a refund?", "I have cancelled your booking.", "I'll pay you.", "It is so.", "These are the codes:"]
)
def test_questions_and_words_of_the_model_are_no_claims(text: str) -> None:
    assert not is_claim(text)
    assert reason(text, text or "x")


def test_meaning_too_far_is_refused() -> None:
    vectors = EMBEDDER.embed([REFUND])
    assert not check(REFUND, "", [REFUND], lambda: 0.2 * (vectors @ vectors[0])).supported


def test_nothing_to_compare_with_supports_nothing() -> None:
    assert not check(REFUND, "Policy", [], lambda: EMBEDDER.embed([])[:, 0]).supported


def test_opening_yes_or_no_is_left_out() -> None:
    assert without_yes_no("Yes, you can bring a dog.") == "You can bring a dog."
    assert without_yes_no("No. Dogs must stay at home.") == "Dogs must stay at home."
    assert without_yes_no("No refund is given.") == "No refund is given."
    assert without_yes_no("No you can't bring a dog.") == "You can't bring a dog."


def test_courtesy_needs_no_source_but_a_promise_does() -> None:
    assert is_courtesy("Thank you for your message!")
    assert not is_courtesy("Thanks, we will refund you.")
    assert not is_courtesy("Hi, it costs 5 euros.")
    assert not is_courtesy("Your booking is cancelled.")


@pytest.mark.parametrize(
    "text",
    [
        "I'm so sorry.",
        "Sorry about that!",
        "I hope that answers your question.",
        "I hope you're safe.",
        "I'm very sorry to hear this.",
    ],
)
def test_words_of_sympathy_are_courtesy(text: str) -> None:
    assert is_courtesy(text)


def test_a_marker_by_itself_claims_nothing_and_a_number_does() -> None:
    assert is_courtesy("3.")
    assert not is_courtesy("30 days.")
    assert not is_courtesy("3. Pay €5.")


@pytest.mark.parametrize(
    "text", ["I'm sorry, pets aren't allowed.", "I hope your refund arrives.", "I'm sorry that the fee stays."]
)
def test_sympathy_that_says_more_is_none(text: str) -> None:
    assert not is_courtesy(text)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("I'm afraid pets aren't allowed.", "Pets aren't allowed."),
        ("Pets aren't allowed, I'm afraid.", "Pets aren't allowed."),
        ("You must be 18, so I'm afraid you can't open one yet.", "You must be 18, so you can't open one yet."),
        ("2. Delete any models.", "Delete any models."),
        ("- Delete any models.", "Delete any models."),
        ("Follow these steps: 1.", "Follow these steps:"),
        ("14 days are enough.", "14 days are enough."),
        ("Unfortunately, pets aren't allowed.", "Pets aren't allowed."),
        ("Just note that pets aren't allowed.", "Pets aren't allowed."),
        ("No, I'm afraid: pets stay at home.", "I'm afraid: pets stay at home."),
    ],
)
def test_asides_are_left_out(said: str, left: str) -> None:
    assert bare(said) == left


def test_a_road_and_a_label_are_not_the_model() -> None:
    assert is_claim("Take I-90 West to the exit.")
    assert is_claim("Choose Download my data.", "Open Privacy. Choose Download my data.")
    assert not is_claim("Choose Download my data.")
    assert not is_claim("I can download my data.", "Download my data")
