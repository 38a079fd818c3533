from pathlib import Path
from shutil import copytree

import pytest

from agent.evaluation.code import code_fingerprint, fingerprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "agent"
    (made / "graph").mkdir(parents=True)
    (made / "turns.py").write_text("a = 1\n")
    (made / "graph" / "weights.npz").write_bytes(b"\x00\x01")
    return made


@pytest.mark.parametrize("name", ["turns.py", "graph/weights.npz", "graph/draft.md", "graph/new.py", "lists.json"])
def test_other_code_or_data_is_another_fingerprint(folder: Path, name: str):
    before = fingerprint([folder])
    (folder / name).write_text("a = 2\n")
    assert fingerprint([folder]) != before


def test_a_file_of_another_name_is_too(folder: Path):
    before = fingerprint([folder])
    (folder / "turns.py").rename(folder / "turn.py")
    assert fingerprint([folder]) != before


@pytest.mark.parametrize("name", ["__pycache__/turns.py", "samples/page.md", "default/policy.json", "page.html", "py.typed"])
def test_what_decides_nothing_or_is_known_otherwise_changes_nothing(folder: Path, name: str):
    before = fingerprint([folder])
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("a = 2\n")
    assert fingerprint([folder]) == before


def test_the_same_files_elsewhere_are_the_same_code(folder: Path, tmp_path: Path):
    assert fingerprint([copytree(folder, tmp_path / "elsewhere" / "agent")]) == fingerprint([folder])


def test_it_knows_this_code():
    assert code_fingerprint() == code_fingerprint()
    assert len(code_fingerprint()) == 64
