"""What of an answer has no source: judged from its text alone."""

from dataclasses import replace

from agent.evaluation.tracing import clean, made_of, untraced
from agent.graph import compose
from agent.graph.evidence import Evidence
from agent.graph.options import listed
from agent.graph.parts import Part
from agent.graph.state import TurnState
from agent.grounding.claims import Claim
from agent.types import Decision, Outcome, PolicyTrace
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from tests.samples import hit

POLICIES = PolicyEngine(load_pack(default_folder()))
FACT = "A dog costs €12 per night."
HITS = (hit("pet-fees", FACT, "Pet fees"), hit("wifi", "The password is in the house manual.", "Wifi"))
CLAIMS = (
    Claim("A dog is €12 a night.", 0, FACT, 0.97),
    Claim("The password is in the house manual.", 1, "The password is in the house manual.", 1.0, is_quote=True),
)


def state(more: str = "", decision: Decision = Decision.ANSWER) -> TurnState:
    text, citations = compose.answer(CLAIMS, HITS)
    opening = POLICIES.text("closest", "en")
    trace = PolicyTrace("1", "ab", ("tone", "payments", "disclosure"))
    outcome = Outcome(decision, f"{opening}\n\n{text}{more}", "because", "en", trace, citations, 0.9, timings_ms={"draft": 3.0})
    return {
        "run_id": "r",
        "hits": HITS,
        "claims": CLAIMS,
        "rules": ("tone",),
        "outcome": outcome,
        "evidence": Evidence(0.9, (0,)),
    }


def test_every_sentence_stands_beside_the_span_it_rests_on():
    made = made_of(state(), POLICIES, 1.5)
    first, second = made.sentences
    assert (first.text, first.span, first.support, first.is_quote) == ("A dog is €12 a night.", FACT, 0.97, False)
    assert (second.doc_id, second.place, second.is_quote) == ("wifi", "Wifi", True)
    assert (made.untraced, made.topics, made.seconds, made.run_id) == ((), ("payments",), 1.5, "r")
    assert [one.doc_id for one in made.citations] == ["pet-fees", "wifi"]


def test_what_no_claim_tells_shows():
    assert made_of(state(" We will refund you."), POLICIES, 1).untraced == ("We will refund you.",)
    assert made_of(state("\n\n**Trust us – Really**"), POLICIES, 1).untraced == ("**Trust us – Really**",)


def test_a_hand_off_has_no_sentences_and_its_approved_text_needs_none():
    ended = state(decision=Decision.HANDOFF)
    ended["outcome"] = replace(ended["outcome"], answer=POLICIES.text("handoff", "de"))
    made = made_of(ended, POLICIES, 1)
    assert (made.sentences, made.untraced) == ((), ())
    ended["outcome"] = replace(ended["outcome"], answer=FACT)
    assert made_of(ended, POLICIES, 1).untraced == (FACT,)


def test_articles_to_choose_from_are_titles_of_what_was_found():
    asked = state(decision=Decision.CLARIFY)
    question = listed(POLICIES.text("which", "en"), POLICIES.text("clarify", "en"), ("Wifi", "Pet fees"))
    asked["outcome"] = replace(asked["outcome"], answer=question)
    assert made_of(asked, POLICIES, 1).untraced == ()
    asked["outcome"] = replace(asked["outcome"], answer=question.replace("Wifi", "Free stays"))
    assert made_of(asked, POLICIES, 1).untraced == ("1. Free stays",)


def test_an_open_question_is_told_in_the_customer_s_own_words():
    answer = state(f"\n\n{POLICIES.text('missing', 'en')}\n\n> Is there a pool?")
    assert made_of(answer, POLICIES, 1).untraced == ("> Is there a pool?",)
    answer["parts"] = (Part("Is there a\npool?", 0.1), Part("How much is a dog?", 0.9, 0))
    assert made_of(answer, POLICIES, 1).untraced == ()


def test_a_topic_that_has_a_rule_s_name_is_told_apart():
    ended = state()
    ended["rules"] = ("payments",)
    ended["outcome"] = replace(ended["outcome"], policy=PolicyTrace("1", "ab", ("payments", "disclosure")))
    assert made_of(ended, POLICIES, 1).topics == ()


def test_a_sentence_said_twice_is_traced_and_an_empty_one_hides_nothing():
    assert untraced("One. [1] One. [1]", ["One.", ""], (), ()) == ()
    assert untraced("Two.", ["", " "], (), ()) == ("Two.",)


def test_half_a_surrogate_pair_becomes_a_question_mark():
    assert clean("a \ud800 €") == "a ? €"
