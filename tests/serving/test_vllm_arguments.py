"""Every model's arguments, given to vLLM's own parser and looked up in its registries."""

import json
from pathlib import Path

import pytest

from agent.operations.serving import load_serving, serving_names
from tests.serving.vllm_server import arguments_of, run_inside

HERE = Path(__file__).parent
WRONG = {
    "unknown argument": (["--no-such-thing=1"], "no-such-thing"),
    "unknown tool parser": (["--enable-auto-tool-choice", "--tool-call-parser=hermess"], "hermess"),
    "unknown reasoning parser": (["--reasoning-parser=qwen33"], "qwen33"),
    "tools without a parser": (["--enable-auto-tool-choice"], "--tool-call-parser"),
    "unknown key of JSON": (['--structured-outputs-config={"backnd": "xgrammar"}'], "backnd"),
    "unknown way to guess": (['--speculative-config={"method": "oracle"}'], "oracle"),
    "unknown key of guessing": (['--speculative-config={"method": "mtp", "tokens": 1}'], "tokens"),
    "template that is none": (["--chat-template=/no/such/file.jinja"], "file.jinja"),
    "unknown environment": (["env:VLLM_NO_USAGE_STATISTICS"], "VLLM_NO_USAGE_STATISTICS"),
}


@pytest.fixture(scope="session")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What vLLM says against each list; empty if nothing."""
    given = arguments_of({name: load_serving(name).speculative is not None for name in serving_names()})
    for name in serving_names():
        given[name] += [f"env:{variable}" for variable in load_serving(name).env | _every_env()]
    given |= {name: ["/models/x", *words] for name, (words, _) in WRONG.items()}
    return dict(json.loads(run_inside(HERE / "accept_arguments.py", json.dumps(given), tmp_path_factory.mktemp("parser"))))


@pytest.mark.parametrize("name", serving_names())
def test_vllm_takes_the_arguments_and_knows_their_parsers(refused: dict[str, str], name: str):
    assert refused[name] == ""


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_would_be_found(refused: dict[str, str], name: str):
    assert WRONG[name][1] in refused[name]


def test_gpt_oss_may_think_and_is_then_held_to_the_schema(tmp_path: Path):
    """vLLM turns our request into a grammar whose first part, the thoughts, is free and whose last is the schema."""
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}
    body = {
        "model": "innkeeper-chat",
        "messages": [{"role": "user", "content": "hello"}],
        "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}},
    }
    tag = json.loads(run_inside(HERE / "harmony_grammar.py", json.dumps(body), tmp_path))
    thoughts, *_, answer = tag["format"]["elements"]
    assert "analysis" in json.dumps(thoughts)
    assert json.dumps(schema) in json.dumps(answer)
    assert "final" in json.dumps(answer)


def _every_env() -> dict[str, str]:
    from agent.operations.serving import every_server

    return every_server().env
