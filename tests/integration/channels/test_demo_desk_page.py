"""The desk's page in a real browser."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from agent.types import Decision
from tests.integration.channels.test_demo_desk import QUOTE, Desk, started_desk
from tests.integration.channels.world import World

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run --disable-quic --disable-gpu"
)
SHOTS = os.environ.get("DESK_SCREENSHOTS")

expect.set_options(timeout=60_000)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not os.path.exists(CHROMIUM), reason=f"no browser at {CHROMIUM}")]


@pytest.fixture
async def desk(world: World, tmp_path: Path) -> AsyncIterator[Desk]:
    async with started_desk(tmp_path, world.base) as desk:
        yield desk


@pytest.fixture
async def page(desk: Desk) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        page = await browser.new_page(viewport={"width": 1180, "height": 800})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        outside: list[str] = []
        page.on("request", lambda request: None if request.url.startswith((desk.base, "data:")) else outside.append(request.url))
        await page.goto(desk.base)
        yield page
        await browser.close()
        assert complaints == []
        assert outside == []


async def shoot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/{name}.png")


async def newest(desk: Desk) -> str:
    return (await desk.get("/tickets"))[0]["id"]


async def test_a_customer_asks_and_sees_what_the_reply_rests_on(desk: Desk, world: World, page: Page):
    await shoot(page, "start")
    await page.get_by_role("button", name="How much do I get back").click()
    log = page.get_by_role("log")
    await expect(log).to_contain_text("How much do I get back")
    await expect(page.get_by_text("Innkeeper is reading")).to_be_visible()
    await desk.take(world, await newest(desk), Decision.ANSWER)
    await expect(log).to_contain_text("you get 50% of the nightly rate back [1]")
    await expect(page.get_by_role("list", name="What the reply rests on")).to_contain_text(QUOTE)
    await expect(page.get_by_text("Answered", exact=True)).to_be_visible()
    await shoot(page, "answer")


async def test_a_reply_is_shown_as_it_is_marked_and_never_read_as_html(desk: Desk, world: World, page: Page):
    reply = (
        "**Pets – Fee**\n\n| Pet | Fee |\n|:--|---|\n| Dog | €12 |\n\n- Cats are free [1]\n\n"
        "<img src=x onerror=alert(1)> ![x](http://outside.example/x.png)"
    )
    await page.get_by_role("button", name="Can I bring my dog?").click()
    await desk.take(world, await newest(desk), Decision.ANSWER, text=reply)
    bubble = page.get_by_role("article", name="Innkeeper").locator(".bubble")
    await expect(bubble.locator("strong")).to_have_text("Pets – Fee")
    await expect(bubble.get_by_role("cell", name="€12")).to_be_visible()
    await expect(bubble.get_by_role("listitem")).to_have_text("Cats are free [1]")
    await expect(bubble).to_contain_text("<img src=x onerror=alert(1)> ![x](http://outside.example/x.png)")
    await expect(bubble.locator("img")).to_have_count(0)
    await shoot(page, "marked")


async def test_a_hand_off_shows_its_summary_and_a_person_can_answer_by_keyboard(desk: Desk, world: World, page: Page):
    await page.get_by_label("Message").fill("I want a <b>person</b> <img src=x onerror=alert(1)>")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("log")).to_contain_text("<b>person</b> <img")
    await desk.take(world, await newest(desk), Decision.HANDOFF)
    await expect(page.get_by_text("For the person who takes over (front-desk)")).to_be_visible()
    await expect(page.get_by_text("The guest asks for a person.")).to_be_visible()
    await page.get_by_label("Human agent").check()
    await page.get_by_label("Message").fill("Hello, Mia here. How can I help?")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("article", name="Human agent")).to_contain_text("Mia here")
    await shoot(page, "handoff")


async def test_a_proposed_reply_is_changed_and_approved(desk: Desk, world: World, page: Page):
    await page.get_by_label("Message").fill("Dogs?")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("log")).to_contain_text("Dogs?")
    await desk.take(world, await newest(desk), Decision.DRAFT)
    draft = page.get_by_label("Change it if you like")
    await expect(draft).to_have_value("Yes, <b>dogs</b> are welcome.")
    await shoot(page, "draft")
    await draft.fill("Yes, dogs are welcome.")
    await page.get_by_role("button", name="Approve and send").click()
    await expect(page.get_by_text("Approved by a person.")).to_be_visible()


async def test_the_page_is_whole_in_the_dark_and_on_a_phone(desk: Desk, world: World, page: Page):
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.get_by_role("button", name="Can I bring my dog?").click()
    await expect(page.get_by_role("log")).to_contain_text("dog")
    await desk.take(world, await newest(desk), Decision.ANSWER)
    await expect(page.get_by_role("list", name="What the reply rests on")).to_be_visible()
    await shoot(page, "phone-dark")
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
