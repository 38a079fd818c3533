"""A route for each task, and what prompts for all of its models may be like."""

from collections.abc import Mapping

import pytest

from agent.completions import Task
from agent.errors import SettingsInvalid
from agent.model_profiles import ModelProfile, load_profile, profile_names
from agent.model_routes import NamedModel, plan
from agent.model_settings import RouteSettings

QWEN, SMOL, GEMMA = load_profile("qwen3"), load_profile("smollm2"), load_profile("gemma3-270m")
NARROW = QWEN.model_copy(
    update={
        "name": "narrow",
        "context_tokens": 8_192,
        "max_output_tokens": 600,
        "max_passages": 3,
        "rewrites_queries": False,
        "picks_actions": False,
    }
)
LOOSE = QWEN.model_copy(update={"name": "loose", "structured": "none"})


def model(name: str, profile: ModelProfile, url: str | None = "http://x:1/v1") -> NamedModel:
    return NamedModel(name, profile, url, timeout_s=60, concurrency=2)


def routes(**tasks: object) -> Mapping[Task, RouteSettings]:
    return {Task(name): RouteSettings.model_validate(route) for name, route in tasks.items()}


@pytest.mark.parametrize("name", profile_names())
def test_one_model_does_everything_by_its_own_profile(name: str) -> None:
    profile = load_profile(name)
    planned = plan([model("default", profile)], {})
    assert {task: planned.routes[task].models for task in Task} == dict.fromkeys(Task, ("default",))
    assert planned.turn_profile == profile
    assert planned.told() == profile.model


def test_a_task_without_a_route_goes_to_the_first_model() -> None:
    planned = plan([model("default", QWEN), model("small", QWEN)], routes(rewrite=["small"]))
    assert [planned.routes[task].models for task in (Task.ANSWER, Task.REWRITE, Task.JUDGE)] == [
        ("default",),
        ("small",),
        ("default",),
    ]
    assert planned.tasks_of("default") == (Task.ANSWER, Task.JUDGE, Task.ACT)
    assert planned.told() == (
        "answer: default (innkeeper-chat); rewrite: small (innkeeper-chat); judge: default (innkeeper-chat); "
        "act: default (innkeeper-chat)"
    )


def test_a_prompt_suits_every_model_of_its_route() -> None:
    planned = plan([model("default", QWEN), model("small", NARROW), model("loose", LOOSE)], routes(answer=["default", "small"]))
    profile = planned.profile(Task.ANSWER)
    assert (profile.context_tokens, profile.max_output_tokens, profile.max_passages) == (8_192, 600, 3)
    assert planned.profile(Task.JUDGE) == QWEN
    assert [one.name for one in planned.used] == ["default", "small"]
    loose = plan([model("default", QWEN), model("loose", LOOSE)], routes(answer=["default", "loose"]))
    assert loose.profile(Task.ANSWER).structured == "none"


def test_follow_ups_are_put_as_questions_if_the_models_of_that_task_can() -> None:
    assert plan([model("default", NARROW), model("small", QWEN)], routes(rewrite=["small"])).turn_profile.rewrites_queries
    assert not plan([model("default", NARROW), model("small", QWEN)], routes(answer=["small"])).turn_profile.rewrites_queries
    with pytest.raises(SettingsInvalid, match=r"INNKEEPER_ROUTES.rewrite: small .* rewrites_queries = true"):
        plan([model("default", QWEN), model("small", NARROW)], routes(rewrite=["default", "small"]))


def test_actions_are_picked_if_the_models_of_that_task_can() -> None:
    assert plan([model("default", NARROW), model("small", QWEN)], routes(act=["small"])).turn_profile.picks_actions
    assert not plan([model("default", NARROW), model("small", QWEN)], routes(answer=["small"])).turn_profile.picks_actions
    with pytest.raises(SettingsInvalid, match=r"INNKEEPER_ROUTES.act: small .* picks_actions = true"):
        plan([model("default", QWEN), model("small", NARROW)], routes(act=["default", "small"]))


def test_only_models_that_can_judge_are_given_that() -> None:
    assert plan([model("default", SMOL), model("strict", QWEN)], routes(judge=["strict"])).profile(Task.JUDGE).judges
    with pytest.raises(SettingsInvalid, match=r"INNKEEPER_ROUTES.judge: small can't judge: its profile 'smollm2'"):
        plan([model("default", QWEN), model("small", SMOL)], routes(judge=["default", "small"]))


def test_models_that_answer_are_asked_in_one_style() -> None:
    with pytest.raises(SettingsInvalid, match=r"INNKEEPER_ROUTES.answer: .*default few_shot_chat, base few_shot_completion"):
        plan([model("default", SMOL), model("base", GEMMA)], routes(answer=["default", "base"]))


def test_a_route_bounds_its_answers() -> None:
    given = routes(answer={"models": ["default"], "max_output_tokens": 300, "timeout_s": 20})
    planned = plan([model("default", QWEN)], given)
    assert planned.turn_profile.max_output_tokens == 300
    assert planned.routes[Task.ANSWER].timeout_s == 20
    assert planned.profile(Task.JUDGE).max_output_tokens == QWEN.max_output_tokens
    assert plan([model("default", SMOL)], given).turn_profile.max_output_tokens == SMOL.max_output_tokens


def test_the_packaged_model_is_where_it_was_started() -> None:
    planned = plan([model("default", SMOL, None)], {})
    assert planned.with_default_at("http://127.0.0.1:9/v1").models["default"].base_url == "http://127.0.0.1:9/v1"
    named = plan([model("default", QWEN, "http://vllm:8000/v1")], {})
    assert named.with_default_at("http://127.0.0.1:9/v1") == named
