"""Parlant answers messages: `python -m tests.bench.guidelines.with_parlant JOB OUTCOME`, in an environment of its own.

Set up as its documentation says: its server, one agent, guidelines by `create_guideline(condition, action)`, defaults in all
else. Only the model service is ours, by its documented seam `NLPService`: it sends each prompt with the JSON schema that Parlant
asks for to an OpenAI-compatible address. (Its own service for OpenAI fetches a tokenizer from a host outside at start.) Every
message begins a session. What was asked of the model is read from the server that was asked.

Source: Parlant's documentation, "Custom NLP models" and "Guidelines".
"""

import asyncio
import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import parlant.sdk as p
from parlant.core.engines.alpha.prompt_builder import PromptBuilder
from parlant.core.meter import Meter
from parlant.core.nlp.embedding import NullEmbedder
from parlant.core.nlp.generation import BaseSchematicGenerator, SchematicGenerationResult, T
from parlant.core.nlp.generation_info import GenerationInfo, UsageInfo
from parlant.core.nlp.moderation import NoModeration
from parlant.core.nlp.service import NLPService
from parlant.core.nlp.tokenization import EstimatingTokenizer

QUIET_S = 1.5
"""A turn has ended when the agent has spoken and nothing was asked of the model for so long."""
PATIENCE_S = 120.0


class RoughTokenizer(EstimatingTokenizer):
    """Four characters a token; Parlant only asks whether a prompt is too long."""

    async def estimate_token_count(self, prompt: str) -> int:
        return len(prompt) // 4


class Generator(BaseSchematicGenerator[T]):
    """One call: the prompt and the schema of the answer, which is the class's type argument."""

    def __init__(self, client: httpx.AsyncClient, container: p.Container) -> None:
        super().__init__(container[p.Logger], container[p.Tracer], container[Meter], "scripted")
        self._client = client

    @property
    def id(self) -> str:
        return "scripted"

    @property
    def max_tokens(self) -> int:
        return 128 * 1024

    @property
    def tokenizer(self) -> EstimatingTokenizer:
        return RoughTokenizer()

    async def do_generate(self, prompt: str | PromptBuilder, hints: Mapping[str, Any] = {}) -> SchematicGenerationResult[T]:
        text = prompt if isinstance(prompt, str) else prompt.build()
        wanted = {"name": self.schema.__name__, "schema": self.schema.model_json_schema()}
        body = {
            "model": "scripted",
            "messages": [{"role": "developer", "content": text}],
            "response_format": {"type": "json_schema", "json_schema": wanted},
        }
        start = time.perf_counter()
        found = (await self._client.post("v1/chat/completions", json=body)).raise_for_status().json()
        usage = UsageInfo(found["usage"]["prompt_tokens"], found["usage"]["completion_tokens"])
        content = self.schema.model_validate_json(found["choices"][0]["message"]["content"])
        return SchematicGenerationResult(
            content, GenerationInfo(self.schema.__name__, self.id, time.perf_counter() - start, usage)
        )


class Service(NLPService):
    """What Parlant asks for models."""

    def __init__(self, client: httpx.AsyncClient, container: p.Container) -> None:
        self._client, self._container = client, container

    @property
    def supports_streaming(self) -> bool:
        return False

    async def get_schematic_generator(self, t: type[Any], hints: Any = None) -> Any:
        return Generator[t](self._client, self._container)  # type: ignore[valid-type]

    async def get_streaming_text_generator(self, hints: Any = None) -> Any:
        raise NotImplementedError

    async def get_embedder(self, hints: Any = None) -> Any:
        return NullEmbedder()

    async def get_moderation_service(self) -> Any:
        return NoModeration()


async def asked_of(model: httpx.AsyncClient) -> list[dict[str, Any]]:
    """All calls since the last time, once there are no more."""
    calls: list[dict[str, Any]] = []
    quiet = False
    while not quiet:
        await asyncio.sleep(QUIET_S)
        found: list[dict[str, Any]] = (await model.get("calls")).json()
        calls += found
        quiet = not found
    return calls


async def answered(api: httpx.AsyncClient, agent_id: str, text: str) -> str:
    """What the agent says to a message that begins a session."""
    session = (await api.post("/sessions", json={"agent_id": agent_id, "allow_greeting": False})).raise_for_status().json()["id"]
    event = {"kind": "message", "source": "customer", "message": text}
    (await api.post(f"/sessions/{session}/events", json=event)).raise_for_status()
    deadline = time.monotonic() + PATIENCE_S
    said: list[str] = []
    while time.monotonic() < deadline:
        events = (await api.get(f"/sessions/{session}/events", params={"wait_for_data": 0})).json()
        said = [one["data"]["message"] for one in events if one["kind"] == "message" and one["source"] == "ai_agent"]
        states = [one["data"] for one in events if one["kind"] == "status"]
        if any(state["status"] == "error" for state in states):
            raise RuntimeError(f"Parlant's turn failed: {events}")
        # A first "ready" may come with the preamble ("one moment"), before the reply itself.
        if said and states[-1]["status"] == "ready" and states[-1].get("data", {}).get("stage") == "completed":
            return said[-1]
        await asyncio.sleep(0.1)
    raise RuntimeError(f"no answer to {text!r} in {PATIENCE_S:.0f} s; last said {said}")


async def drive(job: Mapping[str, Any], server: p.Server, agent_id: str, model: httpx.AsyncClient, outcome: Path) -> None:
    """Once the server is up: all messages one after another, then the end of this process, for the server knows none."""
    code = 1
    try:
        await server.ready.wait()
        setup = await asked_of(model)
        turns = []
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{job['port']}", timeout=60) as api:
            for text in job["messages"]:
                reply = await answered(api, agent_id, text)
                turns.append({"reply": reply, "calls": await asked_of(model)})
        found = {"version": version("parlant"), "setup_calls": len(setup), "turns": turns}
        await asyncio.to_thread(outcome.write_text, json.dumps(found))
        code = 0
    except (httpx.HTTPError, RuntimeError, KeyError, OSError):
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


async def main(job: Mapping[str, Any], outcome: Path) -> None:
    tasks: list[asyncio.Task[None]] = []
    async with (
        httpx.AsyncClient(base_url=job["model_url"], timeout=60) as model,
        p.Server(
            host="127.0.0.1",
            port=job["port"],
            tool_service_port=job["tool_port"],
            nlp_service=lambda container: Service(model, container),
            log_level=p.LogLevel.WARNING,
        ) as server,
    ):
        agent = await server.create_agent("Innkeeper", "Answers customers of a company that rents out holiday homes.")
        for one in job["guidelines"]:
            await agent.create_guideline(condition=one["condition"], action=one["action"])
        tasks.append(asyncio.create_task(drive(job, server, agent.id, model, outcome)))
        # Leaving the block is what serves.


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))
