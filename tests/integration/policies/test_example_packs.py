"""The packs that ship as examples: in order, green, and whole from the customer's words to the words that are sent."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from agent.graph.acting.arguments import read_arguments
from agent.graph.acting.filling import fill_text
from policies.actions import Kind
from policies.cases import PackCase
from policies.engine import PolicyEngine
from policies.judging import ActionVerdict, Ruling
from policies.load import default_folder, load_pack
from policies.testing import action_case

ROOT = Path(__file__).parents[3]
EXAMPLES = default_folder().parent / "examples"
PACKS = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


def policy(*arguments: str, data: Path) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "agent", "policy", *arguments],
        env={**environment, "INNKEEPER_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def shop() -> PolicyEngine:
    return PolicyEngine(load_pack(EXAMPLES / "abcd_shop"))


def action_cases(engine: PolicyEngine) -> list[PackCase]:
    return [placed.case for placed in engine.cases if placed.case.given.action is not None]


def judged(engine: PolicyEngine, case: PackCase) -> ActionVerdict:
    return engine.actions[str(case.given.action)].judge(action_case(engine, case.given))


@pytest.mark.parametrize("name", PACKS)
def test_an_example_is_in_order(name: str, tmp_path: Path) -> None:
    done = policy("check", str(EXAMPLES / name), data=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKS)
def test_the_cases_of_an_example_are_green(name: str, tmp_path: Path) -> None:
    done = policy("test", str(EXAMPLES / name), "--json", data=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(json.loads(done.stdout)["cases"]) == len(load_pack(EXAMPLES / name).cases) > 0


def test_each_action_has_a_case_that_is_allowed_and_one_that_is_denied(shop: PolicyEngine) -> None:
    found = Counter((case.given.action, judged(shop, case).ruling) for case in action_cases(shop))
    assert {action for action, ruling in found if ruling is Ruling.ALLOW} == set(shop.actions)
    assert {action for action, ruling in found if ruling is Ruling.DENY} == set(shop.actions)


def test_each_rule_of_an_action_decides_some_case(shop: PolicyEngine) -> None:
    decided = {judged(shop, case).rule for case in action_cases(shop)}
    rules = {
        f"{judge.action.id}.{part}.{rule.id}"
        for judge in shop.actions.values()
        for part in ("allow_when", "forbid_when")
        for rule in getattr(judge.action, part)
    }
    assert rules - decided == set()


def test_each_text_can_be_filled_with_what_the_tools_of_its_case_say(shop: PolicyEngine) -> None:
    filled = 0
    for case in action_cases(shop):
        verdict, action = judged(shop, case), shop.actions[str(case.given.action)].action
        ends = (action.say.confirm, action.say.done, action.say.pending) if verdict.ruling is not Ruling.DENY else (verdict.say,)
        clock = action_case(shop, case.given).clock
        for key in (key for key in ends if key is not None):
            text = fill_text(shop.text(key, "en"), verdict.values, "en", action.currency, clock)
            assert not re.search(r"[{}]|None", text), (case.name, text)
            filled += 1
    assert filled > len(shop.actions)


def test_each_argument_of_a_case_can_be_told_in_a_message(shop: PolicyEngine) -> None:
    told = 0
    for case in action_cases(shop):
        given = action_case(shop, case.given)
        arguments = shop.actions[str(case.given.action)].action.arguments
        for name, value in given.values.items():
            argument = arguments.get(name)
            if argument is not None and value is not None and (not argument.only or value in argument.only):
                said = f"Hello, it's ${case.given.values[name]}!" if argument.type == "amount" else f"Hello, it's {value}!"
                assert read_arguments({name: argument}, [said], "en", given.clock) == {name: value}, case.name
                told += 1
    assert told > len(shop.actions)


def table(readme: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if line.startswith("| ")]
    return rows[1:]


def test_the_table_of_the_handbook_names_files_and_tests_that_are_there(shop: PolicyEngine) -> None:
    folder = EXAMPLES / "abcd_shop"
    rows = table((folder / "README.md").read_text(encoding="utf-8"))
    assert len({row[0] for row in rows}) == len(rows) == 43
    names: dict[str, list[str]] = {}
    for placed in shop.cases:
        names.setdefault(placed.place.split(":")[0], []).append(placed.case.name)
    for handbook_id, written_in, tests in rows:
        files = re.findall(r"[a-z_/]+\.yaml", written_in)
        assert files
        assert all((folder / file).is_file() for file in files)
        own = [name for name in names[tests] if handbook_id.endswith("_" + name.split(":")[0])]
        assert own, handbook_id
    named = {file for row in rows for file in re.findall(r"actions/[a-z_]+\.yaml", row[1])}
    assert named == {path.relative_to(folder).as_posix() for path in (folder / "actions").iterdir()}


def test_nothing_is_changed_without_a_yes_and_nothing_is_paid_twice(shop: PolicyEngine) -> None:
    for judge in shop.actions.values():
        action = judge.action
        if action.kind is Kind.CHANGE:
            assert action.requires.confirm == "explicit"
            assert action.amount is None or action.key is not None


def test_no_tool_both_tells_and_changes(shop: PolicyEngine) -> None:
    actions = [judge.action for judge in shop.actions.values()]
    told = {tool for action in actions for tool in action.reads}
    assert told & {action.tool for action in actions} == set()
