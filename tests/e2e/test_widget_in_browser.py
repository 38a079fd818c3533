"""The chat widget in a real browser on a page with a strict CSP, against the started product with its real small model."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.e2e.product import ANSWERS_IN_S, SOURCE, ModelServer, Product, product
from tests.e2e.shop_page import JWT_SECRET, SIGN_IN, SITE, WATCH, Kept, ShopPage, answers, later, shown
from tests.integration.web.stage import EMBED, HAS_BROWSER, LOOK, PHONE, ask, seen, strict_host
from tests.servers import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not HAS_BROWSER, reason="no browser"),
]

REFUND = "How much do I get back if I cancel three days before check-in?"
FIRM = "and with the Firm policy?"
DOG = "Can I bring my dog?"
COST = "And how much does it cost?"
ARABIC = "كم أسترد إذا ألغيت الحجز قبل ثلاثة أيام من الوصول؟"
SOON = ANSWERS_IN_S * 1000
HOST_PORT = free_port()
"""Of the shop: the product is told of its origin when it starts."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, knowledge: Path, model: ModelServer) -> Iterator[Product]:
    site = {
        "name": "Harbour Stays",
        "origins": [f"http://127.0.0.1:{HOST_PORT}"],
        "jwt_secret": JWT_SECRET,
        "greeting": "Hello! Ask me about bookings, payments or your stay.",
        "privacy_url": "https://harbour.example/privacy",
        "suggestions": [REFUND, DOG],
        "handoff": SOURCE,
        "hours": "People are here on weekdays from 9 to 5.",
    }
    with product(tmp_path_factory.mktemp("widget"), knowledge, model.url) as made:
        demo = {"name": "Sample help centre", "origins": [made.url], "suggestions": [REFUND, DOG]}
        made.settings["INNKEEPER_SITES"] = json.dumps({SITE: site, "demo": demo})
        made.start("serve", "worker")
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def shop(house: Product, browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[ShopPage]:
    """An English page, or as `@pytest.mark.parametrize("shop", …, indirect=True)` says."""
    host = ShopPage(browser, house.url, **({"embed": EMBED} | getattr(request, "param", {})))
    async with strict_host(host, HOST_PORT):
        yield host


async def asked(page: Page, text: str) -> None:
    """Ask, and wait for one more answer."""
    count = await answers(page).count()
    await ask(page, text)
    await expect(answers(page)).to_have_count(count + 1, timeout=SOON)


async def tab_to(page: Page, css: str, key: str = "Tab") -> None:
    """Go there by keyboard, from wherever the focus is."""
    for _ in range(40):
        await page.keyboard.press(key)
        if await page.evaluate("css => document.querySelector('innkeeper-chat').shadowRoot.activeElement?.matches(css)", css):
            return
    raise AssertionError(f"no way to {css} by {key}")


async def test_a_question_its_answer_and_a_follow_up_in_every_tab(house: Product, shop: ShopPage) -> None:
    page = await shop.visit()
    await page.evaluate(LOOK, False)
    await page.evaluate(WATCH)
    await shop.open(page)
    await seen(page, "product-empty")
    await asked(page, REFUND)
    watched = await page.evaluate("watched")
    assert watched["stages"] == ["Message received", "Searching the help centre", "Writing an answer", "Checking the answer"]
    growing = watched["growing"]
    assert len(growing) > 2
    assert all(later.startswith(earlier) for earlier, later in pairwise(growing))
    assert "50%" in growing[-1]
    answer = answers(page)
    await expect(answer.locator(".by")).to_contain_text("AI assistant")
    await expect(answer.locator(".bubble")).to_contain_text("50%")
    await seen(page, "product-answer")

    cite = answer.locator(".cite").first
    await cite.click()
    card = answer.locator(".card")
    await expect(card.locator("blockquote")).to_contain_text("50%")
    link = card.get_by_role("link", name="Open the article")
    assert (await link.get_attribute("href") or "").startswith("https://help.marlowe-stays.example/")
    await seen(page, "product-source")
    await page.emulate_media(color_scheme="dark")
    await page.evaluate(LOOK, True)
    await seen(page, "product-dark")
    await page.emulate_media(color_scheme="light")
    await page.evaluate(LOOK, False)

    await asked(page, FIRM)
    await expect(answers(page).last).to_contain_text("25%")
    await answers(page).last.get_by_role("button", name="Not helpful").click()
    await answers(page).last.get_by_role("button", name="It doesn't help").click()
    kept = await Kept.of(house, page)
    await expect(page.get_by_text("Thank you for telling us.")).to_be_attached()
    assert [(one["value"], one["reason"]) for one in await kept.ratings()] == [("down", "unhelpful")]
    await seen(page, "product-thumbs")

    before = await shown(page)
    await page.reload()
    await expect(page.locator(".log .msg")).to_have_count(4)
    await expect(page.locator("header")).to_be_in_viewport(ratio=1)
    assert await shown(page) == before
    assert [kind for kind, _ in before] == ["me", "ai"] * 2
    await expect(answers(page).last.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")

    second = await shop.visit(page.context)
    await second.locator(".launcher").click()
    await expect(second.locator(".log .msg")).to_have_count(4)
    assert await shown(second) == before
    await asked(second, DOG)
    await expect(answers(page)).to_have_count(3)
    assert await shown(page) == await shown(second)
    assert [one["role"] for one in kept.messages()] == ["customer", "assistant"] * 3


async def test_a_conversation_outlives_a_lost_connection_and_a_killed_api(house: Product, shop: ShopPage) -> None:
    questions = [DOG, COST, REFUND, FIRM]
    page = await shop.open()
    await page.evaluate(LOOK, False)
    await asked(page, DOG)
    await page.context.set_offline(True)
    await ask(page, COST)
    await expect(page.get_by_text("Waiting to be sent")).to_be_visible()
    await expect(page.get_by_text("You are offline.")).to_be_visible()
    await seen(page, "product-offline")
    await page.context.set_offline(False)
    await expect(answers(page)).to_have_count(2, timeout=SOON)
    await expect(page.get_by_text("You are offline.")).to_be_hidden()

    await ask(page, REFUND)
    await expect(page.locator(".msg.me time")).to_have_count(3)
    await asyncio.to_thread(house.kill, "serve")
    await ask(page, FIRM)
    await expect(page.get_by_text("The connection is lost.")).to_be_visible(timeout=SOON)
    await expect(page.get_by_text("Waiting to be sent")).to_be_visible()
    await seen(page, "product-lost")
    await asyncio.to_thread(house.start, "serve")
    await expect(answers(page)).to_have_count(4, timeout=SOON)
    await expect(page.get_by_text("The connection is lost.")).to_be_hidden()
    before = await shown(page)
    assert before == [(kind, text) for kind, text in before if kind in ("me", "ai")]
    assert [text for kind, text in before if kind == "me"] == questions
    kept = (await Kept.of(house, page)).messages()
    assert [one["text"] for one in kept if one["role"] == "customer"] == questions
    assert [one["role"] for one in kept].count("assistant") == len(questions)
    await page.reload()
    await expect(answers(page)).to_have_count(4)
    assert await shown(page) == before


async def test_by_keyboard_alone_from_the_question_to_a_person(house: Product, shop: ShopPage) -> None:
    page = await shop.visit()
    await page.evaluate(LOOK, False)
    await tab_to(page, ".launcher")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Your message")).to_be_focused()
    await expect(page.locator(".start .pick").first).to_be_visible()
    await page.keyboard.type(DOG)
    await page.keyboard.press("Enter")
    await expect(answers(page)).to_have_count(1, timeout=SOON)
    await tab_to(page, ".cite", "Shift+Tab")
    await page.keyboard.press("Enter")
    await tab_to(page, ".card a")
    await page.keyboard.press("Escape")
    await expect(page.locator(".card")).to_have_count(0)
    await tab_to(page, "[data-rate=down]")
    await page.keyboard.press("Space")
    await tab_to(page, "[data-why=other]")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Thank you for telling us.")).to_be_attached()
    await tab_to(page, ".links button")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("People are here on weekdays from 9 to 5.")).to_be_visible()
    await seen(page, "product-ask")
    await tab_to(page, "input")
    await page.keyboard.type("mia@example.com")
    await page.keyboard.press("Enter")
    strip = page.locator(".foot .note")
    await expect(strip).to_contain_text("Your request has been passed on to the team.", timeout=SOON)
    await expect(page.get_by_role("button", name="Talk to a person")).to_be_hidden()
    kept = await Kept.of(house, page)
    (event,) = await later(lambda: house.inbox.of(kept.conversation))
    assert event["type"] == "agent.handoff.requested"
    assert DOG in event["data"]["summary"]
    assert "mia@example.com" in event["data"]["summary"]
    assert [(one["value"], one["reason"]) for one in await kept.ratings()] == [("down", "other")]
    await seen(page, "product-requested")
    await page.keyboard.press("Escape")
    await expect(page.locator(".launcher")).to_be_focused()


@pytest.mark.parametrize("shop", [{"lang": "ar"}], indirect=True)
async def test_from_right_to_left(house: Product, shop: ShopPage) -> None:
    page = await shop.visit()
    await page.evaluate(LOOK, False)
    await page.locator(".launcher").click()
    await page.locator(".start .pick").first.wait_for()
    await seen(page, "product-arabic-empty")
    await page.locator("textarea").fill(ARABIC)
    await page.keyboard.press("Enter")
    await expect(answers(page)).to_have_count(1, timeout=SOON)
    # Nothing is found: the assistant says so in Arabic, and the request goes to a person.
    await expect(answers(page).locator(".bubble")).to_contain_text("لم أجد إجابة")
    await expect(page.locator(".foot .note")).to_contain_text("تم تحويل طلبك إلى الفريق", timeout=SOON)
    await seen(page, "product-arabic")
    side = "node => { const box = node.getBoundingClientRect(); return (box.left + box.right) / 2; }"
    middle = await page.locator(".panel").evaluate(side)
    assert await page.locator(".msg.me .bubble").evaluate(side) < middle < await page.locator(".mark").evaluate(side)


async def test_on_a_phone(house: Product, shop: ShopPage) -> None:
    page = await shop.visit(**PHONE)
    await page.evaluate(LOOK, False)
    await shop.open(page)
    await page.locator(".start .pick").first.tap()
    await expect(answers(page)).to_have_count(1, timeout=SOON)
    assert await page.get_by_role("dialog").bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    await seen(page, "product-phone")
    await page.locator(".chip[data-n]").first.tap()
    await expect(page.locator(".card")).to_be_in_viewport()
    await seen(page, "product-phone-source")
    await page.emulate_media(color_scheme="dark")
    await seen(page, "product-phone-dark")


@pytest.mark.parametrize("shop", [{"embed": SIGN_IN}], indirect=True)
async def test_a_signed_in_customer_has_the_same_conversation_everywhere_and_nobody_else_has_it(
    house: Product, shop: ShopPage
) -> None:
    async def device(customer: str) -> Page:
        context = await shop.browser.new_context(viewport={"width": 1180, "height": 860}, locale="en-GB")
        shop.contexts.append(context)
        await context.add_cookies([{"name": "customer", "value": customer, "url": shop.host_url}])
        return await shop.visit(context)

    desk = await shop.open(await device("ada"))
    await asked(desk, DOG)
    phone = await device("ada")
    await phone.locator(".launcher").click()
    await expect(phone.locator(".log .msg")).to_have_count(2)
    assert await shown(phone) == await shown(desk)
    stranger = await shop.open(await device("mallory"))
    await ask(stranger, "Hello")
    await expect(stranger.locator(".msg.me time")).to_be_visible()
    hers, his = await Kept.of(house, desk), await Kept.of(house, stranger)
    assert (await Kept.of(house, phone)).conversation == hers.conversation != his.conversation
    for what, body in (("messages", None), ("events", None), ("messages", {"text": "Hello"}), ("handoff", {})):
        stolen = hers.call(what, body, his.session)
        assert (stolen.status_code, stolen.json()["error"]["code"]) == (404, "conversation_missing")
    assert len(hers.messages()) == 2


async def test_the_demo_page_shows_the_chat_beside_its_text(house: Product, shop: ShopPage) -> None:
    shop.host_url = f"{house.url}/widget/demo"
    page = await shop.visit(viewport={"width": 1280, "height": 860})
    await expect(page.locator(".start .pick")).to_have_count(2)
    await seen(page, "product-demo")
    text, panel = await page.locator("main").bounding_box(), await page.get_by_role("dialog").bounding_box()
    assert text
    assert panel
    assert text["x"] + text["width"] <= panel["x"]
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.emulate_media(color_scheme="dark")
    await seen(page, "product-demo-phone")
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
