"""Near-duplicates and contradictions. The fake embedder finds all sentences alike, so the rules alone decide."""

import numpy as np
import pytest

from knowledge.health import blocks
from knowledge.health.blocks import near_pairs
from knowledge.health.contradictions import contradictions
from knowledge.health.names import Names
from knowledge.health.report import Finding
from knowledge.health.shelf import Article
from knowledge.health.twins import near_duplicates
from tests.shelves import alike, article, shelf

LOST = (
    "If you lose a key, call the host at once and then call us. The host brings a spare key or sends a locksmith, and you pay "
    "what the locksmith takes. Keep the bill, since some insurers pay it back to you."
)
NAMED = tuple(
    article(
        f"about-{n}", f"The {plan} plan is one of ours. With {plan} you pay less, and {plan} is easy to cancel.", "About plans"
    )
    for n, plan in enumerate(["Silver", "Gold"])
)


def compared(*articles: Article) -> list[Finding]:
    every = (*articles, *NAMED)
    return list(contradictions(every, Names(every), alike))


def pair(one: str, other: str, titles: tuple[str, str] = ("Arrival", "House rules")) -> list[Finding]:
    return compared(article("a", one, titles[0]), article("b", other, titles[1]))


def test_pairs_over_tiles_are_those_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 7)
    vectors = np.random.default_rng(1).standard_normal((40, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = vectors @ vectors.T
    expected = {(i, j) for i in range(40) for j in range(i + 1, 40) if whole[i, j] >= 0.8}
    steps: list[tuple[int, int]] = []
    assert {(i, j) for i, j, _ in near_pairs(vectors, 0.8, lambda *step: steps.append(step))} == expected
    assert steps[-1] == (21, 21)
    assert list(near_pairs(np.zeros((0, 0), dtype=np.float32), 0.5)) == []


def test_copies_are_one_finding_however_many_there_are() -> None:
    copies = [article(f"lost-{n}", LOST, f"Lost keys {n}") for n in range(3)]
    (found,) = near_duplicates(found_shelf := shelf(*copies), Names(found_shelf.articles))
    assert [place.doc_id for place in found.places] == ["lost-0", "lost-1", "lost-2"]
    assert "all of" in found.seen


@pytest.mark.parametrize(
    "other",
    [
        "You may bring two dogs to every home that says so. Each of them costs a little, and the host may ask for a deposit "
        "which comes back to you when you leave, if nothing was broken and nothing smells of them.",
        "Lost keys: call the host at once.",
    ],
)
def test_other_words_and_short_phrases_are_no_copies(other: str) -> None:
    both = shelf(article("a", LOST), article("b", other))
    assert list(near_duplicates(both, Names(both.articles))) == []


def test_one_page_for_each_product_is_no_copy() -> None:
    text = "With the {} plan you may cancel on any day and get back what you have not used, as you paid it, within days."
    pages = shelf(
        article("s", text.format("Silver"), "Silver: how to cancel"), article("g", text.format("Gold"), "Gold: how to cancel")
    )
    assert list(near_duplicates(pages, Names((*pages.articles, *NAMED)))) == []


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ("Check-in is from 3 pm.", "Check-in is from 4 pm.", "time of day"),
        ("Refunds reach your bank within 5 days.", "Refunds reach your bank within 10 days.", "length of time"),
        ("Refunds reach your bank within 5 days.", "Refunds reach the bank within 2 weeks.", "length of time"),
        ("A lost key costs €35.", "A lost key costs €50.", "amount"),
        ("You get 50% of the price back.", "You get 40 percent of the price back.", "percentage"),
        ("The pool opens on 1 May 2026.", "The pool opens on 15 May 2026.", "date"),
        ("You can attach up to 10 photos of 8 MB each.", "You can attach up to 20 photos of 8 MB each.", "number"),
    ],
)
def test_the_same_with_another_number_is_a_contradiction(one: str, other: str, what: str) -> None:
    (found,) = pair(one, other)
    assert what in found.seen
    assert [place.quote for place in found.places] == [one, other]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Refunds reach your bank within 14 days.", "Refunds reach your bank within 2 weeks."),
        ("Refunds reach your bank within 5 days.", "Refunds reach your bank after 10 days."),
        ("Refunds reach your bank within 5 days.", "Refunds do not reach your bank within 10 days."),
        ("With Silver a refund takes 5 days.", "With Gold a refund takes 10 days."),
        ("If you cancel 5 days before arrival you get 80% back.", "If you cancel 2 days before arrival you get 40% back."),
        ("For example, a refund of the fee takes 5 days.", "For example, a refund of the fee takes 9 days."),
        ("Does a refund take 5 days?", "Does a refund take 9 days?"),
        ("Each parcel and its contents arrive within 5 days.", "The first taxi to the airport leaves within 9 hours."),
        ("We answer within 24 hours.", "We answer within 30 days."),
        ("Start date: 1 May 2026", "Start date: 15 May 2026"),
        ("Enter the code in step 2 of the form.", "Enter the code in step 3 of the form."),
        ("Call the desk on 555 1234 at night.", "Call the desk on 555 9876 at night."),
    ],
)
def test_these_are_not(one: str, other: str) -> None:
    assert pair(one, other) == []


@pytest.mark.parametrize(
    "titles",
    [
        ("Silver: fees", "Gold: fees"),
        ("Closing savings accounts", "Closing checking accounts"),
        ("Business Gold: fees", "Gold: fees"),
    ],
)
def test_pages_of_different_products_may_differ(titles: tuple[str, str]) -> None:
    assert pair("The monthly fee of the account is €5.", "The monthly fee of the account is €9.", titles) == []


def test_a_scale_within_an_article_is_not_compared_with_others() -> None:
    scale = "- The notice period of an account is 3 days.\n- The notice period of an account is 7 days."
    assert compared(article("a", scale, "One"), article("b", "The notice period of an account is 9 days.", "Other")) == []


def test_an_article_does_not_contradict_itself() -> None:
    assert compared(article("a", "A lost key costs €35.\n\nA lost key of the house costs €50.")) == []


def test_names_are_learned_from_the_text_and_not_from_titles() -> None:
    names = Names(
        (*NAMED, article("x", "Read the cancellation policy, since the policy of a home differs.", "Cancellation Policy"))
    )
    assert names.of("Silver cancellation policy") == {"silver"}
    assert names.of_title("Gold Cancellation Policy") >= {"gold"}
    assert "polici" not in names.of_title("Gold Cancellation Policy")
