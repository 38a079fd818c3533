"""The pages of `innkeeper eval` in a real browser: whole on a desk and on a phone, by day and by night, and on paper."""

import os
import re
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from agent.evaluation.cases import Expected
from agent.evaluation.dials import topic_figures
from agent.evaluation.grounding import Case, Checked, figures
from agent.evaluation.page import render_answers, render_grounding
from agent.evaluation.records import Record, Sentence
from agent.evaluation.runs import Header
from agent.grounding.types import Judgement
from agent.types import Decision
from knowledge.sources.pdf import convert_pdf
from policies.types import Dial, Send
from tests.integration.channels.test_demo_desk_page import CHROMIUM, FLAGS
from tests.unit.evaluation.made import HANDED_OVER, made, record

SHOTS = os.environ.get("PAGE_SCREENSHOTS")
WIDTHS = {"desk": 1180, "phone": 390}
HEADER = Header(
    kind="answers",
    innkeeper="0.1.0",
    model="innkeeper-chat",
    profile="qwen3 0123456789ab",
    policy="0.1.0 0123456789ab",
    knowledge="0123456789ab",
    parts="embedding packaged, reranker none",
    cases="0123456789ab",
    began="2026-11-26T09:00:00+00:00",
)
DIALS = {"fees": Dial(Send.AUTO, 0.14), "damage_and_deposits": Dial(Send.PERSON), "otherwise": Dial(Send.DRAFT)}
ABOUT = {"fees": "What a guest pays, how, and when money comes back", "damage_and_deposits": "Who pays for what was broken"}
HOSTILE = "<img src=x onerror=alert(1)> <b>bold</b> & https://help.example/" + "verylongword" * 12
TABLE = "| When you cancel | Refund of the nights |\n|---|---|\n| At least 14 days before check-in | 100% |\n| Later | 50% |"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason=f"no browser at {CHROMIUM}"),
]


def records() -> list[Record]:
    """Thirty cases of every kind."""
    found = [
        record(
            f"q{n:03}", made(confidence=0.4 + n / 40, seconds=n / 10, topics=("fees",)), asked=f"Question {n}: a dog, how much?"
        )
        for n in range(22)
    ]
    found += [record(f"w{n}", made(cited="cats", confidence=0.5 + n / 8, answer=f"Answer w{n} [1]")) for n in range(3)]
    found += [record("over", made(Decision.HANDOFF, answer="A person takes over."), asked="Unanswered, asked back?")]
    found += [record("invented", made(confidence=0.7, topics=("fees",)), HANDED_OVER)]
    found += [record("hostile", made(answer=HOSTILE), asked=HOSTILE)]
    span = Sentence(
        text=TABLE, span=TABLE, doc_id="cancel", passage_id="p", place="Cancel › Refund", url="https://x.example", is_quote=True
    )
    quoted = made(answer=TABLE, seconds=9).model_copy(update={"sentences": (span,), "untraced": ("We will refund you.",)})
    found += [record("quoted", quoted), record("failed", None, failed="ModelUnavailable: the model server can't be reached")]
    return found


def answers_page() -> str:
    now = records()
    before = [
        one.model_copy(update={"made": made(Decision.HANDOFF, answer="A person will look at it.")})
        if one.id in ("q003", "w1")
        else one
        for one in now
    ]
    return render_answers("Answers to <mine>", HEADER, now, topic_figures(now, ABOUT, DIALS), before)


def checked(n: int, *, supported: bool | None, passes: bool) -> Checked:
    judgement = Judgement(
        passes, 0.9 if passes else 0.2, 0, f"{HOSTILE} {n}", "" if passes else "number 15 is not in the article"
    )
    case = Case(id=f"r{n}", reply="A dog costs €15.", passages=("A dog costs €12.",), question=HOSTILE, supported=supported)
    return Checked(case, (f"Sentence {n} costs €15.",), (judgement,))


def grounding_page() -> str:
    several = [checked(n, supported=n % 3 > 0, passes=n % 2 > 0) for n in range(8)]
    return render_grounding("replies", figures(several), several)


def lone_page() -> str:
    one = [checked(1, supported=True, passes=True)]
    return render_grounding("one reply", figures(one), one)


def replay_page() -> str:
    now = [record("r1", made(), Expected()), record("r2", made(Decision.HANDOFF, answer="Over."), Expected())]
    before = [record("r1", made(None, answer="€10 [1]"), Expected()), now[1]]
    return render_answers("Recorded tickets, run again", HEADER, now, topic_figures(now, ABOUT, DIALS), before)


PAGES = {"answers": answers_page, "grounding": grounding_page, "lone": lone_page, "replay": replay_page}


@pytest.fixture(scope="module", params=PAGES)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / f"{request.param}.html"
    path.write_text(PAGES[request.param](), encoding="utf-8")
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser; each test has a page in a context of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, file: Path) -> AsyncIterator[Page]:
    page = await browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    await page.goto(file.as_uri())
    yield page
    await page.context.close()
    assert complaints == []
    assert asked_for == [file.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_it_is_whole_at_every_width_by_day_and_by_night(page: Page, file: Path, width: str, scheme: str):
    await page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for unfolded in (False, True):
        await page.evaluate(
            "unfolded => unfolded && document.querySelectorAll('details').forEach(one => one.open = true)", unfolded
        )
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        # Nothing sticks out of the page, not even where it is cut off.
        out = await page.evaluate(
            "[...document.querySelectorAll('body *')].filter(one => !one.closest('thead') && "
            "one.getBoundingClientRect().right > window.innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"
        )
        assert out == []
        if SHOTS and not unfolded:
            await page.screenshot(path=f"{SHOTS}/{file.stem}-{width}-{scheme}.png", full_page=True)
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 29)"
    )


async def test_who_cannot_see_it_is_told_what_the_pictures_show(page: Page):
    names = await page.evaluate(
        "[...document.querySelectorAll('img, svg')].map(one => [one.getAttribute('role'), one.getAttribute('aria-label'),"
        " one.querySelector('title')?.textContent])"
    )
    assert all(role == "img" and label and label == title for role, label, title in names)
    heads = await page.evaluate("[...document.querySelectorAll('th')].map(one => one.scope)")
    assert heads
    assert set(heads) <= {"col", "row"}
    assert await page.evaluate("document.documentElement.lang") == "en"
    assert await page.evaluate("document.querySelectorAll('script, img, link, iframe, a[href]').length") == 0
    snapshot = await page.locator("body").aria_snapshot()
    assert all(f'img "{label}"'[:60] in snapshot for _, label, _ in names)


async def test_everything_is_on_paper_too(page: Page, file: Path, tmp_path: Path):
    printed = tmp_path / "page.pdf"
    await page.pdf(path=printed, format="A4", margin={"top": "12mm", "bottom": "12mm", "left": "12mm", "right": "12mm"})
    if SHOTS:
        (Path(SHOTS) / f"{file.stem}.pdf").write_bytes(printed.read_bytes())
    on_paper = squeezed(convert_pdf(printed).text)
    on_screen = await page.evaluate(
        "document.querySelectorAll('details').forEach(one => one.open = true),"
        "[...document.querySelectorAll('h1, h2, summary, td, th, div.card, .said, figcaption')].map(one => one.innerText)"
    )
    missing = [part for text in on_screen for part in parts(text) if part not in on_paper]
    assert missing == []
    # What is wider than the paper would be cut: at its width nothing may stick out.
    await page.emulate_media(media="print")
    await page.set_viewport_size({"width": 703, "height": 1000})  # A4 less its margins, at 96 dots to the inch
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def squeezed(text: str) -> str:
    """Letters and digits alone: where lines and columns break doesn't matter, nor what is read as a mark of Markdown."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text))


def parts(text: str) -> list[str]:
    """Words. A cell's words may stand apart on paper where another cell's line runs between them."""
    return [word for word in (squeezed(word) for word in text.split()) if word and len(word) < 40]
