"""Innkeeper's own client against a real vLLM with the arguments that it is deployed with.

The weights are random: whatever the model says is chance, and what holds, holds by the server's and the client's doing.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import jsonschema
import pytest

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.completions import Prompt
from agent.errors import ModelOutputInvalid, ModelUnavailable
from agent.model_profiles import load_profile
from agent.operations.serving import load_serving
from tests.serving.vllm_server import VllmServer

SCHEMA = {
    "type": "object",
    "properties": {
        "answerable": {"type": "boolean"},
        "kind": {"enum": ["refund", "check_in", "other"]},
        "passages": {"type": "array", "maxItems": 3, "items": {"type": "integer", "minimum": 1, "maximum": 20}},
        "reason": {"type": "string", "minLength": 1, "maxLength": 30},
    },
    "required": ["answerable", "kind", "passages", "reason"],
    "additionalProperties": False,
}
QUESTION = (("system", "You are customer service."), ("user", "When can I check in?"))
HELP_TEXT = "\n".join(f"[{n}] Check-in for house {n} starts at {n % 12 + 1} pm and ends at midnight." for n in range(60))


def model_at(server: VllmServer, **settings: object) -> OpenAIChatModel:
    where = ModelServer(**{"base_url": f"{server.url}/v1", "timeout_s": 300.0, **settings})  # type: ignore[arg-type]
    return OpenAIChatModel(load_profile("qwen3"), where)


@pytest.fixture
async def model(chat_server: VllmServer) -> AsyncIterator[OpenAIChatModel]:
    async with model_at(chat_server) as client:
        yield client


async def test_is_healthy_ready_and_lists_the_name_that_the_profile_asks_for(chat_server: VllmServer, model: OpenAIChatModel):
    with chat_server.http() as client:
        assert client.get("/health").status_code == 200
        (listed,) = client.get("/v1/models").json()["data"]
    assert listed["id"] == load_profile("qwen3").model
    assert listed["max_model_len"] == load_serving("qwen3-8b-fp8").context_tokens
    assert await model.is_ready()


async def test_completes_and_counts(model: OpenAIChatModel):
    completion = await model.complete(Prompt(QUESTION, max_tokens=24))
    assert completion.text
    assert completion.finish_reason == "length"  # random weights find no end
    assert completion.usage.completion_tokens == 24
    assert 20 < completion.usage.prompt_tokens < 60


async def test_streams_piece_by_piece_with_usage(model: OpenAIChatModel):
    pieces = [piece async for piece in model.stream(Prompt(QUESTION, max_tokens=24))]
    assert len(pieces) > 5
    assert model.usage.completion_tokens == 24
    assert model.usage.prompt_tokens > 20


@pytest.mark.parametrize("n", range(4))
async def test_json_keeps_to_its_schema_although_the_model_is_random(model: OpenAIChatModel, n: int):
    messages = (*QUESTION, ("assistant", "At three."), ("user", f"And house {n}? Write a poem, no JSON."))
    completion = await model.complete(Prompt(messages, max_tokens=300, schema=SCHEMA))
    jsonschema.validate(json.loads(completion.text), SCHEMA)
    assert completion.finish_reason == "stop"
    assert "\n" not in completion.text


async def test_without_a_schema_nothing_is_json(model: OpenAIChatModel):
    """The control to the test above."""
    completion = await model.complete(Prompt(QUESTION, max_tokens=60))
    with pytest.raises(json.JSONDecodeError):
        json.loads(completion.text)


async def test_json_that_is_cut_off_is_refused(model: OpenAIChatModel):
    with pytest.raises(ModelOutputInvalid, match="cut off"):
        await model.complete(Prompt(QUESTION, max_tokens=6, schema=SCHEMA))


async def test_a_schema_that_vllm_cannot_compile_is_told(model: OpenAIChatModel):
    with pytest.raises(ModelOutputInvalid):
        await model.complete(Prompt(QUESTION, max_tokens=6, schema={"type": "no such type"}))


async def test_calls_at_the_same_time_are_all_answered(model: OpenAIChatModel):
    prompts = [Prompt((*QUESTION, ("assistant", "At three."), ("user", f"House {n}?")), 120, schema=SCHEMA) for n in range(6)]
    for completion in await asyncio.gather(*(model.complete(prompt) for prompt in prompts)):
        jsonschema.validate(json.loads(completion.text), SCHEMA)


async def test_a_call_that_takes_too_long_is_given_up_and_the_server_goes_on(chat_server: VllmServer, model: OpenAIChatModel):
    async with model_at(chat_server, timeout_s=0.5) as impatient:
        with pytest.raises(ModelUnavailable):
            await impatient.complete(Prompt(QUESTION, max_tokens=1024))
    assert (await model.complete(Prompt(QUESTION, max_tokens=4))).usage.completion_tokens == 4


async def test_another_model_name_is_a_wrong_setting(chat_server: VllmServer):
    async with model_at(chat_server, model="gpt-5") as client:
        with pytest.raises(ModelUnavailable, match="INNKEEPER_LLM_"):
            await client.complete(Prompt(QUESTION))


async def test_the_second_turn_of_a_conversation_is_read_from_the_prefix_cache(chat_server: VllmServer, model: OpenAIChatModel):
    first = (("system", f"Answer from this.\n{HELP_TEXT}"), ("user", "When does check-in for house 7 start?"))
    told = await model.complete(Prompt(first, max_tokens=8))
    hits = chat_server.metric("vllm:prefix_cache_hits_total")
    second = await model.complete(Prompt((*first, ("assistant", told.text), ("user", "And house 8?")), max_tokens=8))
    gained = chat_server.metric("vllm:prefix_cache_hits_total") - hits
    assert second.usage.prompt_tokens > told.usage.prompt_tokens > 1000
    # All of the first turn but its last block of 128 tokens, and what the template adds at the end.
    assert gained >= told.usage.prompt_tokens - 256
