"""What the dials make of an answer."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from langgraph.runtime import Runtime
from prometheus_client import REGISTRY

from agent.graph.answerability import Answerability
from agent.graph.evidence import Evidence
from agent.graph.nodes.decide import decide, nearest_topic, outcome_of
from agent.graph.nodes.gate import verdict_of
from agent.graph.parts import Part
from agent.graph.state import TurnContext, TurnState
from agent.grounding.claims import Claim
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import load_profile
from agent.types import Decision, Outcome
from knowledge.types import Audience, Hit, Passage, Query
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Action, Facts, Verdict
from tests.fakes import HashedWordsEmbedder
from tests.fakes_model import FakeChatModel
from tests.samples import hit, message

FACT = "A dog costs €12 per night."
AT_1 = "dial: {auto: at most 1% wrong}"


class Nothing:
    """A retriever that is not asked."""

    def search(self, query: Query) -> list[Hit]:
        raise AssertionError

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        raise AssertionError


def policies(tmp_path: Path, topics: str) -> PolicyEngine:
    folder = copytree(default_folder(), tmp_path / "policies")
    (folder / "topics.yaml").write_text(topics, encoding="utf-8")
    return PolicyEngine(load_pack(folder))


def decided(
    engine: PolicyEngine, probability: float, *, support: float = 1.0, evidence: Evidence | None = None, **known: object
) -> Outcome:
    return outcome_of(state_of(probability, support, evidence, **known), context_of(engine))


def context_of(engine: PolicyEngine) -> TurnContext:
    embedder = HashedWordsEmbedder()
    return TurnContext(
        chat=FakeChatModel([]),
        profile=load_profile("qwen3"),
        retriever=Nothing(),
        embedder=embedder,
        verifier=BuiltInVerifier(embedder),
        policies=engine,
        detect_language=lambda text: "en",
    )


def state_of(probability: float, support: float = 1.0, evidence: Evidence | None = None, **known: object) -> TurnState:
    state: TurnState = {
        "messages": (message("1", text="How much is a dog?"),),
        "facts": Facts("How much is a dog?", "en", first_message=False),
        "verdict": Verdict(Action.ALLOW),
        "hits": (hit("pet-fees", FACT, "Pet fees", score=0.9),),
        "evidence": evidence or Evidence(probability, (0,), sure=probability >= 0.86),
        "claims": (Claim(FACT, 0, FACT, support),),
    }
    return {**state, **known}  # type: ignore[typeddict-item,return-value]


def test_an_answer_as_sure_as_its_dial_asks_for_is_told_plainly(tmp_path: Path) -> None:
    outcome = decided(policies(tmp_path, f"otherwise: {{{AT_1}}}"), 0.995)
    assert (outcome.decision, outcome.answer) == (Decision.ANSWER, f"{FACT} [1]")
    assert outcome.confidence == pytest.approx(0.995)
    assert outcome.reason == "supported by the cited passages"


@pytest.mark.parametrize(
    ("unsure", "decision"), [("draft", Decision.DRAFT), ("person", Decision.HANDOFF), ("closest", Decision.ANSWER)]
)
def test_a_less_sure_one_goes_where_the_topic_says(tmp_path: Path, unsure: str, decision: Decision) -> None:
    engine = policies(tmp_path, f"otherwise: {{{AT_1}, unsure: {unsure}}}")
    outcome = decided(engine, 0.95)
    assert outcome.decision is decision
    assert (engine.text("closest", "en") in outcome.answer) is (unsure != "person")
    assert (outcome.summary is not None) is (unsure == "person")
    assert "supported" not in outcome.reason


def test_a_draft_is_what_becomes_of_an_unsure_answer_if_nothing_is_said(tmp_path: Path) -> None:
    assert decided(policies(tmp_path, f"otherwise: {{{AT_1}}}"), 0.95).decision is Decision.DRAFT


def test_a_sentence_that_is_hardly_supported_makes_the_answer_unsure(tmp_path: Path) -> None:
    outcome = decided(policies(tmp_path, f"otherwise: {{{AT_1}}}"), 0.995, support=0.9)
    assert (outcome.decision, outcome.confidence) == (Decision.DRAFT, pytest.approx(0.9))


def test_no_probability_makes_sure_of_what_the_articles_do_not_name(tmp_path: Path) -> None:
    other_town = replace(Evidence(0.999, (0,)), named=False)
    assert decided(policies(tmp_path, f"otherwise: {{{AT_1}}}"), 0.999, evidence=other_town).decision is Decision.DRAFT


def test_the_topic_of_the_cited_article_decides_and_is_named(tmp_path: Path) -> None:
    pets = f"topics:\n  - {{id: pets, about: Pets, articles: [pet-*], dial: person, queue: vets}}\notherwise: {{{AT_1}}}\n"
    outcome = decided(policies(tmp_path, pets), 0.999)
    assert (outcome.decision, outcome.queue, outcome.policy.rules) == (Decision.HANDOFF, "vets", ("pets",))


def test_a_topic_of_a_persons_is_handed_over_before_anything_is_looked_up(tmp_path: Path) -> None:
    press = "topics:\n  - {id: press, about: x, any: [{pattern: newspaper}], dial: person, queue: news}\n"
    engine = policies(tmp_path, press + "otherwise: {dial: draft}\n")
    verdict = verdict_of(engine, Facts("I write for a newspaper", "en", first_message=True))
    assert verdict == Verdict(Action.HANDOFF, "press", "news", say="handoff")
    assert verdict_of(engine, Facts("Can I bring a dog?", "en", first_message=True)).action is Action.ALLOW


def test_a_hard_rule_wins_over_a_topic(tmp_path: Path) -> None:
    everything = "topics:\n  - {id: all_of_it, about: x, any: [{pattern: '.'}], dial: person}\notherwise: {dial: draft}\n"
    verdict = verdict_of(policies(tmp_path, everything), Facts("I want to talk to a human", "en", first_message=True))
    assert (verdict.action, verdict.rule) == (Action.HANDOFF, "asked_for_human")


def test_a_partial_answer_says_what_is_missing(tmp_path: Path) -> None:
    engine = policies(tmp_path, f"otherwise: {{{AT_1}}}")
    parts = (Part("How much is a dog?", 0.995, 0), Part("Is there a *sauna*?", 0.1))
    outcome = decided(engine, 0.995, parts=parts)
    assert outcome.decision is Decision.ANSWER
    assert outcome.answer == f"{FACT} [1]\n\n{engine.text('missing', 'en')}\n\n> Is there a *sauna*?"
    assert "a part of the question is not answered" in outcome.reason


def test_a_vague_request_is_asked_about_with_the_articles_that_may_be_meant(tmp_path: Path) -> None:
    engine = policies(tmp_path, f"otherwise: {{{AT_1}}}")
    vague = {
        "messages": (message("1", text="something about animals"),),
        "hits": (hit("pet-fees", FACT, "Pet fees"), hit("pet-rules", "No snakes.", "Pet rules")),
        "claims": (),
        "answerability": Answerability(0.1, 0.1, 0.1, 0.7),
    }
    outcome = decided(engine, 0.3, evidence=Evidence(0.3, (0, 1)), **vague)
    assert outcome.decision is Decision.CLARIFY
    assert "1. Pet fees\n2. Pet rules\n" in outcome.answer
    assert outcome.answer.endswith(engine.text("clarify", "en"))
    third = decided(engine, 0.3, evidence=Evidence(0.3, (0, 1)), **vague, asked_back=2)
    assert third.decision is Decision.HANDOFF
    assert third.summary is not None
    assert "something about animals" in third.summary


def test_a_question_that_nothing_answers_counts_for_the_topic_of_the_nearest_article(tmp_path: Path) -> None:
    topics = """
otherwise: {dial: draft}
topics:
  - {id: pets, about: Animals, articles: [pet-*], dial: draft}
"""
    engine = policies(tmp_path, topics)
    facts = Facts("How much is a dog?", "en", first_message=False)
    near, far = hit("pet-fees", FACT, "Pet fees"), hit("parking", "There is a garage.", "Parking")
    assert nearest_topic({"facts": facts, "hits": (near, far)}, engine) == "pets"
    assert nearest_topic({"facts": facts, "hits": (far, near)}, engine) == "otherwise"
    assert nearest_topic({"facts": facts}, engine) == "otherwise"


async def test_only_what_nothing_answers_counts(tmp_path: Path) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("innkeeper_unanswered_topics_total", {"topic": "otherwise"}) or 0.0

    engine = policies(tmp_path, f"otherwise: {{{AT_1}}}")
    before = counted()
    await decide_once(engine, claims=(), asked_back=2)
    assert counted() == before + 1
    await decide_once(engine)
    assert counted() == before + 1


async def decide_once(engine: PolicyEngine, **known: object) -> Outcome:
    """The node itself, which counts."""
    context = context_of(engine)
    runtime: Runtime[TurnContext] = Runtime(context=context)
    return (await decide(state_of(0.995, **known), runtime))["outcome"]
