from pathlib import Path

from agent.cli.commands import app
from agent.settings import Settings

README = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")


def test_every_setting_stands_in_the_readme_with_its_meaning():
    for name, field in Settings.model_fields.items():
        assert f"| `INNKEEPER_{name.upper()}` |" in README
        assert str(field.description) in README


def test_the_readme_names_only_commands_that_exist():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    commands |= {group.name for group in app.registered_groups}
    named = {line.split()[1] for line in README.replace(".venv/bin/", "").splitlines() if line.strip().startswith("innkeeper ")}
    assert named <= commands
