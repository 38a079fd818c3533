from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.integration.web.stage import Stage, set_up, started_browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all of these tests."""
    async with started_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def stage(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """An English host page with the widget's script tag, or as `@pytest.mark.parametrize("stage", …, indirect=True)` says."""
    async with set_up(browser, **getattr(request, "param", {})) as stage:
        yield stage
