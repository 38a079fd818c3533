"""The chat widget's event stream: answers that come sentence by sentence, break off, or go on after a lost connection."""

import asyncio

import pytest
from playwright.async_api import Page, Route, expect

from tests.integration.web.stage import HAS_BROWSER, Stage, ask, bubbles, hear

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not HAS_BROWSER, reason="no browser"),
]

HEAR = """() => { const log = document.querySelector('innkeeper-chat').shadowRoot.querySelector('[role=log]');
window.readOut = []; new MutationObserver(records => records.forEach(({addedNodes}) => addedNodes.forEach(node => {
  if (node.closest('[aria-live]').ariaLive === 'polite') readOut.push(node.querySelector('.bubble').textContent); })))
  .observe(log, {childList: true}); }"""
"""What a screen reader is told of the log, which reads out additions."""


async def asked(stage: Stage, text: str = "May I bring a dog?") -> Page:
    page = await stage.open()
    await ask(page, text)
    await expect(page.locator(".msg.me time")).to_be_visible()
    return page


def sentence(stage: Stage, message_id: str, seq: int, text: str) -> None:
    stage.api.chat.publish("message.delta", {"id": message_id, "seq": seq, "tree": [["p", text]]})


async def test_sentences_come_one_after_the_other_and_are_read_out_once(stage: Stage):
    page = await asked(stage)
    await page.evaluate(HEAR)
    chat, growing = stage.api.chat, page.locator("[aria-busy=true]")
    message = chat.add("assistant", "One. Two. Three.", feedback=None)
    told = ""
    for seq, text in enumerate(("One.", "Two.", "Three.")):
        sentence(stage, message["id"], seq, text)
        told = f"{told} {text}".strip()
        await expect(growing).to_have_text(told)
        assert await growing.evaluate("node => !node.closest('[aria-live],[role=log],[role=status]')")
        await asyncio.sleep(0.2)
    chat.publish("message.completed", message)
    await expect(bubbles(page)).to_have_text(["One. Two. Three."])
    await expect(growing).to_have_count(0)
    assert await page.evaluate("readOut") == ["One. Two. Three."]


async def test_a_lost_connection_between_two_sentences_is_gone_on_with_at_the_next(stage: Stage):
    page = await asked(stage)
    chat, growing = stage.api.chat, page.locator("[aria-busy=true]")
    message = chat.add("assistant", "One. Two. Three.", feedback=None)
    sentence(stage, message["id"], 0, "One.")
    await expect(growing).to_have_text("One.")
    stage.api.drop_streams()
    sentence(stage, message["id"], 1, "Two.")
    await expect(growing).to_have_text("One. Two.")
    sentence(stage, message["id"], 2, "Three.")
    await expect(growing).to_have_text("One. Two. Three.")
    chat.publish("message.completed", message)
    await expect(bubbles(page)).to_have_text(["One. Two. Three."])


@pytest.mark.parametrize("ending", ["other answer", "other beginning", "idle", "person", "system", "closed", "error"])
async def test_an_answer_that_breaks_off_is_taken_away(stage: Stage, ending: str):
    page = await asked(stage)
    chat, growing = stage.api.chat, page.locator("[aria-busy=true]")
    sentence(stage, "lost", 0, "It costs")
    await expect(growing).to_have_text("It costs")
    if ending == "other answer":
        chat.publish("message.completed", chat.add("assistant", "Welcome.", feedback=None))
        await expect(bubbles(page)).to_have_text(["Welcome."])
    elif ending == "other beginning":
        sentence(stage, "new", 0, "Dogs")
        await expect(growing).to_have_text(["Dogs"])
        chat.publish("progress", {"stage": "idle"})
    elif ending == "idle":
        chat.publish("progress", {"stage": "idle"})
    elif ending == "person":
        chat.become("handoff.requested", person="requested")
    elif ending == "system":
        chat.say("system", "The booking was changed.")
    elif ending == "closed":
        chat.become("conversation.closed", closed=True)
    else:
        chat.publish("error", {"code": "failed", "message": "x", "retryable": True})
    await expect(page.get_by_text("It costs")).to_have_count(0)
    await expect(growing).to_have_count(0)
    sentence(stage, "lost", 1, "twelve euros.")
    await page.wait_for_timeout(200)
    await expect(growing).to_have_count(0)


async def test_a_customers_own_message_takes_no_answer_away(stage: Stage):
    page = await asked(stage)
    sentence(stage, "a1", 0, "Dogs")
    await expect(page.locator("[aria-busy=true]")).to_have_text("Dogs")
    await ask(page, "And a cat?")
    await expect(page.locator(".msg.me time")).to_have_count(2)
    sentence(stage, "a1", 1, "are welcome.")
    await expect(page.locator("[aria-busy=true]")).to_have_text("Dogs are welcome.")


async def test_a_history_that_fails_after_a_gap_is_asked_for_again(stage: Stage):
    page = await asked(stage)
    chat = stage.api.chat
    stage.api.fail("GET", "/messages$", 503)
    await page.context.set_offline(True)
    stage.api.drop_streams()
    chat.publish("message.completed", chat.add("assistant", "Missed.", feedback=None), keep=False)
    chat.kept_from = chat.events[-1][0] + 1
    await page.context.set_offline(False)
    await expect(bubbles(page)).to_have_text(["Missed."])


async def test_a_message_that_is_newer_than_the_history_stays_where_it_is(stage: Stage):
    page = await stage.open()
    await hear(page, "message")

    async def late(route: Route) -> None:
        if route.request.method == "GET":
            response = await route.fetch()
            await expect(page.locator(".msg.me time")).to_be_visible()
            await route.fulfill(response=response)
        else:
            await asyncio.sleep(0.5)
            await route.continue_()

    await page.route("**/messages", late)
    await ask(page, "Hello?")
    await expect(page.locator(".msg.me time")).to_have_count(1)
    await page.wait_for_timeout(700)
    await expect(bubbles(page, "me")).to_have_text(["Hello?"])
    assert await page.evaluate("heard") == []


async def test_any_character_can_stand_in_an_event(stage: Stage):
    page = await asked(stage)
    stage.api.chat.say("person", "Line\u2028separator \u2029and \x85 all \ufeffthat", name="Mia")
    await expect(bubbles(page, "hu")).to_contain_text("separator")


async def test_a_refusal_of_a_session_that_was_renewed_meanwhile_stops_nothing(stage: Stage):
    page = await asked(stage)
    renewed = asyncio.Event()

    async def late(route: Route) -> None:
        await renewed.wait()
        await route.continue_()

    await page.route("**/messages", late)
    stage.api.sessions.clear()
    await ask(page, "Still there?")
    stage.api.drop_streams()  # which finds out first that the session is over
    async with asyncio.timeout(120):
        while len(stage.api.identities) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    renewed.set()
    await expect(page.locator(".msg.me time")).to_have_count(2)
    newest = list(stage.api.chats.values())[-1]
    assert [one["text"] for one in newest.messages] == ["Still there?"]
    await expect(page.get_by_text("The chat is not available here.")).to_have_count(0)


async def test_a_conversation_that_another_tab_has_replaced_is_not_replaced_once_more(stage: Stage):
    one = await asked(stage, "First")
    two = await stage.visit(one.context)
    await two.locator(".launcher").click()
    await expect(bubbles(two, "me")).to_have_text(["First"])
    old = stage.api.chat
    old.owner = "gone"

    async def late(route: Route) -> None:
        response = await route.fetch()
        await asyncio.sleep(1.5)
        await route.fulfill(response=response)

    await two.route(f"**/{old.id}/messages", late)
    await ask(two, "From two")
    await asyncio.sleep(0.2)
    await ask(one, "From one")
    await expect(one.locator(".msg.me", has_text="From one").locator("time")).to_be_visible(timeout=60000)
    await expect(two.locator(".msg.me", has_text="From two").locator("time")).to_be_visible(timeout=60000)
    await two.wait_for_timeout(2000)  # by now the late refusal is there
    await ask(two, "From two again")
    await expect(two.locator(".msg.me", has_text="From two again").locator("time")).to_be_visible(timeout=60000)
    assert len(stage.api.chats) == 2
    new = list(stage.api.chats.values())[-1]
    assert sorted(message["text"] for message in new.messages) == ["From one", "From two", "From two again"]


async def test_a_conversation_that_is_refused_again_and_again_is_not_hammered(stage: Stage):
    page = await stage.open()
    stage.api.fail("POST", "/messages$", 404, code="conversation_missing", times=10_000)
    await ask(page, "Hello?")
    await page.wait_for_timeout(2500)
    assert len(stage.api.chats) <= 6
    stage.api.faults[0].times = 0
    await expect(page.locator(".msg.me time")).to_be_visible(timeout=120000)
    assert [one["text"] for chat in stage.api.chats.values() for one in chat.messages] == ["Hello?"]
