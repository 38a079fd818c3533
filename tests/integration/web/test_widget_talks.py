"""The chat widget in a real browser, under a strict CSP: what a customer asks, sees and does."""

import json
import re

import pytest
from playwright.async_api import Page, expect

from tests.integration.web.stage import HAS_BROWSER, Stage, ask, bubbles, hear, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not HAS_BROWSER, reason="no browser"),
]

CITES = [
    {
        "n": 1,
        "title": "Cancelling a booking",
        "url": "https://help.harbour.example/cancel",
        "quote": "50% of the nightly rate back.",
    },
    {"n": 2, "title": "When refunds arrive", "url": None, "quote": "Refunds take 5 to 7 working days."},
]
ANSWER = ("You get **50%** of the nightly rate back. [1]", "Refunds take 5 to 7 working days. [2]")


async def asked(stage: Stage, text: str = "How much do I get back?", **options: object) -> Page:
    page = await stage.open(**options)
    await ask(page, text)
    await expect(page.locator(".msg.me time")).to_be_visible()
    return page


async def heard(page: Page) -> list[tuple[str, str | None]]:
    """The events so far, each with whom it is about."""
    return [(name, about and (about.get("role") or about.get("person"))) for name, about in await page.evaluate("heard")]


async def test_nothing_is_asked_of_the_server_before_the_customer_opens_it(stage: Stage):
    page = await stage.visit()
    await page.wait_for_timeout(200)
    assert stage.api.asked == ["GET /widget.js"]
    await stage.open(page)
    assert stage.api.asked[1:] == ["POST /widget/sessions"]
    await expect(page.get_by_role("dialog", name="Harbour Stays")).to_contain_text("chatting with an AI assistant")
    assert await page.get_by_role("link", name="Privacy").get_attribute("href") == "https://harbour.example/privacy"


async def test_a_question_is_answered_with_its_stages_its_sentences_and_its_sources(stage: Stage):
    page = await stage.visit()
    await hear(page, "open", "close", "message", "handoff")
    await stage.open(page)
    await page.get_by_role("button", name="How much do I get back").click()
    await expect(bubbles(page, "me")).to_have_text("How much do I get back if I cancel?")
    await expect(page.locator(".msg.me time")).to_be_visible()
    chat = stage.api.chat
    for stage_name, words in (("searching", "Searching the help centre"), ("checking", "Checking the answer")):
        chat.publish("progress", {"stage": stage_name})
        await expect(page.locator(".work")).to_have_text(words)
    message = chat.add("assistant", " ".join(ANSWER), citations=CITES, feedback=None)
    chat.publish(
        "message.delta",
        {"id": message["id"], "seq": 0, "tree": ["You get ", ["strong", "50%"], " of the nightly rate back. [1]"]},
    )
    growing = page.locator(".bubble[aria-busy=true]")
    await expect(growing).to_have_text("You get 50% of the nightly rate back. 1")
    assert await growing.evaluate("node => !node.closest('[role=log],[aria-live]')")
    chat.publish("message.completed", message)
    await expect(growing).to_have_count(0)
    log = page.get_by_role("log")
    await expect(log.locator(".msg.ai .bubble")).to_have_text(
        "You get 50% of the nightly rate back. 1 Refunds take 5 to 7 working days. 2"
    )
    await expect(log.locator(".msg.ai strong")).to_have_text("50%")
    await expect(log.locator(".msg.ai .by")).to_contain_text("AI assistant")
    await expect(page.locator(".work")).to_be_hidden()
    assert await heard(page) == [("open", None), ("message", "assistant")]


async def test_a_source_opens_with_its_quote_and_closes_where_it_was_opened(stage: Stage):
    page = await asked(stage)
    await stage.api.chat.answer(*ANSWER, citations=CITES)
    opener = page.locator(".bubble").get_by_role("button", name="Source 1: Cancelling a booking")
    await opener.click()
    card = page.locator(".card")
    await expect(card).to_contain_text("50% of the nightly rate back.")
    await expect(opener).to_have_attribute("aria-expanded", "true")
    link = card.get_by_role("link", name="Open the article")
    assert [await link.get_attribute(name) for name in ("href", "target", "rel")] == [
        CITES[0]["url"],
        "_blank",
        "noopener noreferrer nofollow",
    ]
    await page.locator(".picks").get_by_role("button", name="Source 2").click()
    await expect(card).to_have_count(1)
    await expect(card).to_contain_text("working days")
    await expect(card.get_by_role("link")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(card).to_have_count(0)
    await expect(page.locator(".picks").get_by_role("button", name="Source 2")).to_be_focused()


async def test_a_quick_reply_is_the_next_question(stage: Stage):
    page = await asked(stage)
    await stage.api.chat.answer(
        "Which booking?", quick_replies=[{"label": "The first", "value": "booking 1"}, {"label": None, "value": "__handoff__"}]
    )
    replies = page.get_by_role("group", name="Suggested replies")
    await expect(replies.get_by_role("button")).to_have_text(["The first", "Talk to a person"])
    await replies.get_by_role("button", name="The first").click()
    await expect(bubbles(page, "me").last).to_have_text("booking 1")
    await expect(replies).to_be_hidden()
    await stage.api.chat.answer("Thank you.", quick_replies=[{"label": None, "value": "__handoff__"}])
    await replies.get_by_role("button", name="Talk to a person").click()
    await page.get_by_role("button", name="Ask for a person").click()
    await expect(page.get_by_text("A person has been asked for")).to_be_visible()
    assert [one["text"] for one in stage.api.chat.messages if one["role"] == "customer"] == [
        "How much do I get back?",
        "booking 1",
    ]


async def test_thumbs_with_reasons_can_be_changed(stage: Stage):
    page = await asked(stage)
    message = await stage.api.chat.answer("No dogs.")
    up, down = page.get_by_role("button", name="Helpful", exact=True), page.get_by_role("button", name="Not helpful")
    await down.click()
    await expect(down).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="It's wrong").click()
    await expect(page.get_by_role("button", name="It's wrong")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_text("Thank you for telling us.")).to_be_attached()
    await up.click()
    await expect(up).to_have_attribute("aria-pressed", "true")
    await expect(down).to_have_attribute("aria-pressed", "false")
    await expect(page.get_by_text("What was wrong with it?")).to_be_hidden()
    await until(lambda: len(stage.api.ratings) == 3)
    assert stage.api.ratings == [
        {"value": "down", "reason": None, "message": message},
        {"value": "down", "reason": "wrong", "message": message},
        {"value": "up", "reason": None, "message": message},
    ]
    stage.api.fail("POST", "feedback", 500)
    await down.click()
    await expect(page.get_by_role("alert")).to_contain_text("Something went wrong")
    await expect(up).to_have_attribute("aria-pressed", "true")


async def test_a_person_takes_over_after_an_address_that_can_be_one(stage: Stage):
    page = await asked(stage)
    await hear(page, "open", "close", "message", "handoff")
    await page.get_by_role("button", name="Talk to a person").click()
    await expect(page.get_by_text("usually within 10 minutes")).to_be_visible()
    email = page.get_by_label("E-mail (optional)")
    await email.fill("mia@nowhere")
    await page.keyboard.press("Enter")
    await expect(email).to_have_attribute("aria-invalid", "true")
    await expect(email).to_be_focused()
    assert stage.api.chat.handoffs == []
    await email.fill("mia@example.com")
    await page.keyboard.press("Enter")
    strip = page.locator(".foot .note")
    await expect(strip).to_contain_text("A person has been asked for")
    await expect(strip).to_contain_text("usually within 10 minutes")
    await expect(page.get_by_role("button", name="Talk to a person")).to_be_hidden()
    assert [one["email"] for one in stage.api.chat.handoffs] == ["mia@example.com"]
    stage.api.chat.become("handoff.joined", person="joined", person_name="Mia", note=None)
    stage.api.chat.say("person", "Hello, Mia here.", name="Mia")
    await expect(strip).to_have_text("Mia has joined the conversation")
    await expect(page.locator(".msg.hu .by")).to_contain_text(re.compile("Mia.*Person"))
    await expect(page.locator("header")).to_contain_text("Mia · Person")
    assert await heard(page) == [("handoff", "requested"), ("handoff", "joined"), ("message", "person")]
    stage.api.chat.become("handoff.ended", person=None, person_name=None)
    await expect(strip).to_have_count(0)
    await expect(page.locator("header")).to_contain_text("AI assistant")


async def test_a_person_can_be_asked_for_before_anything_is_written(stage: Stage):
    page = await stage.open()
    await page.get_by_role("button", name="Talk to a person").click()
    await page.get_by_role("button", name="Ask for a person").click()
    await expect(page.locator(".foot .note")).to_contain_text("A person has been asked for")
    assert [set(one) for one in stage.api.chat.handoffs] == [{"key"}]


async def test_a_hand_off_that_fails_is_told_and_asked_for_again_with_the_same_key(stage: Stage):
    page = await asked(stage)
    stage.api.fail("POST", "handoff", 502, after=True)
    await page.get_by_role("button", name="Talk to a person").click()
    await page.get_by_role("button", name="Ask for a person").click()
    await expect(page.get_by_role("alert")).to_contain_text("Something went wrong")
    await expect(page.locator(".foot .note").last).to_contain_text("A person has been asked for")  # by the event


async def test_a_closed_conversation_is_followed_by_another(stage: Stage):
    page = await asked(stage, "First")
    stage.api.chat.become("conversation.closed", closed=True)
    await expect(page.get_by_text("This conversation has ended.")).to_be_visible()
    await expect(page.get_by_label("Your message")).to_be_hidden()
    await page.get_by_role("button", name="Start a new conversation").click()
    await expect(bubbles(page, "me")).to_have_count(0)
    await ask(page, "Second")
    await expect(page.locator(".msg.me time")).to_be_visible()
    assert [[one["text"] for one in chat.messages] for chat in stage.api.chats.values()] == [["First"], ["Second"]]


async def test_what_comes_while_it_is_closed_is_counted_until_it_is_looked_at(stage: Stage):
    page = await asked(stage)
    await page.keyboard.press("Escape")
    await stage.api.chat.answer("One.")
    await stage.api.chat.answer("Two.")
    launcher = page.locator(".launcher")
    await expect(launcher).to_have_attribute("aria-label", "Open chat. Unread messages: 2")
    await expect(page.locator(".badge")).to_have_text("2")
    await page.reload()
    await expect(page.locator(".badge")).to_have_text("2")
    await launcher.click()
    await expect(launcher).to_have_attribute("aria-label", "Close")
    await launcher.click()
    await expect(launcher).to_have_attribute("aria-label", "Open chat")


async def test_the_page_is_read_from_the_beginning_of_a_long_answer(stage: Stage):
    page = await asked(stage)
    await stage.api.chat.answer(
        *[f"Sentence {n} of a long answer that fills more than the panel can show at once, word after word." for n in range(40)]
    )
    await expect(bubbles(page)).to_contain_text("Sentence 39")
    at = await page.evaluate(
        "() => { const root = document.querySelector('innkeeper-chat').shadowRoot, top = (css) =>"
        " root.querySelector(css).getBoundingClientRect().top; return top('.msg.ai') - top('.scroll'); }"
    )
    assert 0 <= at < 40
    await expect(page.get_by_role("button", name="New messages")).to_be_hidden()
    await stage.api.chat.answer("Another one.")
    await page.get_by_role("button", name="New messages").click()
    await expect(bubbles(page).last).to_be_in_viewport()
    await expect(page.get_by_role("button", name="New messages")).to_be_hidden()


async def test_the_strip_of_a_hand_off_hides_nothing_of_the_last_words(stage: Stage):
    page = await asked(stage)
    long = [f"Sentence {n} of an answer that fills the panel, word after word after word." for n in range(20)]
    await stage.api.chat.answer(*long)
    await expect(bubbles(page)).to_contain_text("Sentence 19")
    await ask(page, "I'd like to talk to a person")
    await stage.api.chat.answer("I'm passing this to a colleague.")
    stage.api.chat.become("handoff.requested", person="requested", note="Your request has been passed on to the team. " * 4)
    await expect(page.get_by_text("Your request has been passed on")).to_be_visible()
    await expect(bubbles(page).last).to_contain_text("passing this to a colleague")
    room = await page.evaluate(  # once the strip has its height
        "async () => { const root = document.querySelector('innkeeper-chat').shadowRoot, end = (css) =>"
        " [...root.querySelectorAll(css)].at(-1).getBoundingClientRect().bottom;"
        " await Promise.all(root.getAnimations().filter((a) => !a.effect.target.closest('.dots')).map((a) => a.finished));"
        " for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);"
        " return end('.scroll') - end('.msg.ai .bubble'); }"
    )
    assert room >= 0


EARLY = json.dumps({"identifier": "user-42", "identifier_hash": "hash of user-42", "name": "Ada"})


@pytest.mark.parametrize(
    "stage",
    [{"embed": '<script src="{api}/stub.js"></script><script src="{api}/widget.js" data-site="shop" async></script>'}],
    indirect=True,
)
async def test_commands_from_before_the_widget_was_there_are_carried_out(stage: Stage):
    context = await stage.browser.new_context(viewport={"width": 1180, "height": 860})
    stage.contexts.append(context)
    stub = "window.innkeeper=window.innkeeper||function(){(innkeeper.q=innkeeper.q||[]).push(arguments)};"
    stub += f"innkeeper('identify', {EARLY}); innkeeper('open')"
    await context.route("**/stub.js", lambda route: route.fulfill(body=stub, content_type="text/javascript"))
    page = await stage.visit(context)
    await expect(page.get_by_role("dialog")).to_be_visible()
    await expect(page.locator(".start .pick").first).to_be_visible()
    assert [{key: one[key] for key in json.loads(EARLY)} for one in stage.api.identities] == [json.loads(EARLY)]
    await page.evaluate("innkeeper('close')")
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_a_signed_in_customer_finds_the_conversation_on_another_device_and_reset_forgets_it(stage: Stage):
    first, second = await stage.visit(), await stage.visit()
    for page in (first, second):
        await page.evaluate(f"innkeeper('identify', () => Promise.resolve({EARLY}))")
    await stage.open(first)
    await ask(first, "From my desk")
    await expect(first.locator(".msg.me time")).to_be_visible()
    await second.locator(".launcher").click()
    await expect(bubbles(second, "me")).to_have_text("From my desk")
    await second.evaluate("innkeeper('reset')")
    await expect(second.locator(".start .pick").first).to_be_visible()
    assert stage.api.identities[-1].get("identifier") is None
    await second.evaluate("innkeeper('identify', {identifier: 'user-42', identifier_hash: 'forged'})")
    await second.reload()
    await second.evaluate("innkeeper('reset'), innkeeper('identify', {identifier: 'user-42', identifier_hash: 'forged'})")
    await expect(second.get_by_text("You could not be signed in")).to_be_visible()


TWICE = (
    '<script src="{api}/widget.js" data-site="shop" async></script>' * 2
    + '<script src="{api}/widget.js?2" data-site="rooms" data-position="left"></script>'
)


@pytest.mark.parametrize("stage", [{"embed": TWICE}], indirect=True)
async def test_two_copies_of_the_script_on_one_page_do_not_clash(stage: Stage):
    page = await stage.visit()
    chats = page.locator("innkeeper-chat")
    await expect(chats).to_have_count(2)
    for site in ("shop", "rooms"):
        chat = page.locator(f"innkeeper-chat[site={site}]")
        await chat.locator(".launcher").click()
        await chat.get_by_label("Your message").fill(f"To {site}")
        await page.keyboard.press("Enter")
        await expect(chat.locator(".msg.me time")).to_be_visible()
        await expect(chat.locator(".msg.me .bubble")).to_have_text([f"To {site}"])
        await chat.locator("header button").click()
    assert {one["site"] for one in stage.api.identities} == {"shop", "rooms"}
    boxes = [await chat.locator(".launcher").bounding_box() for chat in await chats.all()]
    assert abs(boxes[0]["x"] - boxes[1]["x"]) > 900


ELEMENT = """<div><innkeeper-chat site="shop" src="{api}" locale="de" theme="dark"></innkeeper-chat></div>
<script src="{api}/widget.js"></script>"""


@pytest.mark.parametrize("stage", [{"embed": ELEMENT}], indirect=True)
async def test_the_element_alone_with_its_attributes(stage: Stage):
    page = await stage.visit()
    await page.get_by_role("button", name="Chat öffnen").click()
    await expect(page.get_by_label("Ihre Nachricht")).to_be_focused()
    await expect(page.locator(".start .pick").first).to_be_visible()
    assert stage.api.identities[0]["locale"] == "de"
    assert await page.locator(".panel").evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(22, 25, 29)"
    await page.get_by_label("Ihre Nachricht").fill("Hallo")
    await page.evaluate("innkeeper('locale', 'fr')")
    await expect(page.get_by_label("Votre message")).to_have_value("Hallo")
    await page.evaluate("document.querySelector('innkeeper-chat').remove()")
    await expect(page.locator(".panel")).to_have_count(0)


async def test_who_has_left_no_address_can_do_so_after_a_person_was_asked_for(stage: Stage):
    page = await asked(stage)
    stage.api.chat.become("handoff.requested", person="requested", note="Please leave your e-mail address.")
    strip = page.locator(".foot .note")
    await expect(strip).to_contain_text("Please leave your e-mail address.")
    await strip.get_by_role("button", name="Leave an e-mail address").click()
    email = page.get_by_label("Leave an e-mail address")
    await page.get_by_role("button", name="Send").click()
    await expect(email).to_have_attribute("aria-invalid", "true")
    assert stage.api.chat.handoffs == []
    await email.fill("mia@exam")
    stage.api.chat.become("handoff.requested", person="requested", note="Still nobody.")
    await expect(strip).to_contain_text("Still nobody.")
    await expect(email).to_have_value("mia@exam")  # news of the same state interrupts nobody
    await email.fill("mia@example.com")
    await page.keyboard.press("Enter")
    await expect(email).to_have_count(0)
    await expect(page.get_by_label("Your message")).to_be_focused()
    await expect(strip.get_by_role("button")).to_have_count(0)
    assert [one["email"] for one in stage.api.chat.handoffs] == ["mia@example.com"]


async def test_a_person_who_comes_while_the_form_is_open_takes_the_focus_to_the_conversation(stage: Stage):
    page = await asked(stage)
    await page.get_by_role("button", name="Talk to a person").click()
    await page.get_by_label("E-mail (optional)").focus()
    stage.api.chat.become("handoff.joined", person="joined", person_name="Mia", note=None)
    await expect(page.get_by_label("E-mail (optional)")).to_have_count(0)
    await expect(page.get_by_label("Your message")).to_be_focused()


async def test_nothing_of_a_text_that_is_too_long_is_lost_or_sent(stage: Stage):
    page = await stage.open()
    text = page.get_by_label("Your message")
    await text.fill("word " * 1000 + "end")
    await expect(page.get_by_text("5003/4000")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Not sent: this message is too long.")
    await expect(text).to_have_value("word " * 1000 + "end")
    assert stage.api.chats == {}
    await text.fill("word " * 800)
    await page.keyboard.press("Enter")
    await expect(page.locator(".msg.me time")).to_be_visible()
    await expect(page.get_by_role("alert")).to_be_empty()


async def test_too_many_requests_for_a_person_promise_no_further_try(stage: Stage):
    page = await asked(stage)
    stage.api.fail("POST", "handoff", 429, headers={"retry-after": "7"})
    await page.get_by_role("button", name="Talk to a person").click()
    await page.get_by_role("button", name="Ask for a person").click()
    await expect(page.get_by_role("alert")).to_contain_text("Something went wrong. Please try again.")
    await page.get_by_role("button", name="Ask for a person").click()
    await expect(page.locator(".foot .note").last).to_contain_text("A person has been asked for")


@pytest.mark.parametrize("stage", [{"embed": ELEMENT}], indirect=True)
async def test_an_element_that_is_moved_or_given_another_site_goes_on(stage: Stage):
    page = await stage.visit()
    await page.locator(".launcher").click()
    await page.locator("textarea").fill("Hallo")
    await page.keyboard.press("Enter")
    await expect(page.locator(".msg.me time")).to_be_visible()
    await page.evaluate("document.querySelector('main').append(document.querySelector('innkeeper-chat'))")
    await expect(bubbles(page, "me")).to_have_text(["Hallo"])
    await stage.api.chat.answer("Guten Tag.")
    await expect(bubbles(page)).to_have_text(["Guten Tag."])
    await page.evaluate("document.querySelector('innkeeper-chat').setAttribute('site', 'rooms')")
    await expect(bubbles(page, "me")).to_have_count(0)
    await page.locator(".launcher").click()
    await page.locator("textarea").fill("Zimmer?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".msg.me time")).to_be_visible()
    assert [one["site"] for one in stage.api.identities] == ["shop", "rooms"]
