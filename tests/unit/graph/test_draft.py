from langgraph.runtime import Runtime

from agent.graph.evidence import Evidence
from agent.graph.nodes.draft import draft
from agent.graph.state import TurnContext, TurnState
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import load_profile
from agent.types import Usage
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Facts
from tests.fakes import HashedWordsEmbedder, InMemoryRetriever
from tests.fakes_model import FakeChatModel
from tests.samples import hit, message

EMBEDDER = HashedWordsEmbedder()
ASKED = "How much is a dog?"


async def drafted(profile: str, *, sure: bool) -> tuple[TurnState, FakeChatModel]:
    chat = FakeChatModel(["A dog costs €12 per night."])
    context = TurnContext(
        chat=chat,
        profile=load_profile(profile),
        retriever=InMemoryRetriever(EMBEDDER, []),
        embedder=EMBEDDER,
        verifier=BuiltInVerifier(EMBEDDER),
        policies=PolicyEngine(load_pack(default_folder())),
        detect_language=lambda text: "en",
    )
    state: TurnState = {
        "messages": (message("1", text=ASKED),),
        "facts": Facts(ASKED, "en", first_message=False),
        "asked": (ASKED,),
        "hits": (hit("pets", "A dog costs €12 per night.", "Pets"),),
        "evidence": Evidence(0.6, (0,), sure=sure),
        "usage": Usage(),
    }
    return await draft(state, Runtime(context=context)), chat


async def test_a_demonstration_model_is_asked_only_where_its_draft_may_count() -> None:
    unsure, chat = await drafted("smollm2", sure=False)
    assert (unsure["draft"], chat.prompts) == (None, [])
    sure, chat = await drafted("smollm2", sure=True)
    assert len(chat.prompts) == 1
    assert sure["draft"] is not None


async def test_a_model_that_can_rephrase_is_asked_whenever_there_is_something_to_answer_from() -> None:
    _, chat = await drafted("qwen3", sure=False)
    assert len(chat.prompts) == 1
