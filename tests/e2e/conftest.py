"""One ingested sample help centre and one small model for all tests of the started product."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.product import ModelServer, run, small_model

KEPT = ("chroma", "lexical")


@pytest.fixture(scope="session")
def knowledge(request: pytest.FixtureRequest) -> Path:
    """A data folder that holds nothing but the sample help centre. Copy it.

    It is kept from one session to the next, as pytest's cache: ingesting again changes only what has changed.
    """
    folder = request.config.cache.mkdir("e2e-knowledge") if request.config.cache else None
    assert folder is not None, "these tests need pytest's cache"
    ingested = run(folder, "ingest", "--samples", timeout_s=600)
    if ingested.returncode != 0:
        shutil.rmtree(folder)
        folder.mkdir()
        ingested = run(folder, "ingest", "--samples", timeout_s=600)
    assert ingested.returncode == 0, ingested.stderr
    for left in folder.iterdir():
        if left.name not in KEPT and left.is_dir():
            shutil.rmtree(left)
    return folder


@pytest.fixture
def data_dir(knowledge: Path, tmp_path: Path) -> Path:
    """A data folder of one's own, with the sample help centre in it."""
    return Path(shutil.copytree(knowledge, tmp_path / "data"))


@pytest.fixture(scope="session")
def model() -> Iterator[ModelServer]:
    """One for the whole session. Don't kill this one."""
    with small_model() as server:
        yield server
