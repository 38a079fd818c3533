"""Innkeeper's client, the router with the chart's arguments, and a real vLLM: what the one asks, the other does.

The router reads a request and writes it anew, so what it leaves out or adds must matter to nobody.
"""

import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import pytest

from agent.adapters.chat_model import OpenAIChatModel
from agent.completions import Prompt
from agent.errors import ModelOutputInvalid
from agent.model_sessions import model_session
from tests.deploy.conftest import found_tools
from tests.deploy.rendered import CHART, NEWEST, Pod, read_release
from tests.deploy.router_process import router_before
from tests.serving.test_vllm_client import HELP_TEXT, QUESTION, SCHEMA, model_at
from tests.serving.vllm_server import VllmServer


@pytest.fixture(scope="module")
def pod() -> Pod:
    """The router's, as the chart has it."""
    command = [str(found_tools() / "helm"), "template", "innkeeper", str(CHART), "--kube-version", NEWEST]
    command += ["-f", str(CHART / "ci" / "airgap-values.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return read_release("airgap", done.stdout).pod("router-chat")


@pytest.fixture
async def model(chat_server: VllmServer, pod: Pod, tmp_path: Path) -> AsyncIterator[OpenAIChatModel]:
    async with (
        router_before([chat_server.url] * 2, pod, found_tools(), tmp_path) as router,
        model_at(VllmServer(router.url, chat_server.log)) as client,
    ):
        yield client


async def test_the_model_is_there(model: OpenAIChatModel):
    assert await model.is_ready()


async def test_json_keeps_to_its_schema(model: OpenAIChatModel):
    completion = await model.complete(Prompt(QUESTION, max_tokens=300, schema=SCHEMA))
    jsonschema.validate(json.loads(completion.text), SCHEMA)


async def test_streams_come_piece_by_piece_with_usage(model: OpenAIChatModel):
    pieces = [piece async for piece in model.stream(Prompt(QUESTION, max_tokens=24))]
    assert len(pieces) > 5
    assert (model.usage.completion_tokens, model.usage.prompt_tokens > 20) == (24, True)


async def test_a_refusal_stays_one(model: OpenAIChatModel):
    with pytest.raises(ModelOutputInvalid, match="HTTP 400"):
        await model.complete(Prompt(QUESTION, schema={"type": "no such type"}))


async def test_the_second_turn_is_read_from_the_prefix_cache(chat_server: VllmServer, model: OpenAIChatModel):
    first = (("system", f"Of the router.\n{HELP_TEXT}"), ("user", "When can I check in?"))
    with model_session("desk:7"):
        said = (await model.complete(Prompt(first, max_tokens=16))).text
        before = chat_server.metric("vllm:prefix_cache_hits_total")
        await model.complete(Prompt((*first, ("assistant", said), ("user", "And when must I leave?")), max_tokens=16))
    assert chat_server.metric("vllm:prefix_cache_hits_total") - before > 500
