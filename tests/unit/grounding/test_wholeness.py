import pytest

from agent.grounding.wholeness import added_address, broken

ASSISTANCE = "Assistance animals are free of charge and do not count towards the limit."
PRICE = "The standard pet fee is €12 per pet per night, up to €120 per pet and stay."
REMOVING = "Removing hair, stains or smells that go beyond usual cleaning can cost up to €150."


@pytest.mark.parametrize(
    ("claim", "source", "context", "told"),
    [
        ("Pets are free of charge.", ASSISTANCE, "Pet fees", "only in the heading: 'pets'"),
        ("Animals are free of charge.", ASSISTANCE, "Pet fees", "out of a phrase: 'assistance'"),
        ("Members pay nothing.", "Gold members pay nothing.", "Harbour Club", "out of a phrase: 'gold'"),
        ("Cots are free.", "A high chair is free.", "Cots and high chairs", "only in the heading: 'cots'"),
        ("The fee is refunded.", "The cleaning fee is refunded.", "Strict", "out of a phrase: 'cleaning'"),
        ("Removing hair, stains or smells can cost up to €150.", REMOVING, "Pets", "left out: 'go beyond"),
        ("The standard pet fee is €12 per night.", PRICE, "Pets", "number 12"),
        ("The standard pet fee is €12 per pet per stay, up to €120 per pet and night.", PRICE, "Pets", "number 12"),
        ("You get 5% of the price back.", "You get 5% of the nightly price back.", "Wifi", "phrase: 'nightly'"),
        ("The fee is > €12.", "The fee is €12.", "Pets", "sign added: '>'"),
        ("The fee is -€12.", "The fee is €12.", "Pets", "sign added: '-'"),
        ("The fee is €-12.", "The fee is €12.", "Pets", "sign added: '-'"),
        ("Write to billing@stays.example.", "Write to billing@marlowe-stays.example.", "Mail", "billing@stays.example"),
        ("Open trips.change.booking/pets.", "Open Trips > Change booking > Pets.", "Trips", "trips.change.booking/pets"),
    ],
)
def test_what_is_cut_moved_or_glued_is_told(claim: str, source: str, context: str, told: str) -> None:
    assert told in broken(claim, source, context)


@pytest.mark.parametrize(
    ("claim", "source", "context"),
    [
        (ASSISTANCE, ASSISTANCE, "Pet fees"),
        (PRICE, PRICE, "Pet fees"),
        (REMOVING, REMOVING, "Pets"),
        ("Under the Flexible policy, you get a full refund.", "You get a full refund.", "Flexible policy"),
        ("Wifi is free.", "It is free.", "Wifi"),
        ("Travel insurance costs 5%.", "The insurance costs 5%.", "Travel insurance"),
        ("For a cot, the host can charge up to €10 per stay.", "The host can charge up to €10 per stay for a cot.", "Cots"),
        ("Up to 5 gift cards per booking can be used.", "You can use up to 5 gift cards per booking.", "Gift cards"),
        ("It takes 2-3 days.", "It takes 2-3 days.", "Refunds"),
        ("Late check-out ends at 12:00.", "Late check-out ends at 12:00.", "Times"),
        ('Click "Continue."', "Click Continue.", "Ordering"),
        ("Write to billing@marlowe-stays.example.", "Please write to billing@marlowe-stays.example today.", "Mail"),
    ],
)
def test_what_is_kept_whole_passes(claim: str, source: str, context: str) -> None:
    assert broken(claim, source, context) == ""


@pytest.mark.parametrize(
    "claim", ["Pay by card, e.g. Visa.", "Only in the U.S. and the E.U.", 'Click "Continue."', "It is 1.5/2."]
)
def test_abbreviations_and_quoted_words_are_no_addresses(claim: str) -> None:
    assert added_address(claim, "Pay here.") == ""


@pytest.mark.parametrize("claim", ["See stays.example/pay.", "Write to e.g@stays.example.", 'Open "trips/pets".'])
def test_what_may_be_followed_is_an_address(claim: str) -> None:
    assert added_address(claim, "Pay here.")
