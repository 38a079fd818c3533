"""The chat widget in a real browser against the API itself, its graph with a scripted model, and a real Redis."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.integration.channels import widget_world
from tests.integration.web.stage import HAS_BROWSER, HostPage, ask, bubbles, strict_host
from tests.servers import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not HAS_BROWSER, reason="no browser"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def real(browser: Browser, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostPage]:
    """A host page whose origin the site "shop" of the API allows."""
    port = free_port()
    monkeypatch.setattr(widget_world, "SHOP", f"http://127.0.0.1:{port}")
    async with widget_world.widget_world(redis_url) as world:
        host = HostPage(browser, world.replicas[0].base)
        async with strict_host(host, port):
            yield host


async def test_a_question_its_source_a_rating_a_second_tab_and_a_person(real: HostPage):
    page = await real.open()
    await ask(page, widget_world.QUESTION)
    await expect(bubbles(page)).to_contain_text(widget_world.FACT)
    await page.locator(".bubble").get_by_role("button", name="Source 1").click()
    await expect(page.locator(".card")).to_contain_text(widget_world.FACT)
    await expect(page.locator(".card a")).to_have_count(0)  # its address is an attack
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Not helpful").click()
    await page.get_by_role("button", name="It's wrong").click()
    await expect(page.get_by_text("Thank you for telling us.")).to_be_attached()
    await page.reload()
    await expect(page.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    other = await real.visit(page.context)
    await other.locator(".launcher").click()
    await expect(bubbles(other)).to_contain_text(widget_world.FACT)
    await page.locator(".links button").click()
    await page.get_by_label("E-mail").fill("mia@example.com")
    await page.keyboard.press("Enter")
    for one in (page, other):
        await expect(one.locator(".foot .note")).to_contain_text("Your request for a person is noted.", timeout=15000)
