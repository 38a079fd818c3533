"""One small model for all tests of the started product, a copy of the ingested samples, and an installed helpdesk."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.product import ModelServer, small_model
from tests.e2e.real_django_helpdesk import Installation, installation
from tests.integration.web.stage import started_browser


@pytest.fixture
def data_dir(knowledge: Path, tmp_path: Path) -> Path:
    """A data folder of one's own, with the sample help centre in it."""
    return Path(shutil.copytree(knowledge, tmp_path / "data"))


@pytest.fixture(scope="session")
def model() -> Iterator[ModelServer]:
    """One for the whole session. Don't kill this one."""
    with small_model() as server:
        yield server


@pytest.fixture(scope="session")
def django_helpdesk_installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Kept from one session to the next, as pytest's cache."""
    cache = getattr(request.config, "cache", None)
    return installation(cache.mkdir("django-helpdesk") if cache else tmp_path_factory.mktemp("django-helpdesk"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for a module."""
    async with started_browser() as browser:
        yield browser
