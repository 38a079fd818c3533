"""What a model server's prefix cache can keep: prompts begin with what they share."""

from collections.abc import Sequence

import pytest
from langgraph.runtime import Runtime

from agent.completions import Prompt
from agent.graph.evidence import Evidence
from agent.graph.judging import JUDGE_TOKENS, judge_prompt
from agent.graph.nodes.draft import draft
from agent.graph.prompting import draft_prompt, read_template
from agent.graph.rewriting import rewrite_prompt
from agent.graph.state import TurnContext, TurnState
from agent.grounding.second import OpenClaim
from agent.grounding.types import Judgement
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import ModelProfile, load_profile, profile_names
from agent.types import Author, Message, Usage
from knowledge.types import Passage
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Facts
from tests.fakes import HashedWordsEmbedder, InMemoryRetriever
from tests.fakes_model import FakeChatModel
from tests.samples import hit, message, passage

QWEN = load_profile("qwen3")
PROFILES = [load_profile(name) for name in profile_names()]
EMBEDDER = HashedWordsEmbedder()
PETS = passage("pets", "A dog costs €12 per night.", "Pets")
GARAGE = passage("cars", "The garage has 8 places.", "Garage")
FIRST = (message("1", text="How much is a dog?"),)
OTHER = (message("7", text="Is there a garage, and what does it cost me? I am furious."),)
SECOND = (*FIRST, message("2", Author.ASSISTANT, "A dog costs €12 per night."), message("3", text="And a cat?"))


def text_of(prompt: Prompt) -> str:
    """As a chat template puts it: each message whole, in order."""
    return "".join(f"<{role}>{content}" for role, content in prompt.messages)


def shared(one: Prompt, two: Prompt) -> str:
    first, second = text_of(one), text_of(two)
    return first[: next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)]


def claim(text: str, where: Passage) -> OpenClaim:
    return OpenClaim(text, where, Judgement(False, 0.6, 0, where.text, "unsure", is_open=True))


def drafted(profile: ModelProfile, talk: Sequence[Message], where: Passage, rules: Sequence[str] = ()) -> Prompt:
    return draft_prompt(profile, "Marlowe", rules, [where], talk, ["Be kind."])


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_drafts_for_two_tickets_share_all_that_is_not_of_the_ticket(profile: ModelProfile) -> None:
    one, two = drafted(profile, FIRST, PETS), drafted(profile, OTHER, GARAGE, ["The customer is upset."])
    same = shared(one, two)
    if profile.prompt_style == "chat":
        assert same.startswith(f"<system>{one.messages[0][1]}<user><conversation>\n")
        assert "Marlowe" in same
        assert "- Be kind." in same
    else:
        last_example = read_template("draft_small.md").split("\n---\n")[-2].strip()
        assert last_example in same
        assert same.endswith("Customer: ")


def test_questions_to_search_with_share_all_but_the_talk() -> None:
    same = shared(rewrite_prompt(QWEN, FIRST), rewrite_prompt(QWEN, OTHER))
    assert read_template("rewrite.md").partition("\n---\n")[0] in same
    assert same.endswith('<message from="customer">\n')


def test_judgements_share_all_but_passages_and_statements() -> None:
    asked = (claim("You pay €12 a night for a dog.", PETS), claim("It has room for 8 cars.", GARAGE))
    one, two = (judge_prompt(QWEN, [one], JUDGE_TOKENS)[1] for one in asked)
    same = shared(one, two)
    assert read_template("judge.md").partition("\n---\n")[0] in same
    assert same.endswith('<passages>\n<passage n="1" about="')


@pytest.mark.parametrize("kind", ["draft", "rewrite"])
def test_a_second_turn_begins_with_all_that_the_first_one_said(kind: str) -> None:
    if kind == "draft":  # another passage, and other guidelines: they come after what was said
        same = shared(drafted(QWEN, FIRST, PETS), drafted(QWEN, SECOND, GARAGE, ["The customer is upset."]))
    else:
        same = shared(rewrite_prompt(QWEN, FIRST), rewrite_prompt(QWEN, SECOND))
    assert '<message from="customer">\nHow much is a dog?\n</message>' in same


async def test_a_turn_puts_the_rules_of_every_turn_in_the_shared_part_and_its_own_behind() -> None:
    policies = PolicyEngine(load_pack(default_folder()))
    prompts = [await asked_by_a_turn(policies, talk) for talk in (FIRST, OTHER)]
    assert policies.standing
    same = shared(*prompts)
    for rule in policies.standing:
        assert rule.then in same
        assert all(text_of(prompt).count(rule.then) == 1 for prompt in prompts)
    assert "The customer is upset." not in same
    assert "The customer is upset." in prompts[1].messages[1][1]


async def asked_by_a_turn(policies: PolicyEngine, talk: Sequence[Message]) -> Prompt:
    chat = FakeChatModel(["{}"])
    context = TurnContext(
        chat, QWEN, InMemoryRetriever(EMBEDDER, []), EMBEDDER, BuiltInVerifier(EMBEDDER), policies, lambda text: "en"
    )
    state: TurnState = {
        "messages": tuple(talk),
        "facts": Facts(talk[-1].text, "en", first_message=False),
        "asked": (talk[-1].text,),
        "hits": (hit("pets", PETS.text, "Pets"),),
        "evidence": Evidence(0.6, (0,), sure=True),
        "usage": Usage(),
    }
    await draft(state, Runtime(context=context))
    return chat.prompts[0]
