import re
from pathlib import Path

from ruamel.yaml import YAML

from agent.cli.commands import app
from agent.settings import Settings
from policies.actions import Action

README = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")


def test_every_setting_stands_in_the_readme_with_its_meaning():
    for name, field in Settings.model_fields.items():
        assert f"| `INNKEEPER_{name.upper()}` |" in README
        assert str(field.description) in README


def test_the_readme_names_only_commands_that_exist():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    named = {line.split()[1] for line in README.replace(".venv/bin/", "").splitlines() if line.strip().startswith("innkeeper ")}
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    assert named <= commands | set(groups)
    for name, group in groups.items():
        known = {one.name or one.callback.__name__ for one in group.registered_commands if one.callback}
        said = [line.split() for line in README.splitlines() if line.strip().startswith(f"innkeeper {name} ")]
        assert said
        assert {words[2] for words in said} <= known


def test_its_example_of_an_action_is_one():
    example = README[README.index("    id: refund_booking\n") : README.index("Expressions are [CEL]")]
    action = Action.model_validate(YAML(typ="safe", pure=True).load(example))
    assert list(action.problems()) == []


def test_its_pictures_are_there_and_small():
    names = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    root = Path(__file__).parents[2]
    assert names
    assert all(0 < (root / name).stat().st_size < 200_000 for name in names)
