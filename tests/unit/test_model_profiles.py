from pathlib import Path

import pytest

from agent.errors import SettingsInvalid
from agent.model_profiles import load_profile, parse_profile, profile_names

MINIMAL = 'name = "x"\nmodel = "x"\ncontext_tokens = 4096\nmax_output_tokens = 256\n[sampling]\ntemperature = 0.1\n'


def test_every_packaged_profile_loads_under_its_own_name():
    assert {"qwen3", "qwen3.5", "qwen3.6", "smollm2", "gemma3-270m"} <= set(profile_names())
    assert [load_profile(name).name for name in profile_names()] == list(profile_names())


@pytest.mark.parametrize("name", ["qwen3", "qwen3.5", "qwen3.6"])
def test_qwen_does_not_think_and_quotes_without_a_presence_penalty(name: str):
    profile = load_profile(name)
    assert not profile.thinking
    assert profile.send_enable_thinking
    assert profile.structured_sampling
    assert profile.structured_sampling.presence_penalty == 0


def test_models_with_packaged_weights_are_demonstrations():
    packaged = [p for p in map(load_profile, profile_names()) if p.weights]
    assert packaged
    assert all(p.demonstration for p in packaged)


def test_only_capable_models_are_asked_to_put_a_follow_up_as_a_question():
    asked = {name for name in profile_names() if load_profile(name).rewrites_queries}
    assert asked == {"qwen3", "qwen3.5", "qwen3.6", "llama3", "mistral", "deepseek-r1"}
    assert not parse_profile(MINIMAL, "own.toml").rewrites_queries


def test_only_capable_models_are_asked_which_action_is_meant():
    assert {name for name in profile_names() if load_profile(name).picks_actions} == {"qwen3", "qwen3.5", "qwen3.6"}
    assert not parse_profile(MINIMAL, "own.toml").picks_actions


def test_unknown_name_names_the_nearest():
    with pytest.raises(SettingsInvalid, match=r"did you mean 'qwen3\.5'"):
        load_profile("qwen35")


def test_path_of_a_file_is_read(tmp_path: Path):
    (tmp_path / "own.toml").write_text(MINIMAL)
    assert load_profile(str(tmp_path / "own.toml")).name == "x"
    with pytest.raises(SettingsInvalid, match="can't be read"):
        load_profile(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (MINIMAL + "temprature = 1\n", "sampling.temprature"),
        (MINIMAL.replace("0.1", "9"), "sampling.temperature"),
        (MINIMAL.replace("= 256", "= 5000"), "max_output_tokens"),
        ('rewrites_queries = true\nthinking = true\nstructured = "none"\n' + MINIMAL, "rewrites_queries"),
        ('picks_actions = true\nthinking = true\nstructured = "none"\n' + MINIMAL, "picks_actions"),
        ('reasoning_effort = "low"\n' + MINIMAL, "thinking = true"),
        ("thinking = true\nthinking_tokens = 3900\n" + MINIMAL, "thinking_tokens"),
        ("name = ", "not TOML"),
        ("", "context_tokens"),
    ],
)
def test_wrong_profile_names_what_is_wrong(text: str, named: str):
    with pytest.raises(SettingsInvalid, match=named):
        parse_profile(text, "own.toml")
