"""Whose conversation the chat widget shows: customers who sign in and out on the host page, in one tab and in others."""

import asyncio
import json

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.integration.web.stage import HAS_BROWSER, Stage, ask, bubbles

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not HAS_BROWSER, reason="no browser"),
]


def identity(name: str) -> str:
    """As the host page has it."""
    return json.dumps({"identifier": name, "identifier_hash": f"hash of {name}"})


async def signed_in(stage: Stage, name: str, context: BrowserContext | None = None) -> Page:
    page = await stage.visit(context)
    await page.evaluate(f"innkeeper('identify', {identity(name)})")
    return page


async def said(stage: Stage, name: str, text: str) -> Page:
    """A page of a signed-in customer who has written something."""
    page = await stage.open(await signed_in(stage, name))
    await ask(page, text)
    await expect(page.locator(".msg.me time")).to_be_visible()
    return page


async def test_who_signs_out_in_one_tab_is_not_brought_back_by_another(stage: Stage):
    one = await said(stage, "ada", "Ada's secret")
    two = await stage.visit(one.context)
    await two.locator(".launcher").click()
    await expect(bubbles(two, "me")).to_have_text("Ada's secret")
    await two.evaluate("innkeeper('reset')")
    for page in (one, two):
        await expect(bubbles(page, "me")).to_have_count(0)
        await expect(page.locator(".start .pick").first).to_be_visible()
    await two.wait_for_timeout(500)
    assert [body.get("identifier") for body in stage.api.identities][1:] in ([None], [None, None])
    await two.reload()
    await expect(two.locator(".start .pick").first).to_be_visible()
    await expect(bubbles(two, "me")).to_have_count(0)


async def test_another_customer_in_one_tab_never_sees_the_first_ones_words_from_a_tab_that_is_still_open(stage: Stage):
    one = await said(stage, "ada", "Ada's secret")
    two = await signed_in(stage, "mallory", one.context)
    await one.wait_for_timeout(500)
    assert await two.locator(".badge").is_hidden()
    await two.locator(".launcher").click()
    await expect(two.locator(".start .pick").first).to_be_visible()
    await ask(two, "Mallory here")
    await expect(two.locator(".msg.me time")).to_be_visible()
    await expect(bubbles(two, "me")).to_have_text(["Mallory here"])
    owners = {chat.owner: [one["text"] for one in chat.messages] for chat in stage.api.chats.values()}
    assert owners["ada"] == ["Ada's secret"]
    assert owners["mallory"] == ["Mallory here"]


async def test_a_session_that_was_on_its_way_when_the_customer_signed_out_is_nobodys(stage: Stage):
    await said(stage, "ada", "Ada's secret")
    page = await signed_in(stage, "ada")
    gate, held = asyncio.Event(), asyncio.Event()

    async def slow(route: Route) -> None:
        held.set()
        await gate.wait()
        await route.continue_()

    await page.route("**/widget/sessions", slow)
    await page.locator(".launcher").click()
    await held.wait()
    await page.evaluate("innkeeper('reset')")
    gate.set()
    await expect(page.locator(".start .pick").first).to_be_visible()
    await page.wait_for_timeout(500)
    await expect(bubbles(page, "me")).to_have_count(0)
    assert stage.api.identities[-1].get("identifier") is None


async def test_what_waits_to_be_sent_is_not_sent_in_another_customers_name(stage: Stage):
    page = await said(stage, "ada", "First")
    await page.context.set_offline(True)
    await ask(page, "Ada's secret")
    await expect(page.get_by_text("Waiting to be sent")).to_be_visible()
    await page.get_by_label("Your message").fill("Ada's draft")
    await page.evaluate(f"innkeeper('identify', {identity('mallory')})")
    await page.context.set_offline(False)
    await expect(page.locator(".start .pick").first).to_be_visible()
    await page.wait_for_timeout(500)
    assert [[one["text"] for one in chat.messages] for chat in stage.api.chats.values()] == [["First"]]
    await page.evaluate("innkeeper('reset')")
    await expect(page.get_by_label("Your message")).to_have_value("")


async def test_what_a_visitor_wrote_before_signing_in_is_sent(stage: Stage):
    page = await stage.open()
    await page.context.set_offline(True)
    await ask(page, "From a visitor")
    await page.evaluate(f"innkeeper('identify', {identity('ada')})")
    await page.context.set_offline(False)
    await expect(page.locator(".msg.me time")).to_be_visible(timeout=15000)
    assert [(chat.owner, [one["text"] for one in chat.messages]) for chat in stage.api.chats.values()] == [
        ("ada", ["From a visitor"])
    ]


async def test_a_token_that_the_host_page_renews_brings_the_chat_back(stage: Stage):
    page = await stage.visit()
    await page.evaluate("innkeeper('identify', {identifier: 'ada', identifier_hash: 'forged'})")
    await page.locator(".launcher").click()
    await expect(page.get_by_text("You could not be signed in")).to_be_visible()
    await page.evaluate(f"innkeeper('identify', {identity('ada')})")
    await expect(page.get_by_text("You could not be signed in")).to_have_count(0)
    await expect(page.locator(".start .pick").first).to_be_visible()


async def test_a_host_that_never_gives_a_token_holds_up_no_other_tab(stage: Stage):
    context = await stage.browser.new_context(viewport={"width": 1180, "height": 860})
    stage.contexts.append(context)
    await context.clock.install()
    page = await stage.visit(context)
    await page.evaluate("innkeeper('identify', () => new Promise(() => {})), innkeeper('open')")
    await asyncio.sleep(0.5)
    await context.clock.fast_forward(31_000)
    await expect(page.get_by_text("You could not be signed in")).to_be_visible()
