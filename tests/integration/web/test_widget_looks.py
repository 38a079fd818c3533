"""The chat widget for everybody: axe-core in each main state, keyboard only, languages, dark, phone, zoom. With pictures."""

import re
import time

import pytest
from playwright.async_api import Page, expect

from agent.channels.desk_markup import tree
from tests.integration.web.stage import HAS_BROWSER, LOOK, PHONE, Stage, ask, bubbles, faults, seen, shoot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not HAS_BROWSER, reason="no browser"),
]

QUESTION = "How much do I get back if I cancel 10 days before check-in?"
ANSWER = (
    "If you cancel 7 to 13 days before check-in, you get **50% of the nightly rate** back, and the cleaning fee in full. [1]",
    "Refunds take 5 to 7 working days. [2]",
)
QUOTE = "Guests who cancel 7 to 13 days before check-in get 50% of the nightly rate back. The cleaning fee is always returned."
CITES = [
    {"n": 1, "title": "Cancelling a booking", "url": "https://help.harbour.example/cancel", "quote": QUOTE},
    {
        "n": 2,
        "title": "When refunds arrive",
        "url": "https://help.harbour.example/refunds",
        "quote": "Refunds take 5 to 7 working days.",
    },
]
QUICK = [{"label": "How do I cancel?", "value": "How do I cancel?"}, {"label": None, "value": "__handoff__"}]
ARABIC = {
    "greeting": "مرحبًا! كيف يمكننا مساعدتك؟",
    "disclosure": "أنت تتحدث مع مساعد ذكاء اصطناعي. يمكنك طلب التحدث إلى موظف في أي وقت.",
    "suggestions": ["كم أسترد إذا ألغيت الحجز؟", "متى يبدأ تسجيل الوصول؟"],
}
OUTSIDE = """() => { const root = document.querySelector('innkeeper-chat').shadowRoot;
const isOut = box => box.width && (box.left < -1 || box.right > innerWidth + 1);
return [...root.querySelectorAll('.panel *, .launcher')].filter(one => !one.closest('.sr') && isOut(one.getBoundingClientRect()))
  .map(one => one.outerHTML.slice(0, 80)); }"""
SMALL = """least => { const root = document.querySelector('innkeeper-chat').shadowRoot;
return [...root.querySelectorAll('button, a, input, textarea')].map(one => [one, one.getBoundingClientRect()])
  .filter(([one, box]) => box.width && !one.matches('.cite, textarea') && Math.min(box.width, box.height) < least - 0.01)
  .map(([one, box]) => one.outerHTML.slice(0, 80) + ' ' + box.width + 'x' + box.height); }"""


CONTRAST = """node => { const {color, backgroundColor} = getComputedStyle(node);
const paper = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const light = (colour) => { paper.fillStyle = colour, paper.fillRect(0, 0, 1, 1);
  const [r, g, b] = [...paper.getImageData(0, 0, 1, 1).data].map(n => n / 255)
    .map(n => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05; };
const [less, more] = [light(color), light(backgroundColor)].sort((a, b) => a - b);
return more / less; }"""


async def answered(stage: Stage, *, dark: bool = False, **options: object) -> Page:
    page = await stage.visit(color_scheme="dark" if dark else "light", **options)
    await page.evaluate(LOOK, dark)
    await stage.open(page)
    await ask(page, QUESTION)
    await expect(page.locator(".msg.me time")).to_be_visible()
    await stage.api.chat.answer(*ANSWER, citations=CITES, quick_replies=QUICK)
    await expect(page.locator(".quick")).to_be_visible()
    return page


async def test_every_state_by_day(stage: Stage):
    page = await stage.visit()
    await page.evaluate(LOOK, False)
    await seen(page, "launcher")
    await stage.open(page)
    await seen(page, "empty")
    await ask(page, QUESTION)
    await expect(page.locator(".msg.me time")).to_be_visible()
    chat = stage.api.chat
    chat.publish("progress", {"stage": "searching"})
    await expect(page.locator(".work")).to_be_visible()
    await seen(page, "searching")
    await chat.answer(*ANSWER, citations=CITES, quick_replies=QUICK)
    await page.locator(".cite").first.click()
    await seen(page, "source")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Not helpful").click()
    await page.get_by_role("button", name="It's wrong").click()
    await seen(page, "thumbs")
    await page.locator(".links button").click()
    await page.get_by_label("E-mail").fill("mia@")
    await page.keyboard.press("Enter")
    await seen(page, "ask")
    await page.get_by_label("E-mail").fill("")
    await page.keyboard.press("Enter")
    await expect(page.locator(".foot .note")).to_contain_text("A person has been asked for")
    await seen(page, "requested")
    chat.become("handoff.joined", person="joined", person_name="Mia", note=None)
    chat.say(
        "person",
        "Hello, Mia here:\n\n| Night | Back |\n|---|---|\n| Friday | €60 |\n\n> Two nights\n\n1. One\n2. `Two`",
        name="Mia",
    )
    chat.say("system", "Mia has changed your booking.")
    await expect(page.locator(".msg.sys")).to_be_visible()
    await seen(page, "joined")
    await page.context.set_offline(True)
    await ask(page, "Thank you!")
    await expect(page.get_by_text("Waiting to be sent")).to_be_visible()
    await seen(page, "offline")
    await page.context.set_offline(False)
    await expect(page.get_by_text("Waiting to be sent")).to_have_count(0)
    chat.become("conversation.closed", person=None, closed=True)
    await expect(page.get_by_text("This conversation has ended.")).to_be_visible()
    await page.keyboard.press("Escape")
    chat.say("person", "One more thing.", name="Mia")
    await expect(page.locator(".badge")).to_be_visible()
    await seen(page, "unread")
    await page.locator(".launcher").click()
    await seen(page, "closed")


async def test_a_refusal(stage: Stage):
    stage.api.fail("POST", "/widget/sessions", 403)
    page = await stage.visit()
    await page.evaluate(LOOK, False)
    await page.locator(".launcher").click()
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    await seen(page, "refused")


async def test_by_night(stage: Stage):
    page = await answered(stage, dark=True)
    await page.locator(".cite").first.click()
    await seen(page, "dark")
    await page.locator(".links button").click()
    await seen(page, "dark-ask")
    await page.evaluate("document.querySelector('innkeeper-chat').setAttribute('theme', 'light')")
    assert await page.locator(".panel").evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(255, 255, 255)"
    assert await page.locator(".launcher").evaluate(CONTRAST) > 4.5


async def test_what_stands_on_the_hosts_own_colour_can_be_read(stage: Stage):
    dress = """colour => { const sheet = new CSSStyleSheet();
    sheet.replaceSync(`innkeeper-chat{--ik-color-primary:${colour};--ik-radius:8px;--ik-font:serif;--ik-offset-y:40px;--ik-offset-x:10px}`);
    document.adoptedStyleSheets = [sheet]; }"""
    page = await stage.visit()
    await page.evaluate(dress, "#0b3d91")
    box = await page.locator(".launcher").bounding_box()
    assert box
    assert (round(1180 - box["x"] - box["width"]), round(860 - box["y"] - box["height"])) == (30, 60)
    await stage.open(page)
    await ask(page, QUESTION)
    await expect(page.locator(".msg.me time")).to_be_visible()
    for colour in ("#ffd400", "#e11d48", "#888888", "oklch(0.85 0.15 95)", "oklch(0.4 0.12 250)", "hsl(300 90% 47%)", "#00f"):
        await page.evaluate(dress, colour)
        await page.evaluate("innkeeper('close'), innkeeper('open')")
        await page.wait_for_timeout(300)
        assert await faults(page) == []
        assert await page.locator(".launcher").evaluate(CONTRAST) > 4.5


@pytest.mark.parametrize("stage", [{"lang": "ar"}], indirect=True)
async def test_from_right_to_left(stage: Stage):
    stage.api.site |= ARABIC
    page = await stage.visit()
    await page.evaluate(LOOK, False)
    await stage.open(page)
    await seen(page, "arabic-empty")
    await page.locator("textarea").fill("كم أسترد إذا ألغيت؟")
    await page.keyboard.press("Enter")
    await expect(page.locator(".msg.me time")).to_be_visible()
    await stage.api.chat.answer("تسترد **50%** من سعر الليلة. [1]", citations=CITES, lang="ar")
    await stage.api.chat.answer("In English, too.", lang="en")
    await page.locator(".cite").first.click()
    await seen(page, "arabic")
    side = "node => { const box = node.getBoundingClientRect(); return (box.left + box.right) / 2; }"
    middle = await page.locator(".panel").evaluate(side)
    assert await page.locator(".launcher").evaluate(side) < 100
    assert await bubbles(page, "me").evaluate(side) < middle
    assert await page.locator(".send").evaluate(side) < middle < await page.locator(".mark").evaluate(side)
    assert [await one.evaluate("node => [getComputedStyle(node).direction, node.lang]") for one in await bubbles(page).all()] == [
        ["rtl", "ar"],
        ["ltr", "en"],
    ]


async def test_the_browsers_language_where_the_page_names_none_and_any_other_when_the_page_says_so(stage: Stage):
    stage.lang = ""
    page = await stage.open(locale="zh-CN")
    assert stage.api.identities[0]["locale"] == "zh"
    for locale, label in (
        ("zh", "您的消息"),
        ("de-AT", "Ihre Nachricht"),
        ("es", "Su mensaje"),
        ("fr", "Votre message"),
        ("id", "Pesan Anda"),
        ("pt_BR", "Sua mensagem"),
    ):
        await page.evaluate("locale => innkeeper('locale', locale)", locale)
        await expect(page.get_by_label(label)).to_be_visible()
        assert await page.locator(".root").get_attribute("lang") == locale[:2]
        assert await page.evaluate(OUTSIDE) == []


async def test_a_phone_is_filled_and_the_page_behind_is_out_of_reach(stage: Stage):
    page = await answered(stage, **PHONE)
    panel = page.get_by_role("dialog")
    await expect(panel).to_have_attribute("aria-modal", "true")
    assert await panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert (
        await page.evaluate("[...document.body.children].filter(one => one.tagName !== 'INNKEEPER-CHAT' && !one.inert).length")
        == 0
    )
    assert await page.locator("textarea").evaluate("node => getComputedStyle(node).fontSize") == "16px"
    assert await page.evaluate(SMALL, 44) == []
    await page.locator(".chip").first.click()
    await seen(page, "phone")
    await page.locator("header button").click()
    assert await page.evaluate("[...document.body.children].filter(one => one.inert).length") == 0
    await seen(page, "phone-launcher")


async def test_a_quick_reply_on_a_phone_opens_no_keyboard(stage: Stage):
    page = await answered(stage, **PHONE)
    await page.get_by_role("button", name="How do I cancel?").tap()
    await expect(bubbles(page, "me").last).to_have_text("How do I cancel?")
    await expect(page.locator("h2")).to_be_focused()


async def test_who_magnifies_a_phones_page_gets_no_smaller_panel(stage: Stage):
    page = await answered(stage, **PHONE)
    client = await page.context.new_cdp_session(page)
    await client.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 2})
    await page.wait_for_function("visualViewport.scale > 1.9")
    await page.wait_for_timeout(300)
    height = await page.locator(".panel").evaluate("node => node.offsetHeight")
    assert abs(height - 844) < 3


async def test_a_phone_is_not_covered_by_a_panel_that_nobody_opened(stage: Stage):
    page = await answered(stage, **PHONE)
    await page.reload()
    await expect(page.locator(".launcher")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_nothing_sticks_out_and_every_target_is_large_enough(stage: Stage):
    page = await answered(stage)
    await page.locator(".chip").first.click()
    for width, height in ((1180, 860), (590, 430), (320, 640)):
        await page.set_viewport_size({"width": width, "height": height})
        assert await page.evaluate(OUTSIDE) == []
        assert await page.evaluate(SMALL, 24) == []
        await page.locator(".links button").click()
        await expect(page.get_by_role("button", name="Ask for a person")).to_be_in_viewport()
        assert await page.evaluate(OUTSIDE) == []
        await shoot(page, f"size-{width}")
        await page.keyboard.press("Escape")


LINES_OF_LAST_WORD = """node => { const range = document.createRange(), text = node.firstChild;
range.setStart(text, text.data.indexOf('refunded')); range.setEnd(text, text.data.length);
return range.getClientRects().length; }"""
TABLE = """| When you cancel | Refund of the nights | Service fee |
|---|---|---|
| Less than 14 days but at least 7 days before check-in | 75% | Not refunded |"""


async def test_a_table_keeps_its_words_whole_in_an_answer_and_in_its_source(stage: Stage):
    page = await stage.open(**PHONE)
    await ask(page, QUESTION)
    await expect(page.locator(".msg.me time")).to_be_visible()
    cite = CITES[0] | {"quote": TABLE, "tree": tree(TABLE)}
    await stage.api.chat.answer(TABLE + " [1]", citations=[cite])
    await page.locator(".chip[data-n]").click()
    for place in (".bubble", ".card blockquote"):
        last = page.locator(f"{place} td").last
        await expect(last).to_have_text(re.compile("Not refunded"))
        assert await last.evaluate(LINES_OF_LAST_WORD) == 1


async def test_the_head_of_the_panel_stays_in_a_long_conversation(stage: Stage):
    page = await answered(stage)
    await stage.api.chat.answer(*ANSWER * 8)
    await ask(page, QUESTION)
    await expect(page.locator(".msg.me time")).to_have_count(2)
    await stage.api.chat.answer(*ANSWER)
    await expect(bubbles(page)).to_have_count(3)
    await page.locator(".scroll").evaluate("node => node.scrollTo(0, 0)")
    assert await page.locator(".panel").evaluate("node => node.scrollHeight - node.clientHeight") == 0
    await page.get_by_role("button", name="Not helpful").last.click()
    await expect(page.get_by_role("button", name="It's wrong")).to_be_in_viewport()
    await expect(page.locator("header")).to_be_in_viewport(ratio=1)


async def test_by_keyboard_alone(stage: Stage):
    page = await stage.visit()
    await page.evaluate("window.heard = []; document.addEventListener('keydown', (event) => heard.push(event.key))")
    for _ in range(3):
        await page.keyboard.press("Tab")
    await expect(page.locator(".launcher")).to_be_focused()
    await page.keyboard.press("Enter")
    text = page.get_by_label("Your message")
    await expect(text).to_be_focused()
    await page.keyboard.type("One")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("two")
    await expect(text).to_have_value("One\ntwo")
    await page.keyboard.press("Enter")
    await expect(bubbles(page, "me")).to_have_text("One\ntwo")
    await expect(text).to_have_value("")
    await expect(page.locator(".msg.me time")).to_be_visible()
    await stage.api.chat.answer(*ANSWER, citations=CITES)
    cite = page.locator(".cite").first
    await expect(cite).to_be_visible()
    for _ in range(20):
        if await cite.evaluate("node => node.matches(':focus')"):
            break
        await page.keyboard.press("Shift+Tab")
    await expect(cite).to_be_focused()
    await page.keyboard.press("Space")
    await expect(page.locator(".card")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(cite).to_be_focused()
    await page.locator(".links button").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Talk to a person")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator(".links button")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.locator(".launcher")).to_be_focused()
    assert "O" not in await page.evaluate("heard")  # the page's shortcuts hear nothing of it


async def test_the_focus_goes_round_within_a_full_screen(stage: Stage):
    page = await answered(stage, viewport={"width": 480, "height": 800})
    await page.locator("header button").focus()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("link", name="Privacy")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("header button")).to_be_focused()


async def test_an_input_method_decides_with_enter_and_sends_nothing(stage: Stage):
    page = await stage.open()
    await page.get_by_label("Your message").fill("にほん")
    await page.locator("textarea").evaluate(
        "node => node.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true}))"
    )
    await expect(bubbles(page, "me")).to_have_count(0)
    await expect(page.get_by_label("Your message")).to_have_value("にほん")


async def test_a_stage_is_read_out_only_where_it_lasts(stage: Stage):
    page = await stage.open()
    await ask(page, QUESTION)
    await expect(page.locator(".msg.me time")).to_be_visible()
    await page.evaluate(
        "() => { const status = document.querySelector('innkeeper-chat').shadowRoot.querySelector('.sr[role=status]');"
        " window.said = []; new MutationObserver(() => said.push(status.textContent)).observe(status, {childList: true}); }"
    )
    await page.clock.install()
    await page.clock.pause_at(time.time() + 3600)
    for name, shown in (("searching", "Searching"), ("writing", "Writing"), ("checking", "Checking"), ("writing", "Writing")):
        stage.api.chat.publish("progress", {"stage": name})
        await expect(page.locator(".work")).to_contain_text(shown)
        await page.clock.run_for(1900)
    assert await page.evaluate("said") == []
    await page.clock.run_for(200)
    assert await page.evaluate("said") == ["Writing an answer"]
    stage.api.chat.publish("progress", {"stage": "checking"})
    await expect(page.locator(".work")).to_contain_text("Checking")
    await page.clock.run_for(1900)
    await stage.api.chat.answer("Done.")
    await expect(bubbles(page)).to_have_text("Done.")
    await page.clock.run_for(2200)
    assert await page.evaluate("said") == ["Writing an answer"]


async def test_nothing_moves_for_those_who_asked_for_that(stage: Stage):
    page = await answered(stage, reduced_motion="reduce")
    stage.api.chat.publish("progress", {"stage": "writing"})
    await expect(page.locator(".work")).to_be_visible()
    assert await page.evaluate("document.querySelector('innkeeper-chat').shadowRoot.getAnimations().length") == 0


async def test_with_the_systems_own_colours(stage: Stage):
    page = await answered(stage, forced_colors="active")
    await page.locator(".cite").first.click()
    await shoot(page, "forced-colours")
    assert await page.locator(".msg.me .bubble").evaluate("node => getComputedStyle(node).borderTopWidth") == "1px"
