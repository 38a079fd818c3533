"""The models of the settings, built and looked at: the README's example works, and what is missing is said by name."""

import re
import tomllib
from pathlib import Path
from shutil import copytree

import pytest

from agent.adapters.chat_router import RoutedChatModel
from agent.completions import Task
from agent.errors import ModelUnavailable, SettingsInvalid
from agent.settings import Settings
from agent.wiring import parts, probes, rules
from policies.load import default_folder
from tests.faulty_server import FaultyServer, status

README = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
NOWHERE = "http://127.0.0.1:9/v1"


def judging(tmp_path: Path) -> Path:
    folder = copytree(default_folder(), tmp_path / "policies")
    (folder / "topics.yaml").write_text("otherwise: {dial: draft, verifiers: [built_in, judge]}\n")
    return folder


def test_the_example_of_the_readme_can_be_used() -> None:
    (example,) = re.findall(r"\n\n(    # the file that INNKEEPER_CONFIG names.*?\n)\n(?=\S)", README, re.DOTALL)
    routes = rules.pick_routes(Settings(**tomllib.loads(example)))
    assert {task: route.models for task, route in routes.routes.items()} == {
        Task.ANSWER: ("default", "small"),
        Task.REWRITE: ("small",),
        Task.JUDGE: ("default", "small"),
        Task.ACT: ("default",),
    }
    assert routes.turn_profile.max_output_tokens == 500


def test_a_profile_that_is_not_there_is_told_with_the_model_that_has_it() -> None:
    settings = Settings(models={"small": {"base_url": NOWHERE, "profile": "qwen33"}})
    with pytest.raises(SettingsInvalid, match=r"INNKEEPER_MODELS.small.profile: there is no model profile 'qwen33'"):
        rules.pick_routes(settings)


def test_a_judge_may_be_another_model_than_the_one_that_answers(tmp_path: Path) -> None:
    folder = judging(tmp_path)
    weak = Settings(policy_dir=folder, llm_base_url=NOWHERE, llm_profile="smollm2")
    with pytest.raises(SettingsInvalid, match=r"'smollm2' can't judge: .*INNKEEPER_ROUTES"):
        rules.build_policies(weak)
    models = {"strict": {"base_url": NOWHERE, "profile": "qwen3"}}
    assert rules.build_policies(weak.model_copy(update=chosen(models, judge=["strict"]))).verifiers


def chosen(models: dict[str, object], **routes: list[str]) -> dict[str, object]:
    made = Settings(llm_base_url=NOWHERE, models=models, routes=routes)
    return {"models": made.models, "routes": made.routes}


async def test_a_model_without_a_server_is_said_to_be_missing() -> None:
    with pytest.raises(SettingsInvalid, match="set INNKEEPER_LLM_BASE_URL"):
        async with parts.open_chat(rules.pick_routes(Settings())):
            pass


async def test_only_models_that_a_task_may_be_given_to_are_asked_whether_they_are_there() -> None:
    models = {name: {"base_url": NOWHERE} for name in ("small", "spare")}
    async with parts.open_chat(rules.pick_routes(Settings(models=models, routes={"answer": ["small"]}))) as chat:
        assert isinstance(chat, RoutedChatModel)
        assert not await chat.is_ready()
        assert chat.seen is not None
        assert chat.seen.models == {"small": False}


def test_what_models_are_asked_here_is_known(tmp_path: Path) -> None:
    qwen, smol = (Settings(llm_base_url=NOWHERE, llm_profile=name) for name in ("qwen3", "smollm2"))
    asks = qwen.model_copy(update={"policy_dir": judging(tmp_path)})
    found = [parts.needed_tasks(rules.pick_routes(one), rules.build_policies(one)) for one in (smol, qwen, asks)]
    assert found == [{Task.ANSWER}, {Task.ANSWER, Task.REWRITE, Task.ACT}, set(Task)]
    assert parts.needed_tasks(rules.pick_routes(qwen), rules.build_policies(qwen), acts=False) == {Task.ANSWER, Task.REWRITE}


async def test_doctor_looks_at_each_model_and_says_what_it_is_for(tmp_path: Path) -> None:
    async with FaultyServer([status(200, {"object": "list", "data": []})]) as server:
        models = {"small": {"base_url": server.base_url}, "spare": {"base_url": server.base_url}}
        given = {"data_dir": tmp_path, "models": models, "routes": {"answer": ["default", "small"], "judge": ["small"]}}
        settings = Settings(llm_base_url=NOWHERE, **given)
        assert probes.model_names(settings) == ("default", "small", "spare")
        told = await probes.model(settings, "small")
        assert told == f"profile qwen3 at {server.base_url}; for answer (2 of 2), judge (1 of 1)"
        assert (await probes.model(settings, "spare")).endswith("; no task uses it (INNKEEPER_ROUTES)")
        with pytest.raises(ModelUnavailable, match="does not answer; check it, and INNKEEPER_LLM_BASE_URL"):
            await probes.model(settings)
