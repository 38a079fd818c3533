"""The page of a shop with the started product's widget, where customers sign in; what the browser and the server keep."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from playwright.async_api import Locator, Page
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.adapters.redis_clients import redis_client
from agent.adapters.widget_store import RedisWidgetConversations
from tests.e2e.product import ANSWERS_IN_S, Product, http, until
from tests.integration.web.stage import HostPage

SITE = "shop"
JWT_SECRET = "what the shop's own server signs its customers' tokens with"
SIGN_IN = '<script src="/sign-in.js"></script><script src="{api}/widget.js" data-site="shop" async></script>'
SIGN_IN_SCRIPT = """window.innkeeper = window.innkeeper || function () { (innkeeper.q = innkeeper.q || []).push(arguments); };
innkeeper("identify", () => fetch("/chat-token").then((response) => response.json()));"""

WATCH = """() => { const root = document.querySelector('innkeeper-chat').shadowRoot, work = root.querySelector('.work');
window.watched = { stages: [], growing: [] };
const told = (list, text) => text && list.at(-1) !== text && list.push(text);
new MutationObserver((records) => records.forEach(({ target, addedNodes }) => {
  if (work.contains(target)) addedNodes.forEach((node) => told(watched.stages, node.textContent));
  [target, ...addedNodes].forEach((node) => told(watched.growing,
    (node.closest?.('[aria-busy=true]') || node.querySelector?.('[aria-busy=true]'))?.textContent));
})).observe(root.querySelector('.scroll'), { childList: true, subtree: true }); }"""


@dataclass
class ShopPage(HostPage):
    """The shop, which gives a signed-in customer (a cookie named `customer`) a token for the chat whenever it asks for one."""

    def policy(self) -> str:
        own = super().policy()
        for directive in ("script-src", "connect-src"):
            own = own.replace(directive, f"{directive} 'self'")
        return own

    def routes(self) -> list[Route]:
        async def script(_: Request) -> Response:
            return Response(SIGN_IN_SCRIPT, media_type="text/javascript")

        async def token(request: Request) -> Response:
            return JSONResponse({"token": signed(request.cookies["customer"])})

        return [*super().routes(), Route("/sign-in.js", script), Route("/chat-token", token)]


def signed(customer: str) -> str:
    """A token as a site's server makes it."""
    now = int(time.time())
    claims = {"sub": customer, "iat": now, "exp": now + 300, "aud": SITE, "jti": secrets.token_hex(8)}
    return jwt.encode(claims, JWT_SECRET, "HS256")


@dataclass(frozen=True)
class Kept:
    """What a tab knows the conversation by, and what the server tells and keeps of it."""

    house: Product
    origin: str
    session: str
    conversation: str

    @classmethod
    async def of(cls, house: Product, page: Page) -> "Kept":
        saved = json.loads(await page.evaluate(f"localStorage.getItem('innkeeper:{house.url}|{SITE}')"))
        return cls(house, await page.evaluate("location.origin"), saved["session"], saved["conversation"])

    def call(self, what: str, body: Any = None, session: str | None = None) -> Any:
        """The answer to a call about the conversation, as this tab or as another session."""
        headers = {
            "origin": self.origin,
            "authorization": f"Bearer {session or self.session}",
            "idempotency-key": secrets.token_hex(8),
        }
        url = f"{self.house.url}/widget/conversations/{self.conversation}/{what}"
        return http().request("GET" if body is None else "POST", url, json=body, headers=headers)

    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("messages").json()["messages"]
        return found

    async def ratings(self) -> list[dict[str, Any]]:
        async with redis_client(self.house.redis.url) as client:
            history = await RedisWidgetConversations(client).history(self.conversation)
        return [json.loads(text) for text in history.feedback.values()]


async def shown(page: Page) -> list[tuple[str, str]]:
    """Every message on the screen: whose it is, and how it begins, without its marks of sources."""
    return [
        (kind, text)
        for kind, text in await page.locator(".log .msg").evaluate_all(
            "all => all.map(one => { const copy = one.querySelector('.bubble').cloneNode(true);"
            " copy.querySelectorAll('.cite').forEach(mark => mark.remove());"
            " return [one.classList[1], copy.textContent.replace(/\\\\s+/g, ' ').trim()]; })"
        )
    ]


def answers(page: Page) -> Locator:
    """Whole answers, not one that still grows."""
    return page.locator("[role=log] .msg.ai")


async def later(condition: Callable[[], Any], timeout_s: float = ANSWERS_IN_S) -> Any:
    """What the condition gives once it is true; pages go on meanwhile."""
    return await asyncio.to_thread(until, condition, timeout_s)
