"""Zendesk: tickets and comments by its ticketing API.

Source: Zendesk's developer documentation (tickets, comments, tags, update collisions, cursor pagination), 2026. Not tried
against a server: that a reply is refused with 409 when the ticket has changed (switch it off by `safe_update`), and
`Idempotency-Key` for a new ticket.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import httpx

from agent.channels.helpdesks.automatic import automatic_mail, automatic_subject
from agent.channels.helpdesks.checking import Checks
from agent.channels.helpdesks.http import DeskApi
from agent.channels.helpdesks.reading import said, utc
from agent.channels.helpdesks.senders import claimed
from agent.channels.helpdesks.types import (
    Contact,
    DeskMessage,
    DeskTicket,
    Finding,
    Helpdesk,
    Owner,
    Setup,
    System,
    Words,
    Wrote,
)
from agent.channels.helpdesks.zendesk_webhooks import ZendeskReceiver, sample
from agent.errors import AgentError, HelpdeskRefused
from agent.helpdesk_settings import ZendeskSettings
from agent.types import NOBODY, Customer

MAX_PAGES = 50
PAGE = 100
"""Both: a ticket has at most 5,000 comments."""
STAFF = frozenset({"agent", "admin"})
_Person = tuple[Wrote, Customer]
_GONE: _Person = (Wrote.STAFF, NOBODY)
"""Somebody who is there no more counts as staff: we keep silent rather than talk over a person."""


class Zendesk:
    """`Helpdesk` by Zendesk's ticketing API."""

    def __init__(self, source: str, settings: ZendeskSettings) -> None:
        self._settings = settings
        self._tag = settings.stop_tag.lower()  # as Zendesk keeps it
        auth = httpx.BasicAuth(f"{settings.email}/token", settings.token.get_secret_value())
        self._api = DeskApi(source, settings, {}, auth)
        self._me: int | None = None

    async def aclose(self) -> None:
        """Close its connections."""
        await self._api.aclose()

    async def read(self, ticket_id: str) -> DeskTicket:
        """The ticket, its comments, and who their authors are."""
        me = await self._own_id()
        ticket = (await self._api.get(self._path(ticket_id)))["ticket"]
        comments = await self._all(f"{self._path(ticket_id)}/comments", "comments")
        comments.sort(key=lambda one: (utc(one["created_at"]), int(one["id"])))
        requester = ticket.get("requester_id")
        authors = await self._people({one.get("author_id") for one in comments} - {me})
        authors |= {me: (Wrote.US, NOBODY), requester: (Wrote.CUSTOMER, authors.get(requester, _GONE)[1])}
        messages = [_message(one, authors) for one in comments]
        if messages and messages[0].wrote is Wrote.CUSTOMER and automatic_subject(ticket.get("subject")):
            messages[0] = replace(messages[0], automatic=True)
        return DeskTicket(
            ticket_id=str(ticket["id"]),
            subject=ticket.get("subject"),
            messages=tuple(messages),
            owner=self._owner(ticket, me),
            known={"updated_at": ticket["updated_at"], "is_mine": ticket.get("assignee_id") == me},
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A public comment, unless the ticket has changed since it was read.

        Raises:
            HelpdeskRefused: Zendesk has made a note of it, as it does for agents who may not write to customers.
        """
        wanted: dict[str, Any] = {"comment": {"html_body": words.html, "public": True}}
        if self._settings.replied:
            wanted["status"] = self._settings.replied
        if self._settings.safe_update:
            wanted |= {"safe_update": True, "updated_stamp": ticket.known["updated_at"]}
        answer = await self._change(ticket, wanted)
        events = (answer.get("audit") or {}).get("events") or []
        if any(one.get("type") == "Comment" and one.get("public") is False for one in events):
            raise HelpdeskRefused(
                f"ticket {ticket.ticket_id}: the reply became an internal note; give {self._settings.email} a role "
                "that may write public comments"
            )

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """An internal note."""
        await self._change(ticket, {"comment": {"html_body": words.html, "public": False}})

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """Open, in the group, no longer ours; then the stop tag."""
        wanted: dict[str, Any] = {"status": "open"}
        if group := self._settings.queue(queue):
            wanted["group_id"] = int(group)
        if ticket.known["is_mine"]:
            wanted["assignee_id"] = None
        await self._change(ticket, wanted)
        # Adds to the tags that are there; a ticket's own field `tags` would replace them.
        await self._api.put(f"{self._path(ticket.ticket_id)}/tags", {"tags": [self._tag]})

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new ticket with an internal note and the stop tag. Needs the customer's address."""
        if contact.email is None:
            raise HelpdeskRefused("a new Zendesk ticket needs the customer's e-mail address")
        ticket: dict[str, Any] = {
            "subject": subject,
            "comment": {"html_body": words.html, "public": False},
            "requester": {"name": contact.name or contact.email, "email": contact.email},
            "tags": [self._tag],
        }
        if self._settings.default_queue:
            ticket["group_id"] = int(self._settings.default_queue)
        headers = {"Idempotency-Key": mark}
        return str((await self._api.call("POST", "/api/v2/tickets", json={"ticket": ticket}, headers=headers))["ticket"]["id"])

    async def check(self) -> list[Finding]:
        """Address, token, role, tickets, groups."""
        checks = Checks()
        if await checks.ok("token", lambda: self._api.get("/api/v2/users/me"), self._tell_me):
            await checks.ok("tickets", lambda: self._api.get("/api/v2/tickets", **{"page[size]": 1}), lambda _: "can be read")
            await checks.names("groups", lambda: self._all("/api/v2/groups", "groups"), self._settings, "id")
        return checks.findings

    def _tell_me(self, answer: dict[str, Any]) -> str:
        user = answer["user"]
        if user.get("role") not in STAFF:
            raise AgentError(f"{self._settings.email} is no agent, or its token is wrong: Zendesk takes it for a customer")
        if user.get("only_private_comments"):
            raise AgentError(f"{self._settings.email} may write internal notes only: give it a role that may write to customers")
        return f"it is {user['role']} {int(user['id'])}"

    def _path(self, ticket_id: str) -> str:
        return f"/api/v2/tickets/{int(ticket_id)}"

    async def _change(self, ticket: DeskTicket, wanted: dict[str, Any]) -> dict[str, Any]:
        return await self._api.put(self._path(ticket.ticket_id), {"ticket": wanted}) or {}

    async def _all(self, path: str, key: str) -> list[dict[str, Any]]:
        """Every object of a list, by cursor."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            answer = await self._api.get(path, **{"page[size]": PAGE, "page[after]": cursor})
            found += answer[key]
            meta = answer.get("meta") or {}
            cursor = meta.get("after_cursor")
            if not (meta.get("has_more") and cursor):
                break
        return found

    async def _own_id(self) -> int:
        if self._me is None:
            self._me = int((await self._api.get("/api/v2/users/me"))["user"]["id"])
        return self._me

    async def _people(self, users: Iterable[int | None]) -> dict[int | None, _Person]:
        """Who they are, by role, and by the address of who is no agent."""
        wanted = sorted(user for user in users if user is not None and user > 0)
        people: dict[int | None, _Person] = dict.fromkeys(wanted, _GONE)
        for start in range(0, len(wanted), PAGE):
            ids = ",".join(str(user) for user in wanted[start : start + PAGE])
            for user in (await self._api.get("/api/v2/users/show_many", ids=ids))["users"]:
                is_customer = user.get("role") == "end-user"
                people[user["id"]] = (Wrote.CUSTOMER if is_customer else Wrote.STAFF, claimed(user.get("email")))
        return people

    def _owner(self, ticket: dict[str, Any], me: int) -> Owner:
        is_assigned = ticket.get("assignee_id") not in (None, me)
        if self._tag in (ticket.get("tags") or []) or (is_assigned and not self._settings.answers_assigned):
            return Owner.PERSON
        return Owner.US


def _message(comment: dict[str, Any], authors: Mapping[int | None, _Person]) -> DeskMessage:
    # Rules write as user -1.
    wrote, customer = authors.get(comment.get("author_id"), (Wrote.MACHINE, NOBODY))
    via = comment.get("via") or {}
    is_mail = via.get("channel") == "email"
    by_mail = wrote is Wrote.CUSTOMER and is_mail
    sender = ((via.get("source") or {}).get("from") or {}).get("address") or ""
    html = comment.get("html_body")
    return DeskMessage(
        message_id=str(comment["id"]),
        wrote=wrote,
        text=said(None if html else comment.get("body"), html, mail=by_mail),
        sent_at=utc(comment["created_at"]),
        public=comment.get("public") is True,
        automatic=by_mail and automatic_mail({"from-address": sender}) is not None,
        customer=customer if wrote is Wrote.CUSTOMER else NOBODY,
        may_be_forged=is_mail,
    )


def setup(settings: ZendeskSettings) -> Setup:
    """A webhook by events, or one by a trigger where its conditions are wanted."""
    return Setup(
        steps=(
            "Admin Center > Apps and integrations > Webhooks > Create webhook > Zendesk events: "
            "Ticket > Comment added to ticket, Ticket created.",
            "  Endpoint URL {webhook}, request method POST, request format JSON, no authentication.",
            "Zendesk makes the signing secret itself: Reveal secret, and copy it into `secrets` of the settings.",
            "Or by a trigger, to choose tickets by its conditions: create the webhook with Trigger or automation, then",
            "  Objects and rules > Business rules > Triggers > Create trigger.",
            "  Conditions: Current user is (end user); Comment is public; "
            f"Tags contains none of the following {settings.stop_tag.lower()}.",
            '  Actions: Notify active webhook, the one above; JSON body: {"ticket_id": "{{ticket.id}}"}',
            f"To give a ticket back to the assistant, remove its tag {settings.stop_tag.lower()} and its assignee.",
        ),
    )


SYSTEM = System("zendesk", Zendesk, ZendeskReceiver, setup, sample)
_: type[Helpdesk] = Zendesk
