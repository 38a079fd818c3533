"""A browser, a host page under a strict CSP on one loopback port, and the scripted API of the widget on another."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.widget_server import WidgetServer, running

expect.set_options(timeout=60_000)  # on a busy machine a page takes its time

SHOTS = Path(__file__).parents[2] / "artefacts" / "widget"
"""What the tests saw, for people to look at."""

PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Harbour Stays</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body>
<div role="banner">Harbour</div><main><h1>Rooms by the harbour</h1>
<p>Twelve quiet rooms above the old boat houses, five minutes from the ferry.</p>
<p><a href="#rooms">See the rooms</a> <button type="button">Book a room</button></p></main>{embed}</body></html>"""

EMBED = '<script src="{api}/widget.js" data-site="shop" async></script>'


LOOK = """dark => { const sheet = new CSSStyleSheet(), [back, ink] = dark ? ['#101214', '#ddd'] : ['#f6f4ef', '#222'];
sheet.replaceSync(`body{font:17px/1.6 system-ui;margin:48px;max-width:30rem;background:${back};color:${ink}}a{color:inherit}`);
document.adoptedStyleSheets = [sheet]; }"""
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


@dataclass
class HostPage:
    """A page that carries the widget, and all that the browser has complained about on it."""

    browser: Browser
    api_url: str
    embed: str = EMBED
    lang: str = "en"
    host_url: str = ""
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def visit(self, context: BrowserContext | None = None, **options: Any) -> Page:
        """A page of the host site, in a browser of its own unless a context is given."""
        if context is None:
            context = await self.browser.new_context(
                **({"viewport": {"width": 1180, "height": 860}, "locale": "en-GB"} | options)
            )
            self.contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))
        page.on("request", lambda request: self._saw(request.url))
        await page.goto(self.host_url)
        await page.locator("innkeeper-chat .launcher").first.wait_for(state="attached")
        return page

    async def open(self, page: Page | None = None, **options: Any) -> Page:
        page = page or await self.visit(**options)
        await page.locator(".launcher").click()
        await page.locator(".start .pick").first.wait_for()
        return page

    def _saw(self, url: str) -> None:
        if not url.startswith((self.host_url, self.api_url)):
            self.outside.append(url)

    def policy(self) -> str:
        return (
            f"default-src 'none'; script-src {self.api_url}; connect-src {self.api_url}; style-src 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; form-action 'none'; report-uri /csp"
        )

    def routes(self) -> list[Route]:
        async def page(_: Request) -> Response:
            embed = self.embed.format(api=self.api_url)
            return HTMLResponse(PAGE.format(lang=self.lang, embed=embed), headers={"content-security-policy": self.policy()})

        async def report(request: Request) -> Response:
            self.violations.append((await request.body()).decode())
            return Response(status_code=204)

        async def icon(_: Request) -> Response:
            return Response(status_code=204)

        return [Route("/", page), Route("/csp", report, methods=["POST"]), Route("/favicon.ico", icon)]


@dataclass
class Stage(HostPage):
    """A host page, and the scripted API behind it."""

    api: WidgetServer = field(default_factory=WidgetServer)
    port: int = 0
    api_server: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def stop_api(self) -> None:
        """Cuts everybody off, and lets nobody in."""
        await self.api_server.aclose()


@asynccontextmanager
async def set_up(browser: Browser, embed: str = EMBED, lang: str = "en") -> AsyncIterator[Stage]:
    """A host page, and the scripted API that knows it."""
    api = WidgetServer()
    async with AsyncExitStack() as api_server:
        port = await api_server.enter_async_context(running(api.app()))
        stage = Stage(browser, f"http://127.0.0.1:{port}", embed, lang, api=api, port=port, api_server=api_server)
        async with strict_host(stage):
            api.origins = (stage.host_url,)
            yield stage
            api.drop_streams()


@asynccontextmanager
async def strict_host(host: HostPage, port: int = 0) -> AsyncIterator[None]:
    """Serves a host page that, when it is left, has seen no CSP violation, no other host, and no error but lost connections."""
    async with running(Starlette(routes=host.routes()), port) as host_port:
        host.host_url = f"http://127.0.0.1:{host_port}"
        yield
        for context in host.contexts:
            await context.close()
    seen = [one for one in host.complaints if "Failed to load resource" not in one]
    assert (host.violations, host.outside, seen) == ([], [], []), (host.violations, host.outside, seen)


async def ask(page: Page, text: str) -> None:
    await page.get_by_label("Your message").fill(text)
    await page.keyboard.press("Enter")


async def hear(page: Page, *names: str) -> None:
    """Collects the widget's events in `heard`, as the page's own script would get them."""
    await page.evaluate(
        """names => { window.heard = [];
        const listen = name => document.addEventListener('innkeeper:' + name, event => heard.push([name, event.detail ?? null]));
        names.forEach(listen); }""",
        names,
    )


async def until(claim: Callable[[], bool]) -> None:
    """Waits for what the server sees."""
    async with asyncio.timeout(120):
        while not claim():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def bubbles(page: Page, kind: str = "ai") -> Locator:
    return page.locator(f"[role=log] .msg.{kind} .bubble")


async def shoot(page: Page, name: str) -> None:
    """A picture of the page as it stands; what moves is let finish."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")


async def seen(page: Page, name: str) -> None:
    """A picture, and no fault to be found in it by axe-core."""
    await page.wait_for_timeout(300)  # colours are judged when nothing fades in any more
    await shoot(page, name)
    assert await faults(page) == []


@cache
def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


async def faults(page: Page) -> list[str]:
    """What axe-core finds wrong with the page, the widget's shadow tree included: WCAG 2.2 A and AA and its best practices."""
    await page.evaluate(_axe())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = await page.evaluate("tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", tags)
    return [
        f"{one['id']}: {json.dumps([node['target'] for node in one['nodes']])} {one['nodes'][0]['failureSummary']}"
        for one in found["violations"]
    ]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-gpu",
]
HAS_BROWSER = os.path.exists(CHROMIUM)


@asynccontextmanager
async def started_browser() -> AsyncIterator[Browser]:
    """The system's Chromium; each test has contexts of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()
