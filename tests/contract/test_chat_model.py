"""What every chat model does: the scripted one of the tests, and the real client on a real llama.cpp server."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.completions import Prompt
from agent.errors import ModelOutputInvalid
from agent.model_profiles import load_profile
from agent.ports import ChatModel
from tests.fakes_model import FakeChatModel

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}
ASK = Prompt(
    (
        ("system", "Answer the customer with the words of the help text."),
        ("user", "Customer: how much is the garage\nHelp text: The garage costs 8 EUR a day."),
        ("assistant", "The garage costs 8 EUR a day."),
        ("user", "Customer: when can I check in?\nHelp text: Check-in starts at 15:00."),
    ),
    max_tokens=40,
)
ASK_JSON = Prompt((("user", "Is two more than one? Answer as JSON."),), max_tokens=40, schema=SCHEMA)


@pytest.fixture(params=["fake", pytest.param("llama", marks=pytest.mark.slow)])
async def model(request: pytest.FixtureRequest) -> AsyncIterator[ChatModel]:
    if request.param == "fake":
        yield FakeChatModel(["Check-in starts at 15:00."])
        return
    url = request.getfixturevalue("llama")
    async with OpenAIChatModel(load_profile("smollm2"), ModelServer(url, timeout_s=120)) as real:
        yield real


async def test_completes_and_counts(model: ChatModel):
    completion = await model.complete(ASK)
    assert "15:00" in completion.text
    assert completion.finish_reason == "stop"
    assert completion.usage.llm_calls == 1
    assert completion.usage.prompt_tokens > 0
    assert completion.usage.completion_tokens > 0


async def test_streams_the_same_text(model: ChatModel):
    pieces = [piece async for piece in model.stream(ASK)]
    assert len(pieces) > 1
    assert "".join(pieces).strip() == (await model.complete(ASK)).text


async def test_says_that_it_was_cut(model: ChatModel):
    prompt = Prompt(ASK.messages, max_tokens=2)
    assert (await model.complete(prompt)).finish_reason == "length"


async def test_gives_json_for_a_schema(model: ChatModel):
    if isinstance(model, FakeChatModel):
        model = FakeChatModel(['{"ok": true}'])
    assert set(json.loads((await model.complete(ASK_JSON)).text)) == {"ok"}


async def test_cut_json_is_invalid(model: ChatModel):
    with pytest.raises(ModelOutputInvalid):
        await model.complete(Prompt(ASK_JSON.messages, max_tokens=1, schema=SCHEMA))


async def test_refuses_what_does_not_fit(model: ChatModel):
    with pytest.raises(ModelOutputInvalid):
        await model.complete(Prompt((("user", "word " * 10_000),)))


async def test_is_ready(model: ChatModel):
    assert await model.is_ready()


async def test_takes_calls_at_the_same_time(model: ChatModel):
    texts = {c.text for c in await asyncio.gather(*(model.complete(ASK) for _ in range(4)))}
    assert texts == {(await model.complete(ASK)).text}
