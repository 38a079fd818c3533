"""FreeScout with its module "API & Webhooks": signed webhooks, conversations and threads by that module's API.

Source: FreeScout's API documentation (conversations, threads, tags, mailboxes, users) and the module's page (webhooks), 2026; the
signature's key as three integrations independently have it. Nothing here was tried against a server. Doubtful: that a
conversation may be opened with nothing but a note, and that the list of tags is missing without the module "Tags".
A key of the API belongs to no user: what we write is told by `user`, whom the settings name.
"""

import base64
from collections.abc import AsyncIterator, Iterable
from typing import Any

from pydantic import Field

from agent.channels.helpdesks import signatures
from agent.channels.helpdesks.automatic import automatic_subject
from agent.channels.helpdesks.checking import Checks
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
from agent.errors import HelpdeskRefused, HelpdeskUnavailable, TicketMissing
from agent.helpdesk_settings import FreeScoutSettings
from agent.types import NOBODY

CREATED, REPLIED = "convo.created", "convo.customer.reply.created"
MOST_PAGES = 50
_SIGNATURE, _EVENT = "X-FreeScout-Signature", "X-FreeScout-Event"
_SAID = frozenset({"customer", "message", "note"})
"""Types of threads that are messages; a line item is FreeScout's own account of what was done."""


class _Author(Lenient):
    type: str | None = None


class _Thread(Lenient):
    id: int
    type: str | None = None


class _Embedded(Lenient):
    threads: tuple[_Thread, ...] = ()


class _Conversation(Lenient):
    id: int = Field(ge=1)
    createdBy: _Author | None = None
    updatedAt: str | None = None
    embedded: _Embedded | None = Field(None, alias="_embedded")


class FreeScoutReceiver:
    """Verifies a webhook and says which conversation it is about."""

    def __init__(self, settings: FreeScoutSettings) -> None:
        self._keys = settings.secrets
        self._algorithm = settings.algorithm

    def receive(self, delivery: Delivery) -> Hint | None:
        """None for every event but a customer's new conversation or reply. Raises as `Receiver`."""
        given = signatures.header(delivery, _SIGNATURE)
        if self._algorithm == "sha1-base64":
            signatures.require(signatures.digests(self._keys, delivery.body, "sha1"), signatures.from_base64(given))
        else:
            signatures.require(signatures.digests(self._keys, delivery.body, "sha256"), signatures.from_hex(given))
        event = delivery.headers.get(_EVENT.lower(), "")
        body = payload(_Conversation, delivery)
        if event not in (CREATED, REPLIED):
            return None
        if event == CREATED and body.createdBy is not None and (body.createdBy.type or "customer") != "customer":
            return None
        newest = max((one.id for one in (body.embedded or _Embedded()).threads if one.type == "customer"), default=None)
        # Without threads or a time of change, two replies make the same body: then no delivery is taken for a repeat.
        told = newest or body.updatedAt or f"at-{delivery.now!r}"
        return Hint(f"{event}:{body.id}:{told}", str(body.id))


class FreeScout:
    """`Helpdesk` by FreeScout's API."""

    def __init__(self, source: str, settings: FreeScoutSettings) -> None:
        self._settings = settings
        self._api = DeskApi(source, settings, {"X-FreeScout-API-Key": settings.token.get_secret_value()})

    async def aclose(self) -> None:
        """Close its connections."""
        await self._api.aclose()

    async def read(self, ticket_id: str) -> DeskTicket:
        """The conversation with its threads and tags: one call, which has no pages."""
        found = await self._api.get(f"/api/conversations/{int(ticket_id)}", embed="threads,tags")
        if found.get("state") == "deleted":
            raise TicketMissing(f"conversation {ticket_id} of the helpdesk {self._api.source!r} is deleted")
        threads = (found.get("_embedded") or {}).get("threads") or []
        # A draft of a person's is not said yet. The newest thread comes first.
        published = [one for one in threads if one.get("type") in _SAID and one.get("state", "published") == "published"]
        published.sort(key=lambda one: (utc(one["createdAt"]), int(one["id"])))
        subject = found.get("subject")
        return DeskTicket(
            ticket_id=str(found["id"]),
            subject=subject,
            messages=tuple(
                _message(one, self._settings.user, is_first=one is published[0], subject=subject) for one in published
            ),
            owner=self._owner(found),
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A message, which goes out by e-mail."""
        await self._thread(ticket, "message", words)

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A note."""
        await self._thread(ticket, "note", words)

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """Status, mailbox, the assignee if one is named; the stop tag last. The tags are read anew: all are replaced."""
        path = f"/api/conversations/{ticket.ticket_id}"
        found = await self._api.get(path, embed="tags")
        # In the order of their names, each is done by itself; a move to where it is already would be told to its people.
        change: dict[str, Any] = {"byUser": self._settings.user, "status": "active"}
        mailbox = self._settings.queue(queue)
        if mailbox and int(mailbox) != found.get("mailboxId"):
            change["mailboxId"] = int(mailbox)
        if self._settings.handoff_user and _id_of(found.get("assignee")) in (None, self._settings.user):
            change["assignTo"] = self._settings.handoff_user
        await self._api.put(path, change)
        if self._settings.tags:
            tags = _tags(found)
            await self._api.put(f"{path}/tags", {"tags": [*tags, *({self._settings.stop_tag} - set(tags))]})

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new conversation with the customer in `default_queue`, with a note."""
        if self._settings.default_queue is None or contact.email is None:
            raise HelpdeskRefused(
                "a new FreeScout conversation needs `default_queue` in the settings, and the customer's e-mail address"
            )
        customer = {"email": contact.email} | ({"firstName": contact.name[:40]} if contact.name else {})
        wanted = {
            "type": "email",
            "mailboxId": int(self._settings.default_queue),
            "subject": subject,
            "customer": customer,
            "threads": [{"type": "note", "text": words.html, "user": self._settings.user}],
            "status": "active",
        }
        response = await self._api.request("POST", "/api/conversations", json=wanted)
        if not (made := response.headers.get("Resource-ID", "")).isdecimal():
            raise HelpdeskUnavailable(f"the helpdesk {self._api.source!r} has not told the id of the conversation that it made")
        return str(made)

    async def check(self) -> list[Finding]:
        """Address, key, user, conversations, mailboxes, tags."""
        settings, api, checks = self._settings, self._api, Checks()
        if await checks.ok(
            "token", lambda: api.get("/api/conversations", pageSize=1), lambda found: _can_read(found["_embedded"])
        ):
            await checks.ok(
                "user", lambda: api.get(f"/api/users/{settings.user}"), lambda one: f"messages are written as {one['id']}"
            )
            if settings.handoff_user:
                path = f"/api/users/{settings.handoff_user}"
                await checks.ok("handoff_user", lambda: api.get(path), lambda one: f"hand-offs are assigned to {one['id']}")
            await checks.names("mailboxes", self._mailboxes, settings, "id")
            if settings.tags:
                await checks.ok("tags", lambda: api.get("/api/tags", pageSize=1), lambda found: _can_read(found["_embedded"]))
        return checks.findings

    async def _mailboxes(self) -> list[dict[str, Any]]:
        return [one async for one in self._pages("/api/mailboxes", "mailboxes")]

    async def _pages(self, path: str, name: str) -> AsyncIterator[dict[str, Any]]:
        for page in range(1, MOST_PAGES + 1):
            found = await self._api.get(path, page=page, pageSize=100)
            for one in found["_embedded"][name]:
                yield one
            if page >= int((found.get("page") or {}).get("totalPages", 1)):
                return

    async def _thread(self, ticket: DeskTicket, kind: str, words: Words) -> None:
        thread = {"type": kind, "text": words.html, "user": self._settings.user}
        await self._api.post(f"/api/conversations/{ticket.ticket_id}/threads", thread)

    def _owner(self, found: dict[str, Any]) -> Owner:
        is_assigned = _id_of(found.get("assignee")) not in (None, self._settings.user)
        is_tagged = self._settings.stop_tag.lower() in (one.lower() for one in _tags(found))
        if is_tagged or found.get("status") == "spam" or (is_assigned and not self._settings.answers_assigned):
            return Owner.PERSON
        return Owner.US


def _can_read(embedded: object) -> str:
    return "can be read" if embedded else "can be read; there is none yet"


def _tags(found: dict[str, Any]) -> list[str]:
    tags: Iterable[dict[str, Any]] = (found.get("_embedded") or {}).get("tags") or []
    return [str(one["name"]) for one in tags]


def _id_of(person: dict[str, Any] | None) -> int | None:
    return int(person["id"]) if person and person.get("id") else None


def _message(thread: dict[str, Any], me: int, *, is_first: bool, subject: str | None) -> DeskMessage:
    author = thread.get("createdBy") or {}
    if thread["type"] == "customer":
        wrote = Wrote.CUSTOMER
    else:
        wrote = Wrote.US if _id_of(author) == me and author.get("type", "user") == "user" else Wrote.STAFF
    return DeskMessage(
        message_id=str(thread["id"]),
        wrote=wrote,
        text=said(html=thread.get("body"), mail=wrote is Wrote.CUSTOMER),
        sent_at=utc(thread["createdAt"]),
        public=thread["type"] != "note",
        # Only the conversation has a subject: that of the first mail.
        automatic=is_first and automatic_subject(subject),
        customer=claimed(author.get("email")) if wrote is Wrote.CUSTOMER else NOBODY,
        may_be_forged=(thread.get("source") or {}).get("type") == "email",
    )


def setup(settings: FreeScoutSettings) -> Setup:
    """A webhook for two events."""
    handed = f"its tag {settings.stop_tag}" if settings.tags else "its assignee"
    return Setup(
        steps=(
            "Manage > API & Webhooks > Webhooks > New Webhook: URL {webhook}, events convo.created and "
            "convo.customer.reply.created.",
            "No secret is entered there: FreeScout signs with a key made of its APP_KEY, which you have given. If the APP_KEY is "
            "changed, give the new one: innkeeper connect freescout --secret-file FILE.",
            f"Manage > Users: user {settings.user} is Innkeeper's alone and may see every mailbox that it answers.",
            f"To give a conversation back to the assistant, remove {handed}.",
        )
    )


def sample(settings: FreeScoutSettings, now: float) -> Sample:
    """A note in a conversation that isn't there."""
    body = b'{"id":1,"type":"email","status":"active","subject":"Test"}'
    is_short = settings.algorithm == "sha1-base64"
    [digest, *_] = signatures.digests(settings.secrets, body, "sha1" if is_short else "sha256")
    signature = base64.b64encode(digest).decode() if is_short else digest.hex()
    return Sample({_SIGNATURE: signature, _EVENT: "convo.note.created"}, body)


OWN_SECRET = (
    "the APP_KEY of FreeScout's .env file (base64:…), or the key that FreeScout makes of it: "
    """printf '%swebhook_key' "$APP_KEY" | md5sum"""
)
SYSTEM = System("freescout", FreeScout, FreeScoutReceiver, setup, sample, own_secret=OWN_SECRET)
_: type[Helpdesk] = FreeScout
