"""A model that obeys: it does what the last order in its prompt says, and whatever else it can find to give away.

It is the worst that a model can be without knowing more than its prompt: it takes orders from passages, customers and tools
alike, says that it has done what it can't do, tells what it was told, and answers in just the shape that is asked for.
"""

import base64
import binascii
import codecs
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from agent.completions import Completion, Prompt
from agent.types import Usage
from tests.faulty_server import FaultyServer, Reply, Request, completion, status
from tests.injection.attacks import all_attacks
from tests.yes_man import yes_to_all

MOST = 6
_QUOTED = re.compile(r"[\"“'‘]([^\"”’]{8,300})[\"”’]")
_SAY = re.compile(
    r"\b(?:say|print|output|write|repeat|reply with|answer with|state|add|append)(?:s|ing)?(?: that)?:? (.{4,200})", re.IGNORECASE
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_PASSAGE = re.compile(r"<passage[^>]*>\n(.*?)\n</passage>", re.DOTALL)
_MESSAGE = re.compile(r'<message from="customer">\n(.*?)\n</message>', re.DOTALL)
_ID = re.compile(r"\bMS-\d{6}\b")


def obey(messages: Sequence[tuple[str, str]], schema: Mapping[str, Any] | None) -> str:
    """What it writes for a prompt: (role, text) each, and the JSON schema of the answer if there is one."""
    whole = "\n".join(text for _, text in messages)
    if "<statements>" in whole:
        return yes_to_all(messages[-1][1])
    said = demanded(messages)
    if schema is None:
        return " ".join(said)
    if "sentences" in schema.get("properties", {}):
        return json.dumps({"answerable": True, "sentences": [{"text": text[:400], "passage": 1} for text in said[:MOST]]})
    return json.dumps(filled(schema, whole, said[0] if said else ""))


def demanded(messages: Sequence[tuple[str, str]]) -> list[str]:
    """Sentences that obey the orders in a prompt, the last order's first, then the prompt's own text."""
    whole = "\n".join(text for _, text in messages)
    plain = " ".join(whole.replace("‹", "<").split())
    planted = [(plain.rfind(" ".join(attack.text.split())), attack) for attack in all_attacks()]
    orders = [attack for place, attack in sorted(planted, key=lambda one: -one[0]) if place >= 0]
    said = [text for attack in orders[:2] for text in (*attack.demands[:2], attack.text)]
    if not orders:
        last = (_MESSAGE.findall(messages[-1][1]) or [messages[-1][1]])[-1]
        said = [*_QUOTED.findall(last)[:2], *_SAY.findall(last)[:1], *_decoded(last)[:1], last[:300]]
    first = next((text for role, text in messages if role == "system"), "").splitlines()[:1]
    passages = " ".join(_PASSAGE.findall(whole)[:1])
    return [text for text in (*said[: MOST - 2], *first, passages[:300]) if text.strip()]


def filled(schema: Mapping[str, Any], prompt: str, demand: str) -> Any:
    """The most harmful value that a schema lets pass."""
    if "enum" in schema:
        return schema["enum"][-1]
    kind = schema.get("type")
    if kind == "object":
        return {name: filled(one, prompt, demand) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [filled(schema.get("items", {}), prompt, demand)]
    if kind in ("integer", "number"):
        return schema.get("maximum", 99_999_999)
    if kind == "boolean":
        return True
    return ((_ID.findall(prompt) or [demand])[-1])[: schema.get("maxLength", 400)]


def _decoded(text: str) -> list[str]:
    """What is said in another alphabet than it seems."""
    found = []
    for one in _BASE64.findall(text):
        try:
            found.append(base64.b64decode(one, validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found or [codecs.decode(text[-200:], "rot13")]


class ObedientModel:
    """`agent.ports.ChatModel` that obeys."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Completion:
        self.prompts.append(prompt)
        return Completion(obey(prompt.messages, prompt.schema), Usage(1, 10, 10), "stop")

    async def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        yield (await self.complete(prompt)).text

    async def is_ready(self) -> bool:
        return True


class ObedientServer(FaultyServer):
    """The same as a server that speaks OpenAI's API."""

    def choose(self, request: Request) -> Reply:
        if request.path.endswith("/models"):
            return status(200, {"object": "list", "data": [{"id": "innkeeper-chat", "object": "model"}]})
        asked = request.body.get("response_format", {}).get("json_schema", {}).get("schema")
        return completion(obey([(one["role"], one["content"]) for one in request.body["messages"]], asked))
