"""Freshdesk: webhooks by automation rules, which sign nothing; tickets and conversations by its API v2.

Source: Freshdesk API v2 reference (tickets, conversations, agents, groups; pages by the `Link` header); Freshdesk's articles on
webhooks in automation rules, 2026. Nothing here was tried against a server. Doubtful, and so taken as it comes: whether a rule
can tell when the ticket was changed (without that, each delivery is looked at anew), and which agents may list groups.
A later out-of-office reply can't be told but by its sender: Freshdesk shows neither its headers nor its subject.
"""

import hashlib
import html
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agent.channels.helpdesks import signatures
from agent.channels.helpdesks.automatic import automatic_mail
from agent.channels.helpdesks.checking import Checks
from agent.channels.helpdesks.http import DeskApi
from agent.channels.helpdesks.reading import said, utc
from agent.channels.helpdesks.senders import address, claimed
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
from agent.channels.intake import parse_json
from agent.channels.problems import describe
from agent.errors import HelpdeskRefused, PayloadInvalid
from agent.helpdesk_settings import FreshdeskSettings
from agent.types import NOBODY

OPEN, LOW, PORTAL = 2, 1, 2
BY_EMAIL, OUTBOUND = 1, 10
"""Sources of a ticket: a customer's mail; a mail that an agent has written first."""
NOTE = 2
"""The source of a conversation that is a note, public or private."""
PER_PAGE = 100
MOST_PAGES = 50


def _digits(value: object) -> object:
    """`12`, `"12"` or `"#12"`, as rules write it."""
    return value.strip().removeprefix("#") if isinstance(value, str) else value


class _Event(BaseModel):
    """What a rule sends: our own JSON, or the names of the simple form."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)
    ticket_id: Annotated[int, BeforeValidator(_digits)] = Field(ge=0, validation_alias=AliasChoices("ticket_id", "id"))
    event: str | None = Field(None, validation_alias=AliasChoices("event", "triggered_event"))
    updated_at: str | None = None


class FreshdeskReceiver:
    """Compares the secret in a header and says which ticket it is about."""

    def __init__(self, settings: FreshdeskSettings) -> None:
        self._secrets = settings.secrets
        self._header = settings.header

    def receive(self, delivery: Delivery) -> Hint | None:
        """None for the test event. Who has written shows when the ticket is read. Raises as `Receiver`."""
        signatures.require_secret(self._secrets, signatures.header(delivery, self._header))
        body = parse_json(delivery.body)
        if isinstance(body, dict) and isinstance(body.get("freshdesk_webhook"), dict):
            body = body["freshdesk_webhook"]
        try:
            event = _Event.model_validate(body)
        except ValidationError as error:
            raise PayloadInvalid(describe(error)) from error
        if event.ticket_id == 0:
            return None
        # Without a time of change, two replies make the same body: then no delivery is taken for a repeat.
        stamp = event.updated_at or f"at {delivery.now!r}"
        told = hashlib.sha256(f"{event.event}|{stamp}".encode()).hexdigest()[:24]
        return Hint(f"{event.ticket_id}-{told}", str(event.ticket_id))


class Freshdesk:
    """`Helpdesk` by Freshdesk's API v2."""

    def __init__(self, source: str, settings: FreshdeskSettings) -> None:
        self._settings = settings
        self._api = DeskApi(source, settings, {}, httpx.BasicAuth(settings.token.get_secret_value(), "X"))
        self._me: int | None = None

    async def aclose(self) -> None:
        """Close its connections."""
        await self._api.aclose()

    async def read(self, ticket_id: str) -> DeskTicket:
        """The ticket, whose description is its first message, and its conversations page by page."""
        me = await self._own_id()
        ticket = await self._api.get(f"/api/v2/tickets/{int(ticket_id)}", include="requester")
        rest = [one async for one in self._pages(f"/api/v2/tickets/{int(ticket_id)}/conversations")]
        rest.sort(key=lambda one: (utc(one["created_at"]), int(one["id"])))
        requester = (ticket.get("requester_id"), _requester(ticket))
        return DeskTicket(
            ticket_id=str(ticket["id"]),
            subject=ticket.get("subject"),
            messages=(_description(ticket, me), *(_message(one, me, requester) for one in rest)),
            owner=self._owner(ticket, me),
            known={"has_email": bool(_requester(ticket))},
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A reply, which goes out by e-mail; a public note for a customer without an address."""
        if ticket.known["has_email"]:
            await self._api.post(f"/api/v2/tickets/{ticket.ticket_id}/reply", {"body": words.html})
        else:
            await self._note(ticket.ticket_id, words, private=False)

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A private note."""
        await self._note(ticket.ticket_id, words, private=True)

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """Stop tag, status and group in one call. The tags are read anew: a change replaces all of them."""
        path = f"/api/v2/tickets/{ticket.ticket_id}"
        tags = list((await self._api.get(path)).get("tags") or [])
        if self._settings.stop_tag not in tags:
            tags.append(self._settings.stop_tag)
        group = self._settings.queue(queue)
        await self._api.put(path, {"tags": tags, "status": OPEN} | ({"group_id": int(group)} if group else {}))

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new ticket in the customer's name, a person's at once, then a private note: the customer sees the description.

        If only the note fails, a repeat opens another ticket.
        """
        if contact.email is None:
            raise HelpdeskRefused("a new Freshdesk ticket needs the customer's e-mail address")
        wanted: dict[str, Any] = {
            "email": contact.email,
            "subject": subject,
            "description": html.escape(subject),
            "status": OPEN,
            "priority": LOW,
            "source": PORTAL,
            "tags": [self._settings.stop_tag],
        }
        if contact.name:
            wanted["name"] = contact.name
        if self._settings.default_queue:
            wanted["group_id"] = int(self._settings.default_queue)
        made = str((await self._api.post("/api/v2/tickets", wanted))["id"])
        await self._note(made, words, private=True)
        return made

    async def check(self) -> list[Finding]:
        """Address, key, tickets, groups."""
        checks = Checks()
        if await checks.ok("token", self._own_id, lambda me: f"it is agent {me}"):
            await checks.ok("tickets", lambda: self._api.get("/api/v2/tickets", per_page=1), lambda found: _can_read(list(found)))
            await checks.names("groups", self._groups, self._settings, "id")
        return checks.findings

    async def _groups(self) -> list[dict[str, Any]]:
        return [one async for one in self._pages("/api/v2/groups")]

    async def _note(self, ticket_id: str, words: Words, *, private: bool) -> None:
        await self._api.post(f"/api/v2/tickets/{ticket_id}/notes", {"body": words.html, "private": private})

    async def _pages(self, path: str) -> AsyncIterator[dict[str, Any]]:
        for page in range(1, MOST_PAGES + 1):
            found, is_more = await self._api.get_page(path, page=page, per_page=PER_PAGE)
            for one in found or []:
                yield one
            if not is_more:
                return
        raise HelpdeskRefused(f"{path} of the helpdesk {self._api.source!r} has more than {MOST_PAGES} pages: left to people")

    async def _own_id(self) -> int:
        if self._me is None:
            self._me = int((await self._api.get("/api/v2/agents/me"))["id"])
        return self._me

    def _owner(self, ticket: dict[str, Any], me: int) -> Owner:
        is_assigned = ticket.get("responder_id") not in (None, me)
        is_tagged = self._settings.stop_tag in (ticket.get("tags") or [])
        if is_tagged or ticket.get("spam") or ticket.get("deleted") or (is_assigned and not self._settings.answers_assigned):
            return Owner.PERSON
        return Owner.US


def _can_read(found: list[object]) -> str:
    return "can be read" if found else "can be read; there is none yet"


def _requester(ticket: dict[str, Any]) -> str:
    """Their address; empty if they have none."""
    return str((ticket.get("requester") or {}).get("email") or "")


def _description(ticket: dict[str, Any], me: int) -> DeskMessage:
    """The first message is the ticket itself; its id is none that a conversation could have."""
    wrote = Wrote.STAFF if ticket.get("source") == OUTBOUND else Wrote.CUSTOMER
    wrote = Wrote.US if ticket.get("requester_id") == me else wrote
    sender = _requester(ticket)
    return DeskMessage(
        message_id=f"t{ticket['id']}",
        wrote=wrote,
        text=said(html=ticket.get("description") or ticket.get("subject"), mail=ticket.get("source") == BY_EMAIL),
        sent_at=utc(ticket["created_at"]),
        automatic=automatic_mail({"from-address": sender, "subject": ticket.get("subject") or ""}) is not None,
        customer=claimed(sender) if wrote is Wrote.CUSTOMER else NOBODY,
    )


def _message(one: dict[str, Any], me: int, requester: tuple[int | None, str] = (None, "")) -> DeskMessage:
    # What is written in the portal comes from no address.
    is_requesters = one.get("user_id") is not None and one.get("user_id") == requester[0]
    sender = address(one.get("from_email") or (requester[1] if is_requesters else ""))
    if one.get("user_id") == me:
        wrote = Wrote.US
    elif one.get("incoming"):
        wrote = Wrote.CUSTOMER
    else:
        wrote = Wrote.STAFF if one.get("user_id") else Wrote.MACHINE
    return DeskMessage(
        message_id=str(one["id"]),
        wrote=wrote,
        text=said(html=one.get("body") or one.get("body_text"), mail=wrote is Wrote.CUSTOMER),
        sent_at=utc(one["created_at"]),
        public=not one.get("private", False),
        automatic=wrote is Wrote.CUSTOMER and automatic_mail({"from-address": sender}) is not None,
        customer=claimed(sender) if wrote is Wrote.CUSTOMER else NOBODY,
        may_be_forged=one.get("source") != NOTE,
    )


def setup(settings: FreshdeskSettings) -> Setup:
    """Two automation rules with the same webhook."""
    body = '{"ticket_id":"{{ticket.id}}","event":"{{triggered_event}}"}'
    return Setup(
        steps=(
            "Admin > Workflows > Automations > Ticket Creation > New rule: any condition that fits the tickets to answer.",
            "Admin > Workflows > Automations > Ticket Updates > New rule: "
            "when an action performed by Requester; event: Reply is sent.",
            "  In both: Action > Trigger Webhook: POST to {webhook}.",
            f"  Custom headers: {settings.header}: " + "{secret}",
            f"  Encoding JSON, content Advanced: {body}",
            "The API key is that of an agent of its own: Profile settings > Your API key.",
            f"To give a ticket back to the assistant, remove its tag {settings.stop_tag} and the agent.",
        ),
    )


def sample(settings: FreshdeskSettings, now: float) -> Sample:
    """An event of no ticket."""
    return Sample({settings.header: settings.secrets[0].get_secret_value()}, b'{"ticket_id":"0","event":"test"}')


SYSTEM = System("freshdesk", Freshdesk, FreshdeskReceiver, setup, sample)
_: type[Helpdesk] = Freshdesk
