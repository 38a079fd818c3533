import math

import numpy as np
import pytest

from agent.grounding.features import claim_row
from agent.grounding.likeness import Likeness
from agent.grounding.reply import (
    FEATURES,
    FEATURES_READ,
    ClaimFigures,
    ReplyModel,
    reply_models,
    reply_row,
    with_weakest,
)
from agent.grounding.source import source_of_texts
from agent.grounding.told import OF_TOLD, Told, told_figures
from agent.grounding.types import ReplyVerifier
from agent.grounding.verifier import BuiltInVerifier, aligned_claim, claim_pieces
from agent.grounding.wording import read
from knowledge.types import Audience, DocumentId, Passage, PassageId
from tests.fakes import HashedPiecesEmbedder, HashedWordsEmbedder

QUESTION = "How much is the garage?"
SENTENCES = [
    "The garage costs 8 EUR a day.",
    "It must be booked two days in advance.",
    "Electric cars can be charged on the second level.",
    "The gate is closed from 11 pm to 6 am.",
]
PARKING = " ".join(SENTENCES)
TRUE = [SENTENCES[0], SENTENCES[3]]
INVENTED = "Motorcycles park free of charge near the harbour on Sundays."


def figures(sentences: list[str], reader: HashedPiecesEmbedder | None = None) -> list[ClaimFigures]:
    source = source_of_texts([SENTENCES])
    regions = [source.region(read(text)) for text in sentences]
    near = Likeness(HashedWordsEmbedder())
    found = []
    pieces = claim_pieces(reader, sentences, regions, source) if reader else [None] * len(sentences)
    for text, region, own in zip(sentences, regions, pieces, strict=True):
        aligned = aligned_claim(text, QUESTION, source, region)
        assert aligned is not None
        there = [sentence.text for sentence in source.sentences[aligned.region.first : aligned.region.end]]
        to_both = near.to_region_and_question(text, there, QUESTION)
        found.append(ClaimFigures(claim_row(text, aligned), 0.5, to_both, own))
    return found


def row(sentences: list[str], reply: str = "") -> dict[str, float]:
    found = reply_row(Told(reply or " ".join(sentences), QUESTION, PARKING), figures(sentences))
    assert found is not None
    return dict(zip(FEATURES, found, strict=True))


def probability(sentences: list[str]) -> float:
    passage = Passage(PassageId("p"), DocumentId("d"), "", 0, "Parking", (), PARKING, Audience.PUBLIC)
    verifier = BuiltInVerifier(HashedWordsEmbedder())
    return verifier.verify_reply(QUESTION, " ".join(sentences), sentences, [passage]).probability


def test_a_reply_in_the_passage_s_words_is_known_in_words_pairs_and_letters():
    found = row(TRUE)
    assert found["words_known"] == 1.0
    assert min(found["pairs_known"], found["triples_known"], found["letters_known"]) > 0.8
    assert found["words_unknown"] == 0
    assert found["claims"] == 2
    assert found["length"] == math.log1p(17)
    assert found["numbers_unknown"] == found["pointers_unknown"] == 0
    assert found["opening_known"] == 1


def test_a_number_that_no_passage_has_shows():
    assert row(["The garage costs 9 EUR a day."])["numbers_unknown"] == 1


def test_a_word_for_what_the_passages_do_not_name_shows():
    found = row(["They told me that the garage costs 8 EUR a day."])
    assert found["pointers_unknown"] == 2  # they, that


@pytest.mark.parametrize(
    ("reply", "question", "expected"),
    [
        ("The garage is open.", "Is the garage open?", {"asked", "asked_yes_no"}),
        (
            "Yes, it is.",
            "Is the garage open?",
            {"asked", "asked_yes_no", "opens_with_yes_no", "yes_no_to_yes_no", "yes_no_to_others"},
        ),
        (
            "Yes, it is.",
            "Nice. Do you like it?",
            {"asked", "asked_yes_no", "opens_with_yes_no", "asked_you", "yes_no_to_yes_no", "yes_no_to_you"},
        ),
        ("Well, it opens.", "I like your garage.", {"opens_with_yes_no", "asked_you", "yes_no_to_you"}),
        ("Yes!", "", {"opens_with_yes_no"}),
        ("", "", set()),
    ],
)
def test_an_opening_yes_or_no_is_seen_beside_what_is_asked(reply: str, question: str, expected: set[str]):
    names = ("opens_with_yes_no", "asked", "asked_you", "asked_yes_no", "yes_no_to_you", "yes_no_to_yes_no", "yes_no_to_others")
    found = dict(zip(OF_TOLD, told_figures(Told(reply, question, PARKING)), strict=True))
    assert {name for name in names if found[name]} == expected


def test_the_worst_claim_shows_in_the_least_and_the_most():
    alone, more = row(TRUE), row([*TRUE, INVENTED])
    assert more["words_known_least"] < alone["words_known_least"]
    assert more["unknown_words_most"] > alone["unknown_words_most"] == 0
    assert more["words_unknown"] > 0


def test_what_the_question_says_is_not_as_unknown():
    found = row([QUESTION])
    assert found["words_unknown"] > found["words_unknown_and_not_asked"] == 0


def test_a_greeting_counts_among_the_words_of_the_whole_and_is_no_claim():
    plain, polite = row(TRUE), row(TRUE, reply=f"Hello and welcome! {' '.join(TRUE)}")
    assert polite["words_unknown"] > plain["words_unknown"]
    assert polite["claims"] == plain["claims"]


def test_there_is_no_row_where_nothing_can_be_compared():
    assert reply_row(Told("!!!", "", ""), [None]) is None
    assert reply_row(Told("", "", ""), []) is None
    assert reply_models().chance(Told("!!!", "", ""), [None]) == 0.0


def test_a_doubtful_claim_makes_the_whole_less_likely():
    told, sure = Told(" ".join(TRUE), QUESTION, PARKING), figures(TRUE)
    doubtful = [sure[0], ClaimFigures(sure[1].row, 0.01)]
    assert reply_models().chance(told, doubtful) < reply_models().chance(told, sure)
    assert with_weakest(np.array([0.7, 0.0, 1.0]), np.array([0.5, 0.0, 1.0])) == pytest.approx([0.7, 0.0, 1.0], abs=1e-4)


def test_a_reply_with_an_invented_sentence_ranks_below_the_same_without():
    assert probability([*TRUE, INVENTED]) < probability(TRUE)
    assert probability([INVENTED]) < probability([*TRUE, INVENTED])


def test_the_same_reply_gets_the_same_probability():
    assert probability(TRUE) == probability(TRUE)


@pytest.mark.parametrize("sentences", [[], ["!!!"]])
def test_a_reply_without_words_rests_on_nothing(sentences: list[str]):
    assert probability(sentences) == 0.0


def test_the_judgements_are_those_of_the_verifier_alone():
    passage = Passage(PassageId("p"), DocumentId("d"), "", 0, "Parking", (), PARKING, Audience.PUBLIC)
    verifier = BuiltInVerifier(HashedWordsEmbedder())
    sentences = [*TRUE, INVENTED]
    whole = verifier.verify_reply("How much?", " ".join(sentences), sentences, [passage])
    assert list(whole.judgements) == verifier.verify("How much?", sentences, [passage])


@pytest.mark.parametrize(("name", "features"), [("plain", FEATURES), ("read", FEATURES_READ)])
def test_what_ships_has_a_weight_for_each_figure(name: str, features: tuple[str, ...]):
    model = getattr(reply_models(), name)
    assert model.weights.shape == model.mean.shape == model.scale.shape == (len(features),)
    assert (model.scale > 0).all()
    assert model.forest.feature.max() < len(features)


def test_pieces_are_part_of_the_row_only_if_all_claims_were_read():
    told, read = Told(" ".join(TRUE), QUESTION, PARKING), figures(TRUE, HashedPiecesEmbedder())
    unread = figures(TRUE)
    assert reply_row(told, read)[: len(FEATURES)] == reply_row(told, unread) == reply_row(told, [read[0], unread[1]])
    assert len(reply_row(told, read)) == len(FEATURES_READ)
    assert reply_models().chance(told, read) != reply_models().chance(told, unread)


def test_an_embedder_whose_pieces_the_model_does_not_know_is_not_asked_for_them():
    passage = Passage(PassageId("p"), DocumentId("d"), "", 0, "Parking", (), PARKING, Audience.PUBLIC)
    other, known = HashedPiecesEmbedder(), HashedPiecesEmbedder(reply_models().token_model)
    for embedder in (other, known):
        BuiltInVerifier(embedder).verify_reply(QUESTION, TRUE[0], TRUE[:1], [passage])
    assert other.read == []
    assert known.read == [TRUE[0]]  # once, though the passage says it in the same words


def test_nothing_is_read_of_claims_that_are_compared_with_nothing():
    reader = HashedPiecesEmbedder()
    source = source_of_texts([SENTENCES])
    assert claim_pieces(reader, ["", "!!!"], [None, None], source) == [None, None]
    assert reader.read == []


def test_a_figure_far_out_of_all_that_was_learnt_from_decides_nothing_alone():
    model = reply_models().plain
    far, farther = np.array([model.mean, model.mean])
    far[FEATURES.index("length")], farther[FEATURES.index("length")] = 1e3, 1e9
    assert model.chances([far])[0] == model.chances([farther])[0]


def test_a_model_is_read_as_it_was_stored():
    model = reply_models().plain
    again = ReplyModel.read(model.stored("any"), "any")
    rows = [list(row(chosen).values()) for chosen in (TRUE, [INVENTED])]
    assert np.array_equal(model.chances(rows), again.chances(rows))
    assert len(model.chances([])) == 0


def test_the_built_in_verifier_weighs_replies_and_others_need_not():
    class Plain:
        def verify(self, question: str, sentences: list[str], passages: list[Passage]) -> list[object]:
            return []

    assert isinstance(BuiltInVerifier(HashedWordsEmbedder()), ReplyVerifier)
    assert not isinstance(Plain(), ReplyVerifier)
