"""Hostile text in every field of the chat's protocol, in a real browser: shown as text, never run, never followed."""

import json
from typing import Any

import pytest
from playwright.async_api import expect

from tests.integration.web.stage import HAS_BROWSER, Stage, ask, bubbles, hear, strings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not HAS_BROWSER, reason="no browser"),
]

SCRIPT = "<img src=http://192.0.2.1/x onerror=hacked()><script>hacked()</script>\"'>{{hacked()}}"
URLS = [
    "javascript:hacked()",
    " javascript:hacked()",
    "JaVaScRiPt:hacked()",
    "data:text/html,<script>hacked()</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example",
    "blob:x",
    "",
    7,
    {"a": 1},
]
TREE: list[Any] = [
    SCRIPT,
    ["script", "hacked()"],
    ["img", SCRIPT],
    ["a", ["p", "inside"]],
    ["iframe", "x"],
    ["style", "*{display:none}"],
    ["p", {"onclick": "hacked()"}, None, 7, ["__proto__", "x"], ["strong", SCRIPT]],
    ["svg", ["script", "hacked()"]],
    "plain",
]


def deep(levels: int) -> list[Any]:
    tree: list[Any] = ["bottom"]
    for _ in range(levels):
        tree = [["p", *tree]]
    return tree


async def test_every_text_of_the_protocol_is_no_more_than_text(stage: Stage):
    stage.api.site |= {
        "name": SCRIPT,
        "greeting": SCRIPT,
        "disclosure": SCRIPT,
        "suggestions": [SCRIPT],
        "privacy_url": "javascript:hacked()",
    }
    stage.api.site["person"]["note"] = SCRIPT
    page = await stage.visit()
    await page.evaluate("window.ran = 0; window.hacked = () => ran++; null")
    await stage.open(page)
    await expect(page.get_by_role("heading", name="hacked()").first).to_be_visible()
    await expect(page.locator(".links a")).to_have_count(0)
    await page.locator(".start .pick").click()
    await expect(bubbles(page, "me")).to_have_text(SCRIPT)
    await expect(page.locator(".msg.me time")).to_be_visible()
    chat = stage.api.chat
    hostile = {"name": SCRIPT, "lang": SCRIPT, "at": SCRIPT, "client_id": SCRIPT}
    cites = [{"n": n, "title": SCRIPT, "url": url, "quote": SCRIPT} for n, url in enumerate(URLS, 1)]
    quick = [{"label": SCRIPT, "value": SCRIPT}, {"label": None, "value": SCRIPT}]
    chat.publish("message.delta", {"id": "grows", "seq": 0, "tree": TREE})
    await expect(page.locator("[aria-busy=true]")).to_contain_text("plain")
    message = chat.add("assistant", SCRIPT, **hostile, citations=cites, quick_replies=quick) | {
        "id": "grows",
        "tree": [*TREE, *(f" [{n}]" for n in range(13))],
    }
    chat.publish("message.completed", message)
    await expect(page.locator(".quick button").first).to_have_text(SCRIPT)
    body = bubbles(page)
    await expect(body).to_contain_text(SCRIPT)
    for n in range(1, len(URLS) + 1):
        await body.locator(f"[data-n='{n}']").click()
        await expect(page.locator(".card blockquote")).to_have_text(SCRIPT)
        await expect(page.locator(".card a")).to_have_count(0)
    chat.publish("progress", {"stage": SCRIPT})
    chat.become("handoff.joined", person="joined", person_name=SCRIPT, note=SCRIPT)
    chat.say("person", SCRIPT, name=SCRIPT)
    chat.say("system", SCRIPT)
    chat.say("wizard", SCRIPT, tree=deep(300))
    chat.publish("error", {"code": SCRIPT, "message": SCRIPT, "retryable": True})
    await expect(page.locator(".foot .note").last).to_contain_text(SCRIPT)
    await expect(page.get_by_role("alert")).to_contain_text("Something went wrong")
    await expect(page.locator(".log .msg")).to_have_count(5)
    found = await page.evaluate(
        "() => { const root = document.querySelector('innkeeper-chat').shadowRoot;"
        " return [root.querySelectorAll('img,script,iframe,style,[onclick],[onerror],[style]').length, ran]; }"
    )
    assert found == [0, 0]


async def test_a_link_goes_only_where_a_customer_may_be_sent(stage: Stage):
    page = await stage.open()
    await ask(page, "Where?")
    await expect(page.locator(".msg.me time")).to_be_visible()
    urls = ["https://help.example/a?b=<c>", "http://help.example/", "mailto:desk@example.com", "tel:+4912345"]
    await stage.api.chat.answer(
        "Here.", citations=[{"n": n, "title": f"T{n}", "url": url, "quote": "q"} for n, url in enumerate(urls, 1)]
    )
    await expect(page.locator(".chip[data-n]")).to_have_count(4)
    shown = []
    for chip in await page.locator(".chip[data-n]").all():
        await chip.click()
        link = page.locator(".card a")
        shown.append(await link.get_attribute("href"))
        assert "noopener" in (await link.get_attribute("rel") or "")
    assert shown == ["https://help.example/a?b=%3Cc%3E", *urls[1:]]


async def test_malformed_messages_and_events_do_not_stop_the_chat(stage: Stage):
    page = await stage.open()
    await ask(page, "Hello")
    await expect(page.locator(".msg.me time")).to_be_visible()
    chat = stage.api.chat
    for name, data in (
        ("message.delta", {}),
        ("message.created", {"id": "x1", "role": "assistant"}),
        (
            "message.completed",
            {"id": "x2", "role": "assistant", "text": None, "tree": "not a tree", "citations": "none", "quick_replies": None},
        ),
        ("message.delta", {"id": "x3", "seq": 0, "tree": {"no": "tree"}}),
        ("message.delta", {}),
        ("progress", {}),
        ("handoff.requested", {}),
        ("message.feedback", {"id": "unknown", "value": "up"}),
    ):
        chat.publish(name, data)
    await chat.answer("Still here.")
    await expect(bubbles(page).last).to_have_text("Still here.")


async def test_another_origin_gets_nothing(stage: Stage):
    stage.api.origins = ("https://else.example",)
    page = await stage.visit()
    await page.locator(".launcher").click()
    await expect(page.locator(".foot .note")).to_be_visible()
    assert stage.api.sessions == {}
    stage.complaints.clear()  # the browser complains that the answer isn't for this page


async def test_the_page_may_read_no_word_of_it_in_an_event(stage: Stage):
    page = await stage.visit()
    await hear(page, "ready", "open", "close", "message", "handoff")
    await stage.open(page)
    await ask(page, "My secret")
    await expect(page.locator(".msg.me time")).to_be_visible()
    await stage.api.chat.answer("Your secret")
    await expect(bubbles(page)).to_be_visible()
    assert "secret" not in json.dumps(list(strings(await page.evaluate("heard"))))
