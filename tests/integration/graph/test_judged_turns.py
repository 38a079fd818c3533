"""Whole turns with a judge behind a real HTTP client: one more call at most, and nothing on its word alone."""

import json
from dataclasses import dataclass, field
from shutil import copytree

import pytest

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.graph.build import build_graph
from agent.graph.checking import check
from agent.graph.judging import MAX_CALLS, JudgeVerifier
from agent.graph.prompting import PROMPT_TOKENS
from agent.graph.state import TurnContext
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import ModelProfile, load_profile
from agent.model_sessions import session_of
from agent.ports import ChatModel
from agent.thinking import think
from agent.turns import Turns
from agent.types import Author, Outcome, RunId, Usage
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Facts, Verifier
from tests.fakes import InMemoryConversations, InMemoryQueue, InMemoryRetriever
from tests.faulty_server import FaultyServer, Reply, Request, completion, drop, endless, slowly, stall, status
from tests.samples import message, passage, ticket
from tests.yes_man import yes_to_all

pytestmark = pytest.mark.slow
GARAGE = passage(
    "garage",
    "The garage has 8 places for cars. A place in the garage costs €8 per day and must be booked in advance. "
    "The garage isn't guarded at night.",
    "Garage",
)
TOWELS = passage("towels", "Towels and linen are in the bathroom. Fresh towels cost nothing.", "Towels")
QUESTION = "What does a place in the garage cost per day, and is it guarded at night?"
FREE = "A space in the garage costs €8 per day and you must reserve it in advance."
LIES = (
    "A space in the garage costs €88 per day and you must reserve it in advance.",
    "The garage is guarded at night.",
    "At night a place in the garage of Lisbon costs €8 per day.",
    "We will keep a place in the garage for you.",
    "A space in the garage costs €8 per day.",
)
ASKED = (message("1", text=QUESTION),)
TALK = (
    message("1", text="Is there a garage for my car at the house?"),
    message("2", Author.ASSISTANT, "There is a garage with 8 places. It has rules of its own."),
    message("3", text="And what does it cost?"),
)


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> PolicyEngine:
    folder = copytree(default_folder(), tmp_path_factory.mktemp("pack") / "policies")
    topic = (
        "{id: cars, about: x, articles: [garage], dial: {auto: at most 14% wrong}, unsure: closest, verifiers: [built_in, judge]}"
    )
    (folder / "topics.yaml").write_text(f"otherwise: {{dial: draft}}\ntopics:\n  - {topic}\n")
    return PolicyEngine(load_pack(folder))


@dataclass
class JudgedServer(FaultyServer):
    """Judges by `judge`, or says yes to everything; drafts `sentences`; puts every follow-up as the same question."""

    script: list[Reply] = field(default_factory=list)
    judge: Reply | None = None
    sentences: tuple[str, ...] = (FREE,)
    judged: int = 0

    def choose(self, request: Request) -> Reply:
        user = request.body["messages"][-1]["content"]
        if "<statements>" in user:
            self.judged += 1
            return self.judge or completion(yes_to_all(user))
        if "<passages>" not in user:
            return completion(json.dumps({"question": "What does a place in the garage cost per day?"}))
        drafted = [{"text": sentence, "passage": 1} for sentence in self.sentences]
        return completion(json.dumps({"answerable": True, "sentences": drafted}))


def context_of(chat: ChatModel, profile: ModelProfile, policies: PolicyEngine, embedder, timeout_s: float) -> TurnContext:
    return TurnContext(
        chat,
        profile,
        InMemoryRetriever(embedder, [GARAGE, TOWELS]),
        embedder,
        BuiltInVerifier(embedder),
        policies,
        lambda text: "en",
        second={Verifier.JUDGE: JudgeVerifier(chat, profile, timeout_s)},
    )


async def turn(server: JudgedServer, policies: PolicyEngine, embedder, talk=ASKED) -> Outcome:
    async with server, OpenAIChatModel(load_profile("qwen3"), ModelServer(server.base_url, timeout_s=20)) as chat:
        context = context_of(chat, load_profile("qwen3"), policies, embedder, 1.0)
        return await think(build_graph(), context, talk, RunId("r"), "t")


async def test_a_yes_with_its_words_sends_what_is_said_freely(policies: PolicyEngine, embedder) -> None:
    server = JudgedServer()
    outcome = await turn(server, policies, embedder)
    assert FREE in outcome.answer
    assert outcome.citations[0].quote in GARAGE.text
    assert outcome.confidence < 0.95
    assert outcome.usage.llm_calls == len(server.requests) == 2
    assert outcome.usage.prompt_tokens == 2 * 11
    assert outcome.timings_ms["judge"] > 0
    assert outcome.timings_ms["verify"] >= 0
    body = server.requests[-1].body
    assert (body["temperature"], body["response_format"]["type"]) == (0.0, "json_schema")


async def test_a_judge_that_says_yes_to_everything_gets_no_wrong_number_negation_name_or_limit_out(
    policies: PolicyEngine, embedder
) -> None:
    server = JudgedServer(sentences=(FREE, *LIES))
    outcome = await turn(server, policies, embedder)
    assert FREE in outcome.answer
    assert [lie for lie in LIES if lie in outcome.answer] == []
    assert server.judged == 1


@pytest.mark.parametrize(
    "reply",
    [
        completion(""),
        completion("yes, all of it"),
        completion('{"verdicts": []}'),
        completion('{"verdicts": [{"statement": 1, "quote": "A space in the garage costs €8 per day", "supported": true}]}'),
        completion('{"verdicts": [{"statement": 1, "quote": "", "supported": true}]}'),
        completion('{"verdicts": [{"statement": 1, "quote": "A place in the garage costs', finish_reason="length"),
        completion("[" * 100_000),
        completion(f'{{"verdicts": [{{"statement": {"7" * 5_000}, "quote": "x", "supported": true}}]}}'),
        status(200, b"<html>"),
        status(400, {"error": {"message": "no"}}),
        endless('{"choices": [{"message": {"content": "', "yes "),
        slowly(completion(""), 5.0),
        stall,
    ],
    ids=[
        *("empty", "prose", "no-verdict", "invented-span", "no-span", "cut", "deep", "huge-number", "html", "refused"),
        *("endless", "slow", "stalled"),
    ],
)
async def test_a_judge_that_fails_confirms_nothing_and_the_passage_is_quoted(
    reply: Reply, policies: PolicyEngine, embedder
) -> None:
    server = JudgedServer(judge=reply)
    outcome = await turn(server, policies, embedder)
    assert FREE not in outcome.answer
    assert "€8 per day" in outcome.answer
    assert outcome.usage.llm_calls == 2
    assert server.judged == 1
    assert outcome.timings_ms["judge"] < 3_000


async def test_a_judge_whose_connection_breaks_is_one_call_with_its_retries(policies: PolicyEngine, embedder) -> None:
    server = JudgedServer(judge=drop)
    outcome = await turn(server, policies, embedder)
    assert FREE not in outcome.answer
    assert outcome.usage.llm_calls == 2
    assert server.judged <= 3


async def test_with_a_question_to_search_with_it_is_three_calls_and_no_more(policies: PolicyEngine, embedder) -> None:
    server = JudgedServer(sentences=(FREE, "The price of a space is €8 per day, booked in advance."))
    outcome = await turn(server, policies, embedder, TALK)
    assert len(server.requests) == outcome.usage.llm_calls <= MAX_CALLS
    assert server.judged <= 1


async def test_all_calls_of_a_conversation_have_one_session_and_no_other_conversation_has_it(
    policies: PolicyEngine, embedder
) -> None:
    server, conversations = JudgedServer(), InMemoryConversations()
    async with server, OpenAIChatModel(load_profile("qwen3"), ModelServer(server.base_url, timeout_s=20)) as chat:
        context = context_of(chat, load_profile("qwen3"), policies, embedder, 20.0)
        turns = Turns(build_graph(), context, conversations, InMemoryQueue(), 300)
        found = {}
        for one in (ticket(1), ticket(2)):
            before = len(server.requests)
            await conversations.append(one, message("1", text="Hi, I am coming next week with my family."))
            await conversations.append(one, message("2", Author.ASSISTANT, "Thank you for telling us."))
            for number, said in enumerate(("And what is the price of a space for a vehicle?", QUESTION)):
                await conversations.append(one, message(f"asked {number}", text=said))
                assert await turns.run_turn(one.conversation_id)
            found[one.conversation_id] = [request.headers["x-session-id"] for request in server.requests[before:]]
        await think(build_graph(), context, ASKED, RunId("r"), "t")
    assert {one: set(sessions) for one, sessions in found.items()} == {one: {session_of(one)} for one in found}
    # A question to search with, a draft and a judgement, and at least a draft in the second turn.
    assert all(len(sessions) >= 4 for sessions in found.values())
    schemas = [request.body["response_format"]["json_schema"]["schema"] for request in server.requests]
    assert {tuple(schema["required"]) for schema in schemas} == {("question",), ("answerable", "sentences"), ("verdicts",)}
    by_itself = server.requests[-1].headers["x-session-id"]
    assert by_itself not in {session_of(one) for one in found}


async def test_no_topic_that_lists_it_no_call(policies: PolicyEngine, embedder) -> None:
    server = JudgedServer(sentences=("Clean towels are put in the bathroom for you to use.",))
    outcome = await turn(server, policies, embedder, (message("1", text="Where do I find towels and linen?"),))
    assert server.judged == 0
    assert outcome.usage.llm_calls == 1


async def test_a_real_weak_model_as_the_judge_is_asked_once_and_can_not_lift_what_is_forbidden(
    llama: str, policies: PolicyEngine, embedder
) -> None:
    # Not as it is allowed to be set up: SmolLM2's own profile can't judge.
    profile = load_profile("smollm2").model_copy(update={"prompt_style": "chat", "max_output_tokens": 400})
    facts, before = Facts(QUESTION, "en", False), Usage(1, 900)
    async with OpenAIChatModel(profile, ModelServer(llama, timeout_s=120)) as chat:
        context = context_of(chat, profile, policies, embedder, 120)
        found = await check(context, facts, before, QUESTION, [FREE, *LIES], [GARAGE, TOWELS])
        assert chat.usage.llm_calls == found.usage.llm_calls == 1
    assert [one.supported for one in found.judgements[1:]] == [False] * len(LIES)
    assert found.usage.prompt_tokens <= PROMPT_TOKENS
    assert all(one.quote in GARAGE.text for one in found.judgements if one.supported)
