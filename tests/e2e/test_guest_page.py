"""The sample company's page in a real browser: the chat knows the guest who is signed in, and changes only what is theirs."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from agent.wiring.bookings import bookings_system, bookings_token
from tests.e2e.product import ANSWERS_IN_S, ModelServer, http, product
from tests.e2e.shop_page import answers
from tests.e2e.test_demo_bookings import bookings
from tests.integration.web.stage import HAS_BROWSER, ask, seen
from tests.servers import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not HAS_BROWSER, reason="no browser"),
]

SECRET = "what the sample company's site signs its guests' tokens with"
SOON = ANSWERS_IN_S * 1000


@pytest.fixture(scope="module")
def site_url(tmp_path_factory: pytest.TempPathFactory, knowledge: Path, model: ModelServer) -> Iterator[str]:
    """The product and, beside it, the sample company's site."""
    folder, port = tmp_path_factory.mktemp("guest"), free_port()
    url = f"http://127.0.0.1:{port}"
    with product(folder, knowledge, model.url) as made:
        site = {"name": "Sample help centre", "origins": [url], "jwt_secret": SECRET}
        shared = {"INNKEEPER_SITES": json.dumps({"demo": site}), "INNKEEPER_PORT": made.url.rpartition(":")[2]}
        with bookings(folder / "bookings", port, **shared):
            system: dict[str, Any] = bookings_system(url, bookings_token(folder / "bookings")) | {"timeout_s": 60}
            made.settings |= {"INNKEEPER_TOOLS": json.dumps({"bookings": system}), "INNKEEPER_SITES": shared["INNKEEPER_SITES"]}
            made.start("serve", "worker")
            yield url


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if "Content Security Policy" in line.text else None)
    yield page
    await context.close()
    assert refused == []


async def test_a_guest_cancels_by_chat_and_the_page_shows_it(site_url: str, page: Page) -> None:
    await page.goto(site_url)
    await expect(page.get_by_role("heading", name="Hello, Anna")).to_be_visible()
    line = page.get_by_role("row").filter(has_text="MS-104211")
    await expect(line).to_contain_text("confirmed")
    await expect(page.get_by_label("Your message")).to_be_visible(timeout=SOON)
    await seen(page, "guest-page")
    await ask(page, "Please cancel my booking MS-104211")
    await expect(answers(page).last).to_contain_text("€773.60", timeout=SOON)
    await expect(line).to_contain_text("confirmed")
    await page.get_by_role("button", name="Yes", exact=True).click()
    await expect(line).to_contain_text("cancelled", timeout=SOON)
    await expect(answers(page)).to_have_count(2, timeout=SOON)

    # Another guest at the same browser: not Anna's conversation, and not Anna's bookings.
    await page.get_by_role("link", name="Ben").click()
    await expect(page.get_by_role("heading", name="Hello, Ben")).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text="MS-104213")).to_be_visible()
    await expect(page.get_by_label("Your message")).to_be_visible(timeout=SOON)
    await expect(answers(page)).to_have_count(0)
    await ask(page, "Please show my booking MS-104211")
    await expect(answers(page)).to_have_count(1, timeout=SOON)
    await expect(answers(page)).not_to_contain_text("Porto")


async def test_tokens_are_for_the_guests_of_the_sample_alone(site_url: str) -> None:
    given = http().post(f"{site_url}/chat-token", params={"guest": "guest-ben"}).json()["token"]
    assert jwt.decode(given, SECRET, algorithms=["HS256"], audience="demo")["sub"] == "guest-ben"
    for path, method in (("/chat-token", "POST"), ("/my-bookings", "GET")):
        assert http().request(method, f"{site_url}{path}", params={"guest": "somebody"}).status_code == 404


async def test_without_the_demo_there_is_no_page(tmp_path: Path) -> None:
    port = free_port()
    with bookings(tmp_path / "data", port):
        assert http().get(f"http://127.0.0.1:{port}/").status_code == 404
        assert http().post(f"http://127.0.0.1:{port}/chat-token", params={"guest": "guest-anna"}).status_code == 404
