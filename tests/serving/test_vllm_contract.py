"""What vLLM does with a request, as far as Innkeeper relies on it or must beware of it. Over HTTP, without our client."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from tokenizers import Tokenizer

from tests.serving.vllm_server import TOKENIZER, VllmServer

SCHEMA = {
    "type": "object",
    "properties": {
        "booking": {"type": "string", "minLength": 1, "maxLength": 12},
        "nights": {"type": "integer", "minimum": 1, "maximum": 28},
        "refund": {"type": "boolean"},
    },
    "required": ["booking", "nights", "refund"],
    "additionalProperties": False,
}
NAMED = {"type": "function", "function": {"name": "cancel"}}
OFF, ON = {"enable_thinking": False}, {"enable_thinking": True}
JSON = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}


@pytest.fixture(scope="module")
def http(chat_server: VllmServer) -> Iterator[httpx.Client]:
    with chat_server.http() as client:
        yield client


@pytest.fixture(scope="module")
def no_blanks() -> dict[str, int]:
    """A bias against every token of white space alone, for a grammar that allows any amount of it: see below."""
    words = Tokenizer.from_file(str(TOKENIZER / "tokenizer.json")).get_vocab()
    return {str(number): -100 for word, number in words.items() if set(word) <= set("ĠĊĉč")}


def ask(http: httpx.Client, max_tokens: int = 60, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Cancel my booking, please."}]
    body = {"model": "innkeeper-chat", "messages": messages, "max_tokens": max_tokens, **more}
    response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json()["choices"][0]) | {"usage": response.json()["usage"]}


def tool(*, strict: bool) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "cancel", "strict": strict, "parameters": SCHEMA}}


def test_thinking_is_off_unless_a_request_turns_it_on(http: httpx.Client):
    for told in ({}, {"chat_template_kwargs": OFF}):
        answer = ask(http, 30, **told)
        assert answer["message"]["content"]
        assert not answer["message"]["reasoning"]
    thinking = ask(http, 30, chat_template_kwargs=ON)
    assert thinking["message"]["reasoning"]
    assert not thinking["message"]["content"]


def test_thoughts_are_not_constrained(http: httpx.Client):
    """So JSON is always asked for without: a model that thinks for long never comes to it."""
    thinking = ask(http, 60, chat_template_kwargs=ON, response_format=JSON)
    assert not (thinking["message"]["content"] or "").startswith("{")
    assert not thinking["message"]["reasoning"].lstrip().startswith("{")
    plain = ask(http, 200, chat_template_kwargs=OFF, response_format=JSON)
    jsonschema.validate(json.loads(plain["message"]["content"]), SCHEMA)


def test_cached_tokens_are_told(http: httpx.Client):
    messages = [{"role": "system", "content": "Be kind. " * 200}, {"role": "user", "content": "Hello."}]
    ask(http, 1, messages=messages)
    used = ask(http, 1, messages=messages)["usage"]
    assert used["prompt_tokens"] - 256 <= used["prompt_tokens_details"]["cached_tokens"] < used["prompt_tokens"]


def test_a_named_tool_with_strict_arguments_is_called_by_its_schema(http: httpx.Client, no_blanks: dict[str, int]):
    """Whole calls keep to it; one that was cut off, since white space took its tokens, is no call."""
    asked = {"tools": [tool(strict=True)], "tool_choice": NAMED, "parallel_tool_calls": False, "logit_bias": no_blanks}
    answers = [ask(http, 200, seed=seed, **asked) for seed in range(4)]
    calls = [call for answer in answers for call in answer["message"].get("tool_calls") or ()]
    assert calls
    assert len(calls) == sum(answer["finish_reason"] != "length" for answer in answers)
    for call in calls:
        assert call["function"]["name"] == "cancel"
        jsonschema.validate(json.loads(call["function"]["arguments"]), SCHEMA)


def test_without_strict_the_arguments_are_anything(http: httpx.Client, no_blanks: dict[str, int]):
    answer = ask(http, 60, tools=[tool(strict=False)], tool_choice=NAMED, logit_bias=no_blanks, seed=1)
    said = json.dumps(answer["message"])
    assert "cancel" in said
    assert '\\"nights\\":' not in said


def test_white_space_in_arguments_is_unbounded(http: httpx.Client):
    """The switch that forbids it binds `response_format` alone. A caller must bound the call's tokens and take its end."""
    answer = ask(http, 100, tools=[tool(strict=True)], tool_choice=NAMED, temperature=0)
    assert answer["finish_reason"] == "length"
    assert answer["message"]["content"].startswith("<tool_call>")
    assert "    " in answer["message"]["content"].expandtabs()


def test_a_call_that_is_cut_off_comes_as_text(http: httpx.Client):
    """Nothing says that it was to be a call, but that it was asked for: whoever asks validates, or throws it away."""
    answer = ask(http, 8, tools=[tool(strict=True)], tool_choice=NAMED)
    assert answer["finish_reason"] == "length"
    assert not answer["message"].get("tool_calls")
    assert answer["message"]["content"].startswith("<tool_call>")


@pytest.mark.parametrize("field", ["guided_json", "guided_choice"])
def test_the_old_fields_are_ignored_without_a_word(http: httpx.Client, field: str):
    value = SCHEMA if field == "guided_json" else ["yes", "no"]
    said = ask(http, 20, **{field: value})["message"]["content"]
    assert not said.startswith("{")
    assert said not in ("yes", "no")


def test_a_prompt_beyond_the_context_is_refused(http: httpx.Client):
    messages = [{"role": "user", "content": "word " * 33_000}]
    response = http.post("/v1/chat/completions", json={"model": "innkeeper-chat", "messages": messages})
    assert response.status_code == 400
    assert "32768" in response.text


def test_what_customers_write_is_not_in_the_log(chat_server: VllmServer, http: httpx.Client):
    ask(http, 4, messages=[{"role": "user", "content": "my card is 4111"}])
    assert "4111" not in chat_server.log.read_text(encoding="utf-8", errors="replace")
