"""The sample company's own page: a signed-in guest's bookings, and the chat that knows who they are.

It stands for a company's web site. It signs the tokens by which the chat learns who is there, as such a site does, and only
for the guests of the sample; there is no log-in, since nothing here is anybody's.
"""

import html
import time
import uuid
from importlib.resources import files
from typing import Annotated, Any

import jwt
from fastapi import APIRouter, FastAPI, HTTPException, Query, Response
from pydantic import BaseModel, SecretStr

from agent.samples.bookings.first import ANNA, BEN
from agent.samples.bookings.store import BookingStore

TOKEN_S = 300
"""Seconds that a token counts. The chat takes none that counts longer than ten minutes."""
GUESTS = {ANNA[0]: "Anna", BEN[0]: "Ben"}
SHOWN = ("booking_id", "home", "check_in", "check_out", "status", "paid_cents", "refunded_cents", "currency")
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


class Token(BaseModel):
    """What the chat's `identify` is given."""

    token: str


def add_site(app: FastAPI, store: BookingStore, chat_url: str, site: str, secret: SecretStr) -> None:
    """Add the page to the booking service.

    Args:
        app: the service.
        store: whose bookings are shown.
        chat_url: where the chat widget is served from.
        site: what Innkeeper knows this web site by; the audience of its tokens.
        secret: the site's `jwt_secret`.
    """
    router = APIRouter(include_in_schema=False)
    folder = files("agent.samples.bookings")
    secure = {
        "content-security-policy": f"default-src 'none'; script-src 'self' {chat_url}; connect-src 'self' {chat_url}; "
        "style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    page = (folder / "site.html").read_text(encoding="utf-8").replace("{chat_url}", html.escape(chat_url))
    page = page.replace("{site}", html.escape(site))

    @router.get("/")
    def show() -> Response:
        return Response(page, media_type="text/html; charset=utf-8", headers=secure)

    @router.get("/site.{kind}")
    def part(kind: str) -> Response:
        if kind not in _TYPES:
            raise HTTPException(404, "there is no such file")
        return Response((folder / f"site.{kind}").read_bytes(), media_type=_TYPES[kind], headers=secure)

    @router.get("/my-bookings")
    def my_bookings(guest: Annotated[str, Query(max_length=100)]) -> list[dict[str, Any]]:
        return [{name: row[name] for name in SHOWN} for row in store.of(_known(guest))]

    @router.post("/chat-token")
    def chat_token(guest: Annotated[str, Query(max_length=100)]) -> Token:
        now = int(time.time())
        claims = {"sub": _known(guest), "aud": site, "iat": now, "exp": now + TOKEN_S, "jti": uuid.uuid4().hex}
        return Token(token=jwt.encode(claims, secret.get_secret_value(), algorithm="HS256"))

    app.include_router(router)


def _known(guest: str) -> str:
    if guest not in GUESTS:
        raise HTTPException(404, f"there is no such guest; known are {', '.join(GUESTS)}")
    return guest
