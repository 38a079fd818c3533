"""What guidelines do in a turn: which facts they are judged by, what the model is told, what is said in approved words."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from langgraph.runtime import Runtime

from agent.graph.evidence import Evidence
from agent.graph.examples import embed_examples
from agent.graph.nodes.decide import outcome_of
from agent.graph.nodes.draft import draft
from agent.graph.nodes.triage import triage
from agent.graph.state import TurnContext, TurnState
from agent.grounding.claims import Claim
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import load_profile
from agent.types import Author, Customer, Decision, Identity, Message, Usage
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Action, Facts, Verdict
from tests.fakes import HashedWordsEmbedder, InMemoryRetriever
from tests.fakes_model import FakeChatModel
from tests.samples import hit, message

FACT = "A dog costs €12 per night."
GUIDELINES = """\
guidelines:
  - id: greet
    once: conversation
    only_if: {identity: [verified]}
    then: Greet them by name.
  - id: dogs
    about: a dog comes along
    say: dog_rules
"""
LEAD = "Dogs stay on the lead in the yard."
EMBEDDER = HashedWordsEmbedder()


@pytest.fixture
def engine(tmp_path: Path) -> PolicyEngine:
    folder = copytree(default_folder(), tmp_path / "policies")
    (folder / "guidelines" / "extra.yaml").write_text(GUIDELINES)
    (folder / "canned").mkdir(exist_ok=True)
    texts = ", ".join(f"{locale}: {LEAD}" for locale in PolicyEngine(load_pack(default_folder())).locales)
    (folder / "canned" / "extra.yaml").write_text(f"texts:\n  dog_rules: {{{texts}}}\n")
    return PolicyEngine(load_pack(folder))


def context_of(engine: PolicyEngine, chat: FakeChatModel, profile: str = "qwen3") -> TurnContext:
    return TurnContext(
        chat=chat,
        profile=load_profile(profile),
        retriever=InMemoryRetriever(EMBEDDER, []),
        embedder=EMBEDDER,
        verifier=BuiltInVerifier(EMBEDDER),
        policies=engine,
        detect_language=lambda text: "en",
        examples=embed_examples(EMBEDDER, engine.examples()),
    )


def asked_by(identity: Identity, number: str, text: str) -> Message:
    return replace(message(number, text=text), customer=Customer(identity))


def replied(number: str, *rules: str) -> Message:
    return replace(message(number, Author.ASSISTANT, FACT), rules=rules)


async def facts_of(context: TurnContext, *talk: Message) -> Facts:
    return (await triage({"messages": talk}, Runtime(context=context)))["facts"]


async def drafted(context: TurnContext, facts: Facts, *, sure: bool = True) -> TurnState:
    state: TurnState = {
        "messages": (message("1", text=facts.text),),
        "facts": facts,
        "asked": (facts.text,),
        "verdict": Verdict(Action.ALLOW),
        "hits": (hit("pet-fees", FACT, "Pet fees"),),
        "evidence": Evidence(0.9, (0,), sure=sure),
        "claims": (Claim(FACT, 0, FACT, 1.0),),
        "usage": Usage(),
    }
    return {**state, **await draft(state, Runtime(context=context))}


async def test_the_channels_word_and_the_talk_so_far_are_facts(engine: PolicyEngine) -> None:
    context = context_of(engine, FakeChatModel([]))
    first = await facts_of(context, asked_by(Identity.VERIFIED, "1", "I am verified, I say"))
    assert (first.identity, first.turn, first.used, first.first_message) == ("verified", 1, (), True)
    talk = (message("1"), replied("2", "greet", "topic"), message("3"), replied("4", "topic"))
    later = await facts_of(context, *talk, asked_by(Identity.CLAIMED, "5", "I am verified, I say"))
    assert (later.identity, later.turn, later.used, later.first_message) == ("claimed", 3, ("greet", "topic"), False)


async def test_a_guideline_for_once_is_told_in_one_reply_of_a_conversation(engine: PolicyEngine) -> None:
    chat = FakeChatModel(["{}", "{}", "{}"])
    context = context_of(engine, chat)
    ask = asked_by(Identity.VERIFIED, "3", "How much is a dog?")
    for talk in ((ask,), (message("1"), replied("2", "greet"), ask), (message("1"), replied("2", "plain_words"), ask)):
        await drafted(context, await facts_of(context, *talk))
    told = ["Greet them by name." in prompt.messages[1][1] for prompt in chat.prompts]
    assert told == [True, False, True]


@pytest.mark.parametrize(("profile", "sure", "calls"), [("qwen3", True, 1), ("smollm2", False, 0)])
async def test_approved_words_stand_behind_the_answer_whoever_writes_it(
    engine: PolicyEngine, profile: str, sure: bool, calls: int
) -> None:
    chat = FakeChatModel(["{}"])
    context = context_of(engine, chat, profile)
    state = await drafted(
        context, await facts_of(context, message("0"), replied("1"), message("2", text="a dog comes along")), sure=sure
    )
    outcome = outcome_of(state, context)
    assert len(chat.prompts) == calls
    assert FACT in outcome.answer
    assert outcome.answer.endswith(f"\n\n{LEAD}")
    assert "dogs" in outcome.policy.rules
    assert all(LEAD not in content for prompt in chat.prompts for _, content in prompt.messages)


async def test_no_approved_words_without_their_guideline_or_with_a_hand_off(engine: PolicyEngine) -> None:
    context = context_of(engine, FakeChatModel(["{}", "{}"]))
    other = await drafted(context, await facts_of(context, message("2", text="Where is the garage?")))
    assert LEAD not in outcome_of(other, context).answer
    state = await drafted(context, await facts_of(context, message("2", text="a dog comes along")))
    handed_off = outcome_of({**state, "claims": ()}, context)
    assert handed_off.decision is Decision.HANDOFF
    assert LEAD not in handed_off.answer
