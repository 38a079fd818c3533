"""Several real models as one, on real llama.cpp servers; and what such a server keeps of a prompt that begins like another."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx
import pytest
from prometheus_client import REGISTRY

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.adapters.chat_router import RoutedChatModel
from agent.completions import Prompt, Task
from agent.graph.prompting import draft_prompt
from agent.graph.rewriting import rewrite_prompt
from agent.model_profiles import load_profile
from agent.model_routes import Route
from agent.types import Author
from tests.contract.test_chat_model import ASK, ASK_JSON
from tests.samples import message, passage
from tests.servers import free_port
from tests.unit.graph.test_prefix_cache import shared, text_of

pytestmark = pytest.mark.slow
FIRST = (message("1", text="How much is the fee for a dog in the house by the lake, and who is it paid to? " * 4),)
OTHER = (message("8", text="Is there a garage?"),)
SECOND = (*FIRST, message("2", Author.ASSISTANT, "A dog costs €12 per night."), message("3", text="And a cat?"))
PETS = passage("pets", "A dog costs €12 per night. A cat costs €5 per night.", "Pets")


@pytest.fixture(scope="module")
def gemma() -> Iterator[str]:
    """The address of the other packaged model, which continues text."""
    command = (sys.executable, "-m", "agent.adapters.local_model", "--profile", "gemma3-270m", "--threads", "1")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
        assert process.wait(60) == 0


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def client(stack: AsyncExitStack, profile: str, url: str, name: str) -> OpenAIChatModel:
    server = ModelServer(url, name=name, timeout_s=300, backoff_s=())
    return await stack.enter_async_context(OpenAIChatModel(load_profile(profile), server))


def counted(what: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"innkeeper_model_{what}_total", labels) or 0.0


async def test_two_real_models_share_the_tasks(stack: AsyncExitStack, llama: str, gemma: str) -> None:
    writer, judge = await client(stack, "smollm2", llama, "writer"), await client(stack, "gemma3-270m", gemma, "judge")
    routes = {**dict.fromkeys(Task, Route(("judge",))), Task.ANSWER: Route(("writer",))}
    chat = RoutedChatModel({"writer": writer, "judge": judge}, routes)
    assert await chat.is_ready()
    answer = await chat.complete(ASK)
    verdict = await chat.complete(replace(ASK_JSON, task=Task.JUDGE))
    assert "15:00" in answer.text
    assert set(json.loads(verdict.text)) == {"ok"}
    assert (writer.usage, judge.usage) == (answer.usage, verdict.usage)
    assert counted("calls", task="judge", model="judge", result="ok") >= 1
    assert counted("prompt_tokens", task="judge", model="judge") >= verdict.usage.prompt_tokens > 0


async def test_a_real_model_takes_over_from_one_that_is_gone(stack: AsyncExitStack, llama: str) -> None:
    gone = await client(stack, "smollm2", f"http://127.0.0.1:{free_port()}/v1", "gone")
    small = await client(stack, "smollm2", llama, "small")
    route = Route(("gone", "small"), max_output_tokens=200, timeout_s=300)
    chat = RoutedChatModel({"gone": gone, "small": small}, dict.fromkeys(Task, route))
    assert "15:00" in (await chat.complete(ASK)).text
    assert "15:00" in "".join([piece async for piece in chat.stream(ASK)])
    assert await chat.is_ready()
    assert chat.seen is not None
    assert chat.seen.models == {"gone": False, "small": True}


def draft(talk: tuple) -> Prompt:
    return draft_prompt(load_profile("qwen3"), "Marlowe", [], [PETS], talk, ["Answer in short sentences."])


def rewrite(talk: tuple) -> Prompt:
    return rewrite_prompt(load_profile("qwen3"), talk)


@pytest.mark.parametrize(
    "prompts",
    [(rewrite(FIRST), rewrite(OTHER)), (draft(FIRST), draft(OTHER)), (draft(FIRST), draft(SECOND))],
    ids=["two tickets, rewrite", "two tickets, draft", "second turn, draft"],
)
async def test_a_real_server_finds_the_shared_part_in_its_cache(
    stack: AsyncExitStack, llama: str, prompts: tuple[Prompt, Prompt]
) -> None:
    chat = await client(stack, "smollm2", llama, "cached")
    one, two = (replace(prompt, max_tokens=1, schema=None) for prompt in prompts)
    labels = {"task": two.task.value, "model": "cached"}
    await chat.complete(one)
    before = counted("prompt_tokens", **labels), counted("cached_prompt_tokens", **labels)
    await chat.complete(two)
    prompt = counted("prompt_tokens", **labels) - before[0]
    cached = counted("cached_prompt_tokens", **labels) - before[1]
    same = tokens_of(llama, shared(one, two))
    assert same > 0.6 * tokens_of(llama, text_of(two))
    # The chat template writes the roles with a few tokens more or less.
    assert same - 10 <= cached < prompt, f"{cached:.0f} of {prompt:.0f} tokens, {same} are the same"


def tokens_of(url: str, text: str) -> int:
    response = httpx.post(url.removesuffix("/v1") + "/tokenize", json={"content": text}, timeout=60, trust_env=False)
    return len(response.raise_for_status().json()["tokens"])
