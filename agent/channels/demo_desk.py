"""The reference helpdesk: a tiny real one, to see Innkeeper from outside and to test it against.

It is a process of its own and knows Innkeeper by its webhooks alone: it signs what it sends, repeats what
was not confirmed, verifies what it receives and drops repeats by `webhook-id`.
"""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from agent.channels.desk_markup import tree
from agent.channels.desk_store import STATUS_AFTER, Delivery, DeskStore
from agent.channels.standard_webhooks import Signer, Verifier
from agent.errors import SignatureInvalid

MAX_INBOX_BYTES = 1_000_000
AT_ONCE = 8
HANDED_OFF = "agent.handoff.requested"
SAMPLES = (
    "How much do I get back if I cancel three days before check-in?",
    "Can I bring my dog?",
    "What is the wifi password?",
    "I want to talk to a real person, please.",
)

Text = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]


class DeskSettings(BaseModel):
    """Where the desk keeps its file, and how it talks to Innkeeper.

    Attributes:
        webhook_url: Innkeeper's address for this desk, e.g. `http://127.0.0.1:8080/webhooks/demo`.
        secret: signs what the desk sends.
        reply_secret: verifies what it receives; `secret` if not given.
        first_retry_s: wait before the second attempt of a delivery; doubled each time up to `longest_retry_s`.
        samples: questions that the page offers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path
    webhook_url: Annotated[str, Field(pattern=r"^https?://")]
    secret: SecretStr
    reply_secret: SecretStr | None = None
    timeout_s: float = 10.0
    first_retry_s: float = 0.25
    longest_retry_s: float = 15.0
    samples: tuple[str, ...] = SAMPLES


class NewTicket(BaseModel):
    """A customer's first message."""

    text: Text
    subject: Annotated[str, Field(max_length=200)] | None = None


class NewMessage(BaseModel):
    """A further message."""

    text: Text
    author: Literal["customer", "agent"] = "customer"


class Ruling(BaseModel):
    """What a person decides about a proposed reply."""

    run_id: str
    approved: bool
    text: Text | None = None


class Courier:
    """Makes the deliveries that the store holds, until each is confirmed or refused for good."""

    def __init__(self, settings: DeskSettings, store: DeskStore) -> None:
        self._settings = settings
        self._store = store
        self._signer = Signer(settings.secret.get_secret_value())
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There is something new to deliver."""
        self._news.set()

    async def run(self) -> None:
        """Deliver for ever."""
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=self._settings.timeout_s) as client:
            while True:
                self._news.clear()
                if batch := self._store.due(time.time(), AT_ONCE):
                    async with asyncio.TaskGroup() as group:
                        for delivery in batch:
                            group.create_task(self._attempt(client, delivery))
                    continue
                next_due = self._store.next_due()
                wait_s = None if next_due is None else max(0.01, next_due - time.time())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), wait_s)

    async def _attempt(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        headers = self._signer.headers(delivery.delivery_id, delivery.body) | {"content-type": "application/json"}
        try:
            response = await client.post(self._settings.webhook_url, content=delivery.body, headers=headers)
        except httpx.HTTPError as error:
            self._again(delivery, f"Innkeeper can't be reached: {type(error).__name__}")
            return
        if response.is_success:
            self._store.attempted(delivery.delivery_id, "delivered")
        elif response.is_client_error and response.status_code not in (408, 409, 425, 429):
            self._store.attempted(delivery.delivery_id, "refused", error=f"{response.status_code}: {response.text[:300]}")
        else:
            self._again(delivery, f"Innkeeper answered {response.status_code}")

    def _again(self, delivery: Delivery, error: str) -> None:
        wait_s = min(self._settings.longest_retry_s, self._settings.first_retry_s * 2 ** min(delivery.attempts, 20))
        self._store.attempted(delivery.delivery_id, "waiting", time.time() + wait_s, error)


def create_desk(settings: DeskSettings) -> FastAPI:
    """The desk: a page, a JSON API, and an inbox for Innkeeper's events.

    Raises:
        SettingsInvalid: a secret can't be used.
    """
    store = DeskStore(settings.data_dir / "demo-desk.sqlite3")
    courier = Courier(settings, store)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(courier.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            store.close()

    app = FastAPI(title="Innkeeper demo desk", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_exception_handler(RequestValidationError, _invalid)
    _add_page(app, settings)
    _add_tickets(app, store, courier)
    _add_inbox(app, store, Verifier([(settings.reply_secret or settings.secret).get_secret_value()]))
    return app


def _add_page(app: FastAPI, settings: DeskSettings) -> None:
    page = files("agent").joinpath("web/demo_desk.html").read_text(encoding="utf-8")

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {"content-security-policy": policy, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
        return HTMLResponse(page.replace("{{nonce}}", nonce), headers=headers)

    @app.get("/samples")
    async def samples() -> list[str]:
        return list(settings.samples)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}


def _add_tickets(app: FastAPI, store: DeskStore, courier: Courier) -> None:
    @app.get("/tickets")
    async def tickets() -> list[dict[str, Any]]:
        return store.tickets()

    @app.post("/tickets", status_code=201)
    async def open_ticket(new: NewTicket) -> dict[str, str]:
        subject = (new.subject or "").strip() or new.text.strip().splitlines()[0][:80]
        ticket_id = store.open_ticket(subject)
        message_id = store.add_message(ticket_id, "customer", new.text)
        courier.wake()
        return {"id": ticket_id, "message_id": message_id}

    @app.get("/tickets/{ticket_id}")
    async def ticket(ticket_id: str) -> JSONResponse:
        found = store.ticket(ticket_id)
        if found is None:
            return _no_ticket()
        # Replies are Markdown; what a person types is not.
        shown = [m | {"shown": tree(m["text"])} if m["event"] else m for m in found["messages"]]
        return JSONResponse(found | {"messages": shown})

    @app.post("/tickets/{ticket_id}/messages")
    async def add_message(ticket_id: str, new: NewMessage) -> JSONResponse:
        if not store.has_ticket(ticket_id):
            return _no_ticket()
        message_id = store.add_message(ticket_id, new.author, new.text)
        courier.wake()
        return JSONResponse({"id": ticket_id, "message_id": message_id}, 201)

    @app.post("/tickets/{ticket_id}/ruling")
    async def rule(ticket_id: str, ruling: Ruling) -> JSONResponse:
        if not store.decide(ticket_id, ruling.run_id, approved=ruling.approved, text=ruling.text):
            return _problem(409, "nothing_to_decide", "No proposed reply of that run waits on this ticket.")
        courier.wake()
        return JSONResponse({"status": "approved" if ruling.approved else "declined"})

    @app.get("/outcomes")
    async def outcomes() -> list[dict[str, Any]]:
        return store.outcomes()


def _add_inbox(app: FastAPI, store: DeskStore, verifier: Verifier) -> None:
    @app.post("/inbox")
    async def inbox(request: Request) -> JSONResponse:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_INBOX_BYTES:
                return _problem(413, "body_too_large", f"At most {MAX_INBOX_BYTES} bytes.")
        try:
            webhook_id = verifier.verify(request.headers, bytes(body))
            event = json.loads(bytes(body))
            kind, data = str(event["type"]), dict(event["data"])
            known = kind in STATUS_AFTER and (store.has_ticket(str(data["ticket_id"])) or _opened(store, kind, data))
        except SignatureInvalid as error:
            return _problem(401, "signature_invalid", str(error))
        except (ValueError, KeyError, TypeError):
            return _problem(422, "payload_invalid", "Not an event of Innkeeper's.")
        if not known:
            return _problem(404, "unknown", "No such ticket, or no such type of event.")
        return JSONResponse({"status": "accepted" if store.receive(webhook_id, kind, data) else "duplicate"})


def _opened(store: DeskStore, kind: str, data: Mapping[str, Any]) -> bool:
    """Open a ticket for a conversation that began elsewhere, as in a chat, and is handed to people here. False for any other."""
    if kind != HANDED_OFF or data["conversation_id"] == f"{data['system']}:{data['ticket_id']}":
        return False
    asked = str(data.get("summary") or "").partition("\n")[0].removeprefix("Customer asks: ").strip()
    store.open_ticket((asked or "A customer asks for a person")[:80], str(data["ticket_id"]))
    return True


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}" for p in problems)
    return _problem(422, "payload_invalid", told)


def _no_ticket() -> JSONResponse:
    return _problem(404, "ticket_unknown", "There is no such ticket.")


def _problem(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
