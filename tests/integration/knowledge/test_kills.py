"""A sync that is killed at any moment and run again ends in the index of one that nobody disturbed."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.knowledge.conftest import REPOSITORY
from tests.integration.knowledge.help_centre import ARTICLES, put
from tests.integration.knowledge.stored import Stored, assert_same, stored_in

pytestmark = pytest.mark.slow
WORDS = ("room", "dogs", "key", "euros", "dollars")
KILLS = 20
Sync = Callable[..., str]


@pytest.fixture
def sync(tmp_path: Path, docs: Path) -> Iterator[Sync]:
    """Syncs in a process of its own: `sync(data, docs, seconds)`, see forks.py."""
    first_state(docs)
    changed_state(tmp_path / "changed")
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("forks.py")), str(docs), str(tmp_path / "changed")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        assert stdout.readline() == "ready\n"

        def run(data: Path, docs: Path, seconds: float | None = None) -> str:
            stdin.write(f"{data}\t{docs}\t{'' if seconds is None else seconds}\n")
            stdin.flush()
            return stdout.readline().strip()

        yield run


def house(n: int, currency: str = "euros", head: str = "") -> str:
    rooms = [
        f"## Room {r}\n\n" + f"Room {r} of house {n} costs {50 + r} {currency if r == 1 else 'euros'} a night. " * 3
        for r in range(4)
    ]
    return f"---\nid: house-{n}\ntitle: House {n}\nasked:\n  - a bed in number {n}\n{head}---\n" + "\n\n".join(rooms) + "\n"


def first_state(docs: Path) -> None:
    for n in range(12):
        put(docs, f"house-{n}", house(n))


def changed_state(docs: Path) -> None:
    """Of the first state, three documents are as they were; others changed, moved, got labels, or went; some are new."""
    for name, text in ARTICLES.items():
        put(docs, name, text.replace("4 euros", "9 euros"))
    for n in range(16):
        if n not in (3, 4, 5):
            head = {0: "audience: internal\n", 1: "language: de\n", 2: "owner: Front desk\n"}.get(n, "")
            put(docs, f"house-{n}", house(n, "dollars" if n > 8 else "euros", head))


def test_a_sync_that_is_killed_and_run_again_ends_as_if_undisturbed(sync: Sync, docs: Path, tmp_path: Path):
    before = tmp_path / "before"
    assert sync(before, docs).startswith("done")
    shutil.rmtree(docs)
    changed_state(docs)
    undisturbed = shutil.copytree(before, tmp_path / "undisturbed")
    took = float(sync(undisturbed, docs).removeprefix("done "))
    expected = stored_in(undisturbed, WORDS)
    assert expected.words["dogs"]
    chance = random.Random(20)
    for n in range(KILLS):
        data = tmp_path / "disturbed"
        shutil.rmtree(data, ignore_errors=True)
        moment = (n + chance.random()) / KILLS * took
        # A run can be faster than the first one was: then it is killed earlier.
        while shutil.copytree(before, data) and not sync(data, docs, moment).startswith("killed"):
            shutil.rmtree(data)
            moment *= 0.9
        assert_ends_as(expected, sync, data, docs)


def test_a_first_sync_that_is_killed_again_and_again_gets_to_its_end(sync: Sync, docs: Path, tmp_path: Path):
    took = float(sync(tmp_path / "undisturbed", docs).removeprefix("done "))
    expected = stored_in(tmp_path / "undisturbed", WORDS)
    chance = random.Random(4)
    for _ in range(4):
        sync(tmp_path / "disturbed", docs, chance.random() * took)
    assert_ends_as(expected, sync, tmp_path / "disturbed", docs)


def assert_ends_as(expected: Stored, sync: Sync, data: Path, docs: Path) -> None:
    assert sync(data, docs).startswith("done")
    assert_same(stored_in(data, WORDS), expected)
