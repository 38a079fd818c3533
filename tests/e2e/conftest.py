"""One small model for all tests of the started product, and a copy of the ingested samples."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.product import ModelServer, small_model


@pytest.fixture
def data_dir(knowledge: Path, tmp_path: Path) -> Path:
    """A data folder of one's own, with the sample help centre in it."""
    return Path(shutil.copytree(knowledge, tmp_path / "data"))


@pytest.fixture(scope="session")
def model() -> Iterator[ModelServer]:
    """One for the whole session. Don't kill this one."""
    with small_model() as server:
        yield server
