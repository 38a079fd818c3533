"""The files of `deploy/models`: complete, coherent with the agent's profiles, and clear about what is wrong with one."""

import json
import subprocess
from importlib.resources import files

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from agent.model_profiles import load_profile, profile_names
from agent.operations.serving import (
    Role,
    ServingInvalid,
    ServingProfile,
    command,
    environment,
    every_server,
    load_serving,
    parse_serving,
    serving_names,
    shell_lines,
)

GOOD = (files("deploy") / "models" / "qwen3-8b-fp8.yaml").read_text(encoding="utf-8")


def all_profiles() -> list[ServingProfile]:
    return [load_serving(name) for name in serving_names()]


def chat_profiles() -> list[ServingProfile]:
    return [profile for profile in all_profiles() if profile.role is Role.CHAT]


def test_every_role_and_every_family_can_be_served():
    assert {profile.role for profile in all_profiles()} == set(Role)
    packaged = {name for name in profile_names() if load_profile(name).weights}
    assert {profile.profile for profile in chat_profiles()} == set(profile_names()) - packaged


def test_a_chat_model_is_served_as_its_agent_profile_asks_for_it():
    for serving in chat_profiles():
        asked = load_profile(serving.profile or "")
        assert serving.argument("--served-model-name") == asked.model, serving.name
        assert serving.context_tokens >= asked.context_tokens, serving.name


def test_json_is_constrained_from_the_first_token():
    """With thinking on, or with a reasoning parser that waits for its end, vLLM constrains nothing until then."""
    for serving in chat_profiles():
        asked = load_profile(serving.profile or "")
        if serving.reasoning_parser == "qwen3":
            assert json.loads(serving.argument("--default-chat-template-kwargs") or "{}") == {"enable_thinking": False}
            assert asked.send_enable_thinking, serving.name
        elif not asked.thinking:
            assert serving.reasoning_parser is None, serving.name
        backend = json.loads(serving.argument("--structured-outputs-config") or "{}")
        assert backend["disable_any_whitespace"] is True, serving.name


def test_prefix_cache_and_its_figures_are_on():
    for serving in chat_profiles():
        assert serving.argument("--enable-prefix-caching") == "", serving.name
        assert serving.argument("--enable-prompt-tokens-details") == "", serving.name


def test_speculative_decoding_is_off_unless_asked_for():
    for serving in all_profiles():
        assert not any("speculative" in word for word in command(serving)), serving.name
    assert command(load_serving("qwen3.6-27b-fp8"), speculative=True)[-1].startswith("--speculative-config={")
    with pytest.raises(ServingInvalid, match="no speculative decoding"):
        command(load_serving("gpt-oss-20b"), speculative=True)


def test_no_server_reports_downloads_or_logs_what_customers_wrote():
    for serving in all_profiles():
        env = environment(serving)
        assert env["VLLM_NO_USAGE_STATS"] == env["HF_HUB_OFFLINE"] == env["TRANSFORMERS_OFFLINE"] == env["DO_NOT_TRACK"] == "1"
        assert env["VLLM_SERVER_DEV_MODE"] == env["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "0"
        words = command(serving)
        assert {"--no-enable-log-requests", "--disable-uvicorn-access-log"} <= set(words), serving.name
        assert words[2] == f"/models/{serving.name}"


def test_a_shell_reads_the_same_command():
    serving = load_serving("qwen3-reranker-0.6b")
    show = 'vllm() { printf "%s\\0" vllm "$@"; printf "%s" "$HF_HUB_OFFLINE"; }\n'
    script = show + shell_lines(serving, model_path="/data/my models")
    *words, offline = subprocess.run(["bash", "-c", script], capture_output=True, check=True, text=True).stdout.split("\0")
    assert tuple(words) == command(serving, model_path="/data/my models")
    assert offline == "1"


def test_what_lies_beside_the_weights_moves_with_them():
    assert environment(load_serving("gpt-oss-20b"))["TIKTOKEN_ENCODINGS_BASE"] == "/models/gpt-oss-20b/tiktoken"
    assert environment(load_serving("gpt-oss-20b"), model_path="/w")["TIKTOKEN_ENCODINGS_BASE"] == "/w/tiktoken"
    assert "--lora-modules=innkeeper-tone=/w/adapters/tone" in command(load_serving("qwen3-8b-lora"), model_path="/w")


def rendered(name: str, **values: object) -> str:
    """A profile's chat template as vLLM renders it: with Hugging Face's settings of Jinja."""
    source = load_serving(name).argument("--chat-template")
    assert source
    return ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(source).render(**values)


def test_the_reranker_reads_what_its_card_says():
    """Source: model card of Qwen3-Reranker-0.6B; vLLM hands over roles `query` and `document`."""
    texts = [{"role": "query", "content": "When?"}, {"role": "document", "content": "At three."}]
    expected = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. "
        'Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n<Instruct>: {}\n<Query>: When?\n'
        "<Document>: At three.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )
    usual = "Given a web search query, retrieve relevant passages that answer the query"
    assert rendered("qwen3-reranker-0.6b", messages=texts) == expected.format(usual)
    assert rendered("qwen3-reranker-0.6b", messages=texts, instruction="Find it.") == expected.format("Find it.")


def test_deepseek_answers_without_thoughts():
    messages = [("system", "Be kind."), ("user", "Hi."), ("assistant", "Hello."), ("user", "When?")]
    values = {"messages": [{"role": role, "content": content} for role, content in messages], "bos_token": "<bos>"}
    text = rendered("deepseek-r1-0528-qwen3-8b", **values, add_generation_prompt=True)
    assert text == (
        "<bos>Be kind.<｜User｜>Hi.<｜Assistant｜>Hello.<｜end▁of▁sentence｜>"
        "<｜User｜>When?<｜Assistant｜><think>\n\n</think>\n\n"
    )
    assert rendered("deepseek-r1-0528-qwen3-8b", **values, add_generation_prompt=False).endswith("When?")


def test_figures_say_where_they_come_from():
    for serving in all_profiles():
        assert {"parameters", "weights", "kv", "arguments"} <= set(serving.sources), serving.name
        assert str(serving.size.kv_bytes_per_token) in serving.sources["kv"], serving.name
        if serving.size.state_mb_per_sequence:
            assert f"{serving.size.state_mb_per_sequence:.0f} MB" in serving.sources["state"], serving.name


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("weights_gb: 9.4", "weights: 9.4", r"size\.weights: "),
        ("weights_gb: 9.4", "weights_gb: -1", r"size\.weights_gb: "),
        ("role: chat", "role: speak", "role: "),
        ("profile: qwen3\n", "profile: qwen4\n", "profile must be one of"),
        ("profile: qwen3\n", "", "profile must be one of"),
        ("innkeeper-chat", "qwen", "--served-model-name=innkeeper-chat"),
        ("'--max-num-seqs=64'", "'--max-num-seqs'", "--max-num-seqs=NUMBER"),
        ("'--enable-prefix-caching'", "'--max-model-len=9'", "given twice: --max-model-len"),
        ("'--enable-prefix-caching'", "'enable'", "write each as --name"),
        ("active_b: 8.2", "active_b: 9", "more than parameters_b"),
        ("sources:", "sources: [", "not YAML"),
        ("name: qwen3-8b-fp8", "name: qwen3-9b", "a file is called as its model"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(old: str, new: str, named: str):
    assert old in GOOD
    with pytest.raises(ServingInvalid, match=named) as refused:
        parse_serving(GOOD.replace(old, new, 1), "qwen3-8b-fp8.yaml")
    assert "qwen3-8b-fp8.yaml" in str(refused.value)


def test_unknown_model_names_the_nearest():
    with pytest.raises(ServingInvalid, match=r"did you mean 'qwen3-8b-fp8'"):
        load_serving("qwen3-8b-fp4")


def test_what_all_servers_share_is_written_once():
    shared = {argument.partition("=")[0] for argument in every_server().args}
    for serving in all_profiles():
        assert not shared & {argument.partition("=")[0] for argument in serving.args}, serving.name
        assert not set(every_server().env) & set(serving.env), serving.name
