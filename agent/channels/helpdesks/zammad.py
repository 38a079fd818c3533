"""Zammad: signed webhooks by triggers, articles by its REST API.

Source: Zammad admin documentation (webhook), REST API documentation (tickets, articles, tags), 2026. A retry carries the same
`X-Zammad-Delivery`, and perhaps newer data with another signature. The tag list and `guess:` for a new customer are as
its API documentation has them, and were not tried against a server.
"""

from typing import Any

from agent.channels.helpdesks import signatures
from agent.channels.helpdesks.automatic import automatic_subject
from agent.channels.helpdesks.checking import Checks
from agent.channels.helpdesks.http import DeskApi
from agent.channels.helpdesks.payload import Lenient, payload
from agent.channels.helpdesks.reading import said, utc
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

NOBODY = 1
"""The user "-", who owns every ticket that nobody owns."""


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
        return DeskTicket(
            ticket_id=str(ticket["id"]),
            subject=ticket.get("title"),
            messages=tuple(_message(article, me) for article in articles),
            owner=self._owner(ticket, tags, me),
            known=_known(ticket, articles),
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """An e-mail to the customer if an address is known, else a public note."""
        to = ticket.known["to"]
        mail = {
            "type": "email",
            "to": to,
            "subject": f"Re: {ticket.subject or ''}".strip(),
            "in_reply_to": ticket.known["message_id"],
        }
        await self._article(ticket, words, {**(mail if to else {"type": "note"}), "internal": False})

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
        """Address, token, tickets, groups."""
        checks = Checks()
        if await checks.ok("token", self._own_id, lambda me: f"it is user {me}"):
            await checks.ok(
                "tickets", lambda: self._api.get("/api/v1/tickets", per_page=1), lambda _: "can be read (ticket.agent)"
            )
            await checks.names("groups", lambda: self._api.get("/api/v1/groups"), self._settings)
        return checks.findings

    async def _article(self, ticket: DeskTicket, words: Words, more: dict[str, Any]) -> None:
        article = {"ticket_id": int(ticket.ticket_id), "body": words.html, "content_type": "text/html", "sender": "Agent"}
        await self._api.post("/api/v1/ticket_articles", article | more)

    async def _own_id(self) -> int:
        if self._me is None:
            self._me = int((await self._api.get("/api/v1/users/me"))["id"])
        return self._me

    def _owner(self, ticket: dict[str, Any], tags: list[str], me: int) -> Owner:
        is_assigned = ticket.get("owner_id") not in (None, NOBODY, me)
        if self._settings.stop_tag in tags or (is_assigned and not self._settings.answers_assigned):
            return Owner.PERSON
        return Owner.US


def _message(article: dict[str, Any], me: int) -> DeskMessage:
    html = article.get("content_type") == "text/html"
    body = article.get("body") or ""
    flags = article.get("preferences") or {}
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
        automatic=bool(flags.get("is-auto-response")) or automatic_subject(article.get("subject")),
    )


def _known(ticket: dict[str, Any], articles: list[dict[str, Any]]) -> dict[str, Any]:
    """Where a reply goes: to whom the customer's newest mail came from."""
    mails = [one for one in articles if one.get("sender") == "Customer" and one.get("from")]
    return {"to": mails[-1]["from"] if mails else None, "message_id": mails[-1].get("message_id") if mails else None}


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
        ),
    )


def sample(settings: ZammadSettings, now: float) -> Sample:
    """An internal note of the system's."""
    body = b'{"ticket":{"id":0},"article":{"sender":"System","internal":true}}'
    [signature, *_] = signatures.digests(settings.secrets, body, "sha1")
    return Sample({"X-Hub-Signature": f"sha1={signature.hex()}", "X-Zammad-Delivery": "connect"}, body)


SYSTEM = System("zammad", Zammad, ZammadReceiver, setup, sample)
_: type[Helpdesk] = Zammad
