"""Zammad: signed webhooks by triggers, articles by its REST API.

Source: Zammad admin documentation (webhook), REST API documentation (tickets, articles, tags), its code (to whom a reply goes,
what a token without `ticket.agent` may do), 2026. A retry carries the same `X-Zammad-Delivery`, and perhaps newer data with
another signature. Nothing here was tried against a server.
"""

from email.utils import parseaddr
from typing import Any

from agent.channels.helpdesks import signatures
from agent.channels.helpdesks.automatic import automatic_mail
from agent.channels.helpdesks.checking import Checks, tell_names
from agent.channels.helpdesks.http import DeskApi
from agent.channels.helpdesks.payload import Lenient, payload
from agent.channels.helpdesks.reading import said, utc
from agent.channels.helpdesks.senders import claimed
from agent.channels.helpdesks.types import (
    Contact,
    Delivery,
    DeskMessage,
    DeskTicket,
    Finding,
    Helpdesk,
    Hint,
    Owner,
    Sample,
    Setup,
    System,
    Words,
    Wrote,
)
from agent.errors import HelpdeskRefused
from agent.helpdesk_settings import ZammadSettings
from agent.types import NOBODY

UNOWNED = 1
"""The user "-", who owns every ticket that nobody owns."""
MESSENGERS = frozenset({"telegram personal-message", "whatsapp message"})
"""Types of article that are answered in kind, as plain text: Zammad sends them to whom the ticket is with."""
BY_PEOPLE = frozenset(
    {"sms", "chat", "fax", "twitter status", "twitter direct-message", "facebook feed post", "facebook feed comment"}
)
"""Types that we don't answer: they are cut after some characters, or public, or reach nobody as a note."""


class _Ticket(Lenient):
    id: int


class _Article(Lenient):
    sender: str | None = None
    internal: bool = False


class _Body(Lenient):
    ticket: _Ticket
    article: _Article | None = None


class ZammadReceiver:
    """Verifies a trigger's webhook and says which ticket it is about."""

    def __init__(self, settings: ZammadSettings) -> None:
        self._secrets = settings.secrets

    def receive(self, delivery: Delivery) -> Hint | None:
        """None for what isn't a customer's public message. Raises as `Receiver`."""
        given = signatures.from_hex(signatures.header(delivery, "X-Hub-Signature"), "sha1=")
        signatures.require(signatures.digests(self._secrets, delivery.body, "sha1"), given)
        body = payload(_Body, delivery)
        article = body.article
        if article is not None and (article.internal or (article.sender or "Customer") != "Customer"):
            return None
        return Hint(signatures.header(delivery, "X-Zammad-Delivery"), str(body.ticket.id))


class Zammad:
    """`Helpdesk` by Zammad's REST API."""

    def __init__(self, source: str, settings: ZammadSettings) -> None:
        self._settings = settings
        self._api = DeskApi(source, settings, {"authorization": f"Token token={settings.token.get_secret_value()}"})
        self._me: int | None = None

    async def aclose(self) -> None:
        """Close its connections."""
        await self._api.aclose()

    async def read(self, ticket_id: str) -> DeskTicket:
        """The ticket, its articles and its tags: three calls."""
        me = await self._own_id()
        ticket = await self._api.get(f"/api/v1/tickets/{int(ticket_id)}")
        articles = await self._api.get(f"/api/v1/ticket_articles/by_ticket/{int(ticket_id)}")
        tags = (await self._api.get("/api/v1/tags", object="Ticket", o_id=int(ticket_id)) or {}).get("tags", [])
        articles = sorted(articles, key=lambda one: int(one["id"]))
        messages = tuple(_message(article, me) for article in articles)
        asked = [article for article, message in zip(articles, messages, strict=True) if _is_asked(message)]
        return DeskTicket(
            ticket_id=str(ticket["id"]),
            subject=ticket.get("title"),
            messages=messages,
            owner=Owner.PERSON if asked and asked[-1].get("type") in BY_PEOPLE else self._owner(ticket, tags, me),
            known=_way_back(asked),
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """As the customer wrote: by messenger or by e-mail; a public note, as in the portal, if no address is known."""
        way = ticket.known
        if way["type"] == "email":
            way = {**way, "subject": f"Re: {ticket.subject or ''}".strip()}
        plain = {"body": words.text, "content_type": "text/plain"} if way["type"] in MESSENGERS else {}
        await self._article(ticket, words, {**way, **plain, "internal": False})

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """An internal note. An internal e-mail would still be sent, so it is never that type."""
        await self._article(ticket, words, {"type": "note", "internal": True})

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """The stop tag, then the group and an open state."""
        await self._api.post(
            "/api/v1/tags/add", {"object": "Ticket", "o_id": int(ticket.ticket_id), "item": self._settings.stop_tag}
        )
        group = self._settings.queue(queue)
        await self._api.put(f"/api/v1/tickets/{ticket.ticket_id}", {"state": "open"} | ({"group": group} if group else {}))

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new ticket in `default_queue` with an internal note. Needs the customer's address."""
        if self._settings.default_queue is None or contact.email is None:
            raise HelpdeskRefused("a new Zammad ticket needs `default_queue` in the settings, and the customer's e-mail address")
        article = {"type": "note", "internal": True, "sender": "Agent", "content_type": "text/html", "body": words.html}
        wanted = {
            "title": subject,
            "group": self._settings.default_queue,
            "customer_id": f"guess:{contact.email}",
            "article": article,
        }
        return str((await self._api.post("/api/v1/tickets", wanted))["id"])

    async def check(self) -> list[Finding]:
        """Address, token, the right `ticket.agent`, tickets, groups."""
        checks = Checks()
        if not await checks.ok("token", self._own_id, lambda me: f"it is user {me}"):
            return checks.findings
        # Only agents see templates. Zammad takes articles of anybody else, but makes an internal note of theirs public.
        await checks.ok("agent", lambda: self._api.get("/api/v1/templates", per_page=1), lambda _: "it has ticket.agent")
        await checks.ok("tickets", lambda: self._api.get("/api/v1/tickets", per_page=1), lambda _: "can be read")
        await checks.ok("groups", self._groups, self._tell_groups)
        return checks.findings

    async def _groups(self) -> list[dict[str, Any]] | None:
        """None if they aren't told: until 2025 Zammad listed them only to a token with `admin.group`."""
        answer = await self._api.request("GET", "/api/v1/groups", answers=(403,))
        found: list[dict[str, Any]] | None = None if answer.status_code == 403 else answer.json()
        return found

    def _tell_groups(self, found: list[dict[str, Any]] | None) -> str:
        if found is None:
            return "not checked: this Zammad lists them only to a token with admin.group; see that their names are right"
        return tell_names(found, self._settings)

    async def _article(self, ticket: DeskTicket, words: Words, more: dict[str, Any]) -> None:
        article = {"ticket_id": int(ticket.ticket_id), "body": words.html, "content_type": "text/html", "sender": "Agent"}
        await self._api.post("/api/v1/ticket_articles", article | more)

    async def _own_id(self) -> int:
        if self._me is None:
            self._me = int((await self._api.get("/api/v1/users/me"))["id"])
        return self._me

    def _owner(self, ticket: dict[str, Any], tags: list[str], me: int) -> Owner:
        is_assigned = ticket.get("owner_id") not in (None, UNOWNED, me)
        if self._settings.stop_tag in tags or (is_assigned and not self._settings.answers_assigned):
            return Owner.PERSON
        return Owner.US


def _message(article: dict[str, Any], me: int) -> DeskMessage:
    html = article.get("content_type") == "text/html"
    body = article.get("body") or ""
    sender = article.get("sender")
    if article.get("created_by_id") == me:
        wrote = Wrote.US
    else:
        wrote = {"Customer": Wrote.CUSTOMER, "Agent": Wrote.STAFF}.get(str(sender), Wrote.MACHINE)
    return DeskMessage(
        message_id=str(article["id"]),
        wrote=wrote,
        text=said(
            None if html else body, body if html else None, mail=wrote is Wrote.CUSTOMER and article.get("type") == "email"
        ),
        sent_at=utc(article["created_at"]),
        public=not article.get("internal", False),
        automatic=wrote is Wrote.CUSTOMER and _is_automatic(article),
        # What is written in the portal has a name there.
        customer=claimed(article.get("from")) if wrote is Wrote.CUSTOMER else NOBODY,
        may_be_forged=article.get("type") != "note",
    )


def _is_automatic(article: dict[str, Any]) -> bool:
    _, sender = parseaddr(_answered_at(article))
    flags = article.get("preferences") or {}
    headers = {"from-address": sender, "subject": article.get("subject") or ""}
    return bool(flags.get("is-auto-response")) or automatic_mail(headers) is not None


def _answered_at(article: dict[str, Any]) -> str:
    """A line with the address, or only a name."""
    return str(article.get("reply_to") or article.get("from") or "")


def _is_asked(message: DeskMessage) -> bool:
    return message.wrote is Wrote.CUSTOMER and message.public and not message.automatic


def _way_back(asked: list[dict[str, Any]]) -> dict[str, Any]:
    """How a reply reaches who wrote the newest of these articles, as Zammad's own reply does it.

    What somebody writes in the portal has no address; then it is the one that the same person wrote from before.
    """
    if asked and asked[-1].get("type") in MESSENGERS:
        return {"type": asked[-1]["type"]}
    for article in reversed(asked):
        to = _answered_at(article)
        if "@" in to and article.get("created_by_id") == asked[-1].get("created_by_id"):
            return {"type": "email", "to": to, "in_reply_to": article.get("message_id")}
    return {"type": "note"}


def setup(settings: ZammadSettings) -> Setup:
    """A webhook and a trigger."""
    return Setup(
        steps=(
            "Manage > Webhook > New: endpoint {webhook}, HMAC SHA1 signature token {secret}, no custom payload.",
            "Manage > Trigger > New: activated by Action.",
            "  Conditions: Action is created or updated; Article > Sender is Customer; Article > Visibility is public; "
            f"Tags contains none of {settings.stop_tag}.",
            "  Execute: Webhook, the one above.",
            f"To give a ticket back to the assistant, remove its tag {settings.stop_tag}.",
            "E-mail, portal, web forms, Telegram and WhatsApp are answered; SMS, chats, Twitter and Facebook are left to people.",
        ),
    )


def sample(settings: ZammadSettings, now: float) -> Sample:
    """An internal note of the system's."""
    body = b'{"ticket":{"id":0},"article":{"sender":"System","internal":true}}'
    [signature, *_] = signatures.digests(settings.secrets, body, "sha1")
    return Sample({"X-Hub-Signature": f"sha1={signature.hex()}", "X-Zammad-Delivery": "connect"}, body)


SYSTEM = System("zammad", Zammad, ZammadReceiver, setup, sample)
_: type[Helpdesk] = Zammad
