"""`innkeeper models` as a person or a program uses it."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.operations.serving import Role, command, load_serving, serving_names

PRICES = ("--price-per-gpu-hour", "0.8", "--price-per-resolution", "0.99", "--price-per-million-tokens", "0.4/1.6")


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, ["models", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_list_names_every_model():
    assert {row["name"] for row in json.loads(run("list", "--json"))} == set(serving_names())
    told = run("list")
    assert all(name in told for name in serving_names())


def test_show_gives_the_command_to_a_person_a_shell_and_a_program():
    told = run("show", "llama-3.3-70b-instruct-fp8")
    assert "Llama 3.3 Community License" in told
    assert "kv: 2 x 80 layers" in told
    assert run("show", "llama-3.3-70b-instruct-fp8", "--shell") in told
    body = json.loads(run("show", "qwen3.6-27b-fp8", "--json", "--speculative", "--path", "/data/q"))
    assert body["command"] == list(command(load_serving("qwen3.6-27b-fp8"), model_path="/data/q", speculative=True))
    assert body["env"]["HF_HUB_OFFLINE"] == "1"


def test_plan_says_what_fits_and_what_it_costs():
    told = run("plan", "--gpu", "24", *PRICES, "--with-embedding")
    assert "reckoned as l4" in told
    assert "These GPUs cost 584 a month" in told
    assert "more than these GPUs from 590 tickets a month on" in told
    assert "qwen3-embedding-0.6b 0.18" in told
    assert "40% of the data sheet's" in told


def test_plan_for_a_program():
    body = json.loads(run("plan", "--gpu", "24", "--model", "qwen3-8b-fp8", *PRICES, "--json"))
    assert body["card"]["name"] == "l4"
    (model,) = body["models"]
    assert model["fits"]
    assert model["kv_tokens"] == 72_428
    assert [offer["name"] for offer in model["cost"]["offers"]] == ["resolution", "tokens"]


def test_plan_counts_the_turn_that_it_is_told():
    speeds = ("--tokens-per-second", "500", "--prefill-tokens-per-second", "2000")
    turn = ("--prompt-tokens", "2280", "--answer-tokens", "250", "--turns", "2")
    body = json.loads(run("plan", "--gpu", "24", "--model", "gpt-oss-20b", *speeds, *turn, "--json"))
    assert body["models"][0]["cost"]["gpu_seconds_per_thousand"] == pytest.approx(2 * 1000 * (2000 / 2000 + 250 / 500))


def test_nothing_that_fits_is_a_failure():
    assert "Does not fit: qwen3.6-27b-fp8" in run("plan", "--gpu", "24", "--model", "qwen3.6-27b-fp8", code=1)
    assert json.loads(run("plan", "--gpu", "24", "--model", "qwen3.6-27b-fp8", "--json", code=1))["models"][0]["cost"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("plan",), 2, "24, 48, 80"),
        (("plan", "--gpu", "25"), 2, "24, 48, 80"),
        (("plan", "--gpu", "24", "--card", "a100"), 2, "a100 has 80 GB"),
        (("plan", "--gpu", "24", "--tokens-per-second", "9"), 2, "--model"),
        (("plan", "--gpu", "24", "--price-per-million-tokens", "nan"), 2, "IN/OUT"),
        (("plan", "--gpu", "24", "--price-per-million-tokens", "1/-1"), 2, "IN/OUT"),
        (("plan", "--gpu", "24", "--model", "qwen3-9b"), 1, "there is no model"),
        (("plan", "--gpu", "24", "--model", "qwen3-reranker-0.6b"), 1, "no chat model"),
        (("show", "qwen3-8b"), 1, "did you mean"),
        (("show", "gpt-oss-20b", "--speculative"), 1, "no speculative decoding"),
        (("show", "gpt-oss-20b", "--shell", "--json"), 2, "one of"),
    ],
)
def test_mistakes_are_named(arguments: tuple[str, ...], code: int, named: str):
    assert named in " ".join(run(*arguments, code=code).split())


@pytest.mark.parametrize("command", [("list",), ("plan", "--gpu", "24", "--count", "2"), ("plan", "--gpu", "24", *PRICES)])
def test_every_name_and_figure_is_whole_in_a_narrow_terminal(command: tuple[str, ...]):
    environment = dict(os.environ, COLUMNS="80", NO_COLOR="1")
    words = [sys.executable, "-m", "agent", "models", *command]
    told = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=120).stdout
    names = [name for name in serving_names() if command == ("list",) or load_serving(name).role is Role.CHAT]
    assert [name for name in names if name not in told] == []
    lines = told.splitlines()
    if command[0] == "plan":
        (eight_b,) = (line for line in lines if line.startswith("qwen3-8b-fp8 "))
        assert "32,768" in eight_b
        assert "…" not in told
    table = [line for line in lines if line.startswith(tuple(names))]
    assert [line for line in table[:5] if len(line) > 80] == []


def test_a_plan_says_how_a_model_is_split():
    told = run("plan", "--gpu", "24", "--count", "3", "--model", "qwen3.6-35b-a3b-fp8")
    assert "1 x 2 GPUs" in told
    assert "--tensor-parallel-size=N" in told
    assert "qwen3.6-35b-a3b-fp8: 1 GPU to spare." in told
