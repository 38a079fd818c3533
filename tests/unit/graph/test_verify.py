from collections.abc import Sequence

import pytest

from agent.graph.checking import Checked
from agent.graph.evidence import Evidence
from agent.graph.nodes.verify import claims_of, in_own_words, runner_up, says_nearest, supported_claims
from agent.graph.prompting import Draft, DraftSentence
from agent.graph.quoting import Quote
from agent.graph.state import TurnState
from agent.grounding.claims import Claim
from agent.grounding.types import Judgement
from agent.grounding.verifier import BuiltInVerifier
from knowledge.types import Vectors
from tests.fakes import HashedWordsEmbedder
from tests.samples import hit


def test_a_word_of_the_same_stem_is_another_word():
    insured = Claim("The insurer costs 5.5%.", 0, "The insurance costs 5.5% of the price.", 1.0)
    assert not in_own_words([insured])


def test_a_shortened_sentence_is_in_its_own_words():
    assert in_own_words([Claim("The longest stay is 180 nights.", 0, "The longest stay is 180 nights in a row.", 1.0)])


def test_a_draft_must_say_what_is_nearest_to_the_question():
    quotes = [Quote(0, "Codes are typed in. A code can't be added later.", 0.8, "A code can't be added later.")]
    quotes += [Quote(1, "Codes are fun.", 0.4, "Codes are fun.")]
    beside = Claim("Codes are typed in.", 0, "Codes are typed in.", 1.0)
    assert not says_nearest([beside], quotes)
    assert says_nearest([beside, Claim("A code can't be added.", 0, "A code can't be added later.", 1.0)], quotes)
    assert says_nearest([beside], [])


def test_a_second_article_is_quoted_only_if_nearly_as_good_and_the_best_is_not_sure():
    near, far = ([hit("a", "x", score=0.6), hit("b", "y", score=score)] for score in (0.55, 0.3))
    assert runner_up(near, Evidence(0.5, (0, 1))) == 1
    assert runner_up(far, Evidence(0.5, (0, 1))) is None
    assert runner_up(near, Evidence(0.95, (0, 1), sure=True)) is None
    assert runner_up(near[:1], Evidence(0.5, (0,))) is None


def drafted(sure: bool) -> TurnState:
    said = "The longest stay you can book in one home is 180 nights."
    found = hit("stays", f"{said}\n\nLong stays have other rules.", score=0.6)
    return {
        "hits": (found,),
        "evidence": Evidence(0.9 if sure else 0.8, (0,), sure=sure),
        "asked": ("What is the longest stay that I can book?",),
        "draft": Draft(None, (DraftSentence(said),)),
    }


@pytest.mark.parametrize("sure", [True, False])
def test_a_weak_model_s_draft_counts_only_where_the_passage_surely_answers(sure: bool):
    embedder = HashedWordsEmbedder()
    claims = claims_of(BuiltInVerifier(embedder), embedder, drafted(sure), trusted=False)
    assert all(claim.is_quote != sure for claim in claims)
    assert claims[0].text.startswith("The longest stay")


def test_a_good_model_s_draft_counts_where_the_passage_may_answer():
    embedder = HashedWordsEmbedder()
    [claim] = claims_of(BuiltInVerifier(embedder), embedder, drafted(sure=False), trusted=True)
    assert not claim.is_quote


class NotingEmbedder(HashedWordsEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.read += texts
        return super().embed(texts)


def test_an_article_is_read_sentence_by_sentence_only_where_it_may_be_quoted():
    beside = "Long stays have other rules."
    sent, quoted = NotingEmbedder(), NotingEmbedder()
    [claim] = claims_of(BuiltInVerifier(sent), sent, drafted(sure=True), trusted=True)
    assert not claim.is_quote
    assert sent.read
    assert beside not in sent.read
    invented = drafted(sure=True) | {"draft": Draft(None, (DraftSentence("The longest stay is free of charge for dogs."),))}
    claims = claims_of(BuiltInVerifier(quoted), quoted, invented, trusted=True)
    assert all(one.is_quote for one in claims)
    assert claims
    assert beside in quoted.read
    assert quoted.read.count(beside) == 1


@pytest.mark.parametrize(("named_is_supported", "kept"), [(True, 2), (False, 0)])
def test_what_leans_on_a_dropped_sentence_is_dropped_too(named_is_supported: bool, kept: int):
    named, leaning = "The longest stay is 180 nights.", "It is the longest stay that you can book."
    state = drafted(sure=True) | {"draft": Draft(None, (DraftSentence(named), DraftSentence(leaning)))}
    found = (Judgement(named_is_supported, 0.99 if named_is_supported else 0.1), Judgement(True, 0.99))
    claims, dropped = supported_claims(
        Checked((named, leaning), found), HashedWordsEmbedder(), state["asked"][0], state["draft"], state["hits"], [0]
    )
    assert (len(claims), dropped) == (kept, 2 - kept)
