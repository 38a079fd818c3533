"""The chat widget when things fail: reloads, tabs, lost connections, refusals. Nothing is lost, nothing shown twice."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.integration.web.stage import HAS_BROWSER, Stage, ask, bubbles, until
from tests.widget_server import running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not HAS_BROWSER, reason="no browser"),
]


async def talk(stage: Stage, question: str = "May I bring a dog?") -> Page:
    """A page with one question that is answered."""
    page = await stage.open()
    await ask(page, question)
    await expect(page.locator(".msg.me time")).to_be_visible()
    await stage.api.chat.answer("Dogs are welcome.")
    await expect(bubbles(page)).to_have_text(["Dogs are welcome."])
    return page


async def test_a_reload_goes_on_where_it_was_without_taking_the_focus(stage: Stage):
    page = await talk(stage)
    await page.get_by_label("Your message").fill("half a senten")
    await page.reload()
    await expect(bubbles(page)).to_have_text(["Dogs are welcome."])
    await expect(bubbles(page, "me")).to_have_text(["May I bring a dog?"])
    await expect(page.get_by_label("Your message")).to_have_value("half a senten")
    assert await page.evaluate("document.activeElement === document.body")
    await until(lambda: stage.api.streams == 1)
    await stage.api.chat.answer("They cost €12.")
    await expect(bubbles(page)).to_have_text(["Dogs are welcome.", "They cost €12."])
    assert len(stage.api.identities) == 1


async def test_every_tab_shows_the_same_conversation(stage: Stage):
    one = await talk(stage)
    two = await stage.visit(one.context)
    await expect(two.locator(".panel")).to_be_hidden()
    await two.locator(".launcher").click()
    await expect(bubbles(two)).to_have_text(["Dogs are welcome."])
    await ask(two, "And a cat?")
    await expect(bubbles(one, "me")).to_have_text(["May I bring a dog?", "And a cat?"])
    await stage.api.chat.answer("Cats, too.")
    for page in (one, two):
        await expect(bubbles(page)).to_have_text(["Dogs are welcome.", "Cats, too."])
    await two.get_by_role("button", name="Helpful", exact=True).last.click()
    await expect(one.get_by_role("button", name="Helpful", exact=True).last).to_have_attribute("aria-pressed", "true")
    await one.evaluate("innkeeper('reset')")
    await expect(bubbles(two)).to_have_count(0)
    assert len(stage.api.chats) == 1


async def test_two_tabs_that_begin_at_once_share_one_session_and_one_conversation(stage: Stage):
    one = await stage.visit()
    two = await stage.visit(one.context)
    await asyncio.gather(*(page.evaluate("innkeeper('open')") for page in (one, two)))
    await asyncio.gather(*(ask(page, f"From {name}") for page, name in ((one, "one"), (two, "two"))))
    for page in (one, two):
        await expect(page.locator(".msg.me time")).to_have_count(2)
    assert len(stage.api.identities) == len(stage.api.chats) == 1
    assert sorted(one["text"] for one in stage.api.chat.messages) == ["From one", "From two"]


async def test_what_was_said_while_the_stream_was_lost_stands_before_what_was_written_after_it(stage: Stage):
    page = await talk(stage)
    stage.api.fail("GET", "events", 503, times=2)
    stage.api.drop_streams()
    await stage.api.chat.answer("They cost €12.")
    await ask(page, "And a cat?")
    await expect(page.locator(".msg.me time")).to_have_count(2)
    await expect(page.locator(".log .msg .bubble")).to_have_text(
        ["May I bring a dog?", "Dogs are welcome.", "They cost €12.", "And a cat?"]
    )


async def test_what_is_written_offline_waits_and_is_sent_in_order(stage: Stage):
    page = await talk(stage)
    await page.context.set_offline(True)
    for text in ("First", "Second", "Third"):
        await ask(page, text)
    await expect(page.get_by_text("You are offline.")).to_be_visible()
    await expect(page.get_by_text("Waiting to be sent")).to_have_count(3)
    await page.context.set_offline(False)
    await expect(page.locator(".msg.me time")).to_have_count(4)
    await expect(page.get_by_text("You are offline.")).to_have_count(0)
    assert [one["text"] for one in stage.api.chat.messages if one["role"] == "customer"][1:] == ["First", "Second", "Third"]


async def test_what_waits_outlives_a_reload_and_is_sent_once(stage: Stage):
    page = await talk(stage)
    stage.api.fail("POST", "/messages$", 502, times=1000, after=False)
    stage.api.fail("POST", "/messages$", 502, after=True)
    await ask(page, "First")
    await ask(page, "Second")
    await expect(page.get_by_text("Waiting to be sent")).to_have_count(2)
    await page.reload()
    await expect(page.locator(".msg.wait .bubble")).to_have_text(["First", "Second"])
    stage.api.faults[0].times = 0  # the next answer is lost after the work is done, then all is well
    await expect(page.locator(".msg.me time")).to_have_count(3)
    await expect(bubbles(page, "me")).to_have_text(["May I bring a dog?", "First", "Second"])
    assert [one["text"] for one in stage.api.chat.messages if one["role"] == "customer"][1:] == ["First", "Second"]


async def test_a_server_that_goes_away_in_the_middle_of_an_answer(stage: Stage):
    page = await talk(stage)
    chat = stage.api.chat
    message = chat.add("assistant", "One. Two.", feedback=None)
    chat.publish("progress", {"stage": "writing"})
    chat.publish("message.delta", {"id": message["id"], "seq": 0, "tree": ["One."]})
    await expect(page.locator("[aria-busy=true]")).to_have_text("One.")
    await stage.stop_api()
    last = chat.events[-1][0]
    chat.publish("message.delta", {"id": message["id"], "seq": 1, "tree": ["Two."]})
    chat.publish("message.completed", message)
    await expect(page.get_by_text("The connection is lost.")).to_be_visible(timeout=60000)
    async with running(stage.api.app(), stage.port):
        await expect(bubbles(page)).to_have_text(["Dogs are welcome.", "One. Two."])
        await expect(page.get_by_text("The connection is lost.")).to_have_count(0)
        await expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert stage.api.resumed_from[-1] == f"1767225600000-{last}"
        stage.api.drop_streams()


async def test_what_is_told_twice_is_shown_once_and_what_is_missed_comes_with_the_whole(stage: Stage):
    page = await talk(stage)
    chat = stage.api.chat
    message = chat.add("assistant", "A. B. C.", feedback=None)
    for seq, text in ((0, "A."), (0, "A."), (2, "C."), (1, "B."), (1, "B.")):
        chat.publish("message.delta", {"id": message["id"], "seq": seq, "tree": [["p", text]]})
    await expect(page.locator("[aria-busy=true]")).to_have_text("A. B.")
    for _ in range(2):
        chat.publish("message.completed", message)
    chat.publish("message.delta", {"id": message["id"], "seq": 0, "tree": ["A."]})
    await expect(bubbles(page)).to_have_text(["Dogs are welcome.", "A. B. C."])
    await expect(page.locator("[aria-busy=true]")).to_have_count(0)
    chat.publish("progress", {"stage": "nonsense"})
    chat.publish("something.new", {"x": 1})
    await chat.answer("Still here.")
    await expect(bubbles(page)).to_have_text(["Dogs are welcome.", "A. B. C.", "Still here."])


async def test_events_that_are_no_longer_kept_are_made_up_for_by_the_history(stage: Stage):
    page = await talk(stage)
    chat = stage.api.chat
    await page.context.set_offline(True)
    stage.api.drop_streams()
    message = chat.add("assistant", "Missed.", feedback=None)
    chat.publish("message.completed", message, keep=False)
    chat.kept_from = chat.events[-1][0] + 1
    await page.context.set_offline(False)
    await expect(bubbles(page)).to_have_text(["Dogs are welcome.", "Missed."])


async def test_a_hidden_tab_lets_go_of_its_stream_and_catches_up(stage: Stage):
    page = await talk(stage)
    await until(lambda: stage.api.streams == 1)
    hide = """state => { Object.defineProperty(document, 'hidden', {value: state, configurable: true});
    document.dispatchEvent(new Event('visibilitychange')); }"""
    await page.evaluate("() => dispatchEvent(new Event('pagehide'))")
    await until(lambda: stage.api.streams == 0)
    await stage.api.chat.answer("Meanwhile.")
    await page.evaluate(hide, False)
    await expect(bubbles(page)).to_have_text(["Dogs are welcome.", "Meanwhile."])
    await page.evaluate(hide, True)
    await asyncio.sleep(0.3)
    assert stage.api.streams == 1  # a glance at another tab costs nothing


async def test_a_session_that_has_ended_is_followed_by_another_and_the_customer_is_told(stage: Stage):
    page = await talk(stage)
    stage.api.sessions.clear()
    await ask(page, "Still there?")
    await expect(page.locator(".msg.me time")).to_have_count(2)
    await expect(page.get_by_text("A new one begins here.")).to_be_visible()
    await expect(bubbles(page, "me")).to_have_text(["May I bring a dog?", "Still there?"])
    old, new = stage.api.chats.values()
    assert [one["text"] for one in new.messages] == ["Still there?"]
    assert len(stage.api.identities) == 2
    await new.answer("Yes.")
    await expect(bubbles(page)).to_have_text(["Dogs are welcome.", "Yes."])
    assert old.messages[-1]["text"] == "Dogs are welcome."


async def test_a_visitor_whose_session_has_ended_is_given_a_new_one_only_when_the_panel_is_opened(stage: Stage):
    page = await talk(stage)
    await page.keyboard.press("Escape")
    stage.api.sessions.clear()
    await page.reload()
    await until(lambda: stage.api.asked[-1].startswith("GET /widget/conv"))
    await page.wait_for_timeout(300)
    assert len(stage.api.identities) == 1
    await stage.open(page)
    await expect(page.get_by_role("heading", name="Hello!")).to_be_visible()
    assert len(stage.api.identities) == 2


async def test_a_conversation_that_is_gone_is_followed_by_another(stage: Stage):
    page = await talk(stage)
    stage.api.chats.clear()
    stage.api.drop_streams()
    await ask(page, "Hello again")
    await expect(page.locator(".msg.me time")).to_have_count(2)
    assert [one["text"] for one in stage.api.chat.messages] == ["Hello again"]


async def test_a_site_that_refuses_is_not_asked_again_until_the_customer_says_so(stage: Stage):
    stage.api.fail("POST", "/widget/sessions", 403, times=1)
    page = await stage.visit()
    await page.locator(".launcher").click()
    await expect(page.get_by_text("The chat is not available here.")).to_be_visible()
    await page.wait_for_timeout(1500)
    assert stage.api.asked.count("POST /widget/sessions") == 1
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".start .pick").first).to_be_visible()
    await expect(page.get_by_text("The chat is not available here.")).to_have_count(0)


async def test_too_many_messages_wait_as_long_as_the_server_says(stage: Stage):
    page = await talk(stage)
    stage.api.fail("POST", "/messages$", 429, headers={"retry-after": "2"})
    await ask(page, "Quick")
    await expect(page.get_by_text("Trying again in 2 seconds.")).to_be_visible()
    await ask(page, "Quicker")
    await page.wait_for_timeout(700)
    assert stage.api.asked.count(f"POST /widget/conversations/{stage.api.chat.id}/messages") == 2
    await expect(page.locator(".msg.me time")).to_have_count(3)
    await expect(page.get_by_text("Trying again in")).to_have_count(0)


async def test_a_message_that_is_refused_can_be_edited_and_the_next_one_is_sent(stage: Stage):
    page = await talk(stage)
    stage.api.fail("POST", "/messages$", 422, code="payload_invalid")
    await ask(page, "A long story")
    await expect(page.locator(".by", has_text="Not sent: this message is too long.")).to_be_visible()
    await page.get_by_role("button", name="Edit").click()
    await expect(page.get_by_label("Your message")).to_have_value("A long story")
    await ask(page, "A short one")
    await expect(page.locator(".msg.me time")).to_have_count(2)
    await expect(page.get_by_text("Not sent")).to_have_count(0)


@pytest.mark.parametrize("locks", ["undefined", "{request: () => Promise.reject(new DOMException('no', 'SecurityError'))}"])
async def test_a_browser_that_keeps_nothing_still_talks(stage: Stage, locks: str):
    context = await stage.browser.new_context()
    stage.contexts.append(context)
    await context.add_init_script(
        """for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, {
            get() { throw new DOMException('no', 'SecurityError'); }});"""
        f"Object.defineProperty(navigator, 'locks', {{value: {locks}}})"
    )
    page = await stage.open(await stage.visit(context))
    await ask(page, "Hello?")
    await expect(page.locator(".msg.me time")).to_be_visible()
    await stage.api.chat.answer("Yes.")
    await expect(bubbles(page)).to_have_text(["Yes."])
