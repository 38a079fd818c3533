"""Zendesk's ticketing API and webhooks, as its documentation of 2026 has them: once by events, once by a trigger."""

import base64
import hashlib
import hmac
import html
import re
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import ZendeskSettings
from tests.contract.helpdesks.fake_desk import (
    EMAIL,
    ME,
    NAME,
    STAFF,
    TOKEN,
    Entry,
    FakeDesk,
    FakeTicket,
    Webhook,
    dumps,
)

SECRET = "zd_secret"
LOGIN = "assistant@example.com"
CUSTOMER, FLATMATE, RULE = 9, 5512, -1
PAGE = 3  # at most so many objects a page; Zendesk's own is 100
GROUPS = {1: "Users", 2: "Billing", 4: "Sales", 5: "Returns"}
AUTHORS = {"customer": CUSTOMER, "staff": STAFF, "us": ME, "machine": RULE}
USERS = {
    ME: {"id": ME, "name": "Assistant", "email": LOGIN, "role": "agent", "only_private_comments": False},
    STAFF: {"id": STAFF, "name": "Sam", "role": "admin", "only_private_comments": False},
    CUSTOMER: {"id": CUSTOMER, "name": "Emily", "role": "end-user", "email": EMAIL},
    FLATMATE: {"id": FLATMATE, "name": "Tom", "role": "end-user", "email": "flatmate@example.com"},
}


def seconds(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def missing() -> JSONResponse:
    return JSONResponse({"error": "RecordNotFound", "description": "Not found"}, 404)


class FakeZendesk(FakeDesk):
    system = "zendesk"

    def __init__(self) -> None:
        super().__init__()
        self.changes: dict[int, int] = {}
        self.opened: dict[str, FakeTicket] = {}
        self.copied: dict[int, int] = {}  # users in copy, by the comment that is theirs
        self.senders: dict[int, str] = {}  # address that a comment came from
        self.is_light = False  # our agent may write internal notes only

    def settings(self, url: str) -> ZendeskSettings:
        return ZendeskSettings(
            system="zendesk",
            url=url,
            email=LOGIN,
            token=TOKEN,
            secrets=(SECRET,),
            queues={"billing": "2"},
            default_queue="5",
            timeout_s=self.timeout_s,
        )

    def is_ours(self, request: Request) -> bool:
        credentials = base64.b64encode(f"{LOGIN}/token:{TOKEN}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {credentials}"

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return ticket.tags == ["vip", "ai-handoff"] and ticket.status == "open"

    def gives_back(self, ticket: FakeTicket) -> bool:
        ticket.tags.remove("ai-handoff")
        return True

    def customer_writes(self, text: str, ticket_id: int | None = None, **more: Any) -> tuple[int, Entry]:
        ticket_id, entry = super().customer_writes(text, ticket_id, **more)
        ticket = self.tickets[ticket_id]
        if len(ticket.entries) == 1:
            # A mail gives the ticket its subject.
            ticket.subject = entry.subject
            ticket.tags.append("vip")
        elif ticket.status != "new":
            ticket.status = "open"
        return ticket_id, entry

    # What it sends.

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        comment = {
            "id": entry.id,
            "body": entry.text,
            "is_public": entry.public,
            "author": {"id": AUTHORS[entry.wrote], "is_staff": entry.wrote in ("staff", "us"), "name": "…"},
        }
        is_first = entry is ticket.entries[0]
        event = {
            "account_id": 123456,
            "id": delivery,
            "time": seconds(entry.at),
            "type": "zen:event-type:ticket.created" if is_first else "zen:event-type:ticket.comment_added",
            "subject": f"zen:ticket:{ticket.id}",
            "zendesk_event_version": "2022-11-06",
            "detail": {
                "id": str(ticket.id),
                "status": ticket.status.upper(),
                "subject": ticket.subject,
                "requester_id": str(CUSTOMER),
                "assignee_id": str(ticket.assignee) if ticket.assignee else None,
                "tags": ticket.tags,
                "via": {"channel": "email"},
                "is_public": any(one.public for one in ticket.entries),
                "updated_at": self.updated(ticket),
            },
            "event": {"meta": {"sequence": {"id": "s1", "position": 1}}} | ({} if is_first else {"comment": comment}),
        }
        return self.signed(dumps(event), delivery)

    def signed(self, body: bytes, delivery: str = "d0") -> Webhook:
        timestamp = seconds(datetime.now(UTC))
        signature = base64.b64encode(hmac.digest(SECRET.encode(), timestamp.encode() + body, hashlib.sha256)).decode()
        return Webhook(
            {
                "X-Zendesk-Account-Id": "123456",
                "X-Zendesk-Webhook-Id": "01GRS0DDHRK9QN7YH4Y3M1N2K3",
                "X-Zendesk-Webhook-Invocation-Id": f"invocation-of-{delivery}",
                "X-Zendesk-Webhook-Signature": signature,
                "X-Zendesk-Webhook-Signature-Timestamp": timestamp,
            },
            body,
        )

    def updated(self, ticket: FakeTicket) -> str:
        at = ticket.updated.timestamp() + self.changes.get(ticket.id, 0)
        return seconds(datetime.fromtimestamp(at, UTC))

    def ticket(self, ticket: FakeTicket) -> dict[str, Any]:
        return {
            "id": ticket.id,
            "subject": ticket.subject,
            "raw_subject": ticket.subject,
            "description": ticket.entries[0].text,
            "status": ticket.status,
            "priority": None,
            "requester_id": CUSTOMER,
            "submitter_id": CUSTOMER,
            "assignee_id": ticket.assignee,
            "group_id": next(number for number, name in GROUPS.items() if name == ticket.group),
            "tags": list(ticket.tags),
            "via": {"channel": "email"},
            "is_public": True,
            "created_at": seconds(ticket.entries[0].at),
            "updated_at": self.updated(ticket),
        }

    def comment(self, entry: Entry) -> dict[str, Any]:
        shown = entry.text if entry.html else f"<p>{html.escape(entry.text)}</p>"
        return {
            "id": entry.id,
            "type": "Comment",
            "author_id": self.copied.get(entry.id, AUTHORS[entry.wrote]),
            "body": re.sub(r"<[^>]+>", "", entry.text) if entry.html else entry.text,
            "html_body": f'<div class="zd-comment" dir="auto">{shown}</div>',
            "public": entry.public,
            "attachments": [],
            "audit_id": entry.id + 10_000,
            "via": self.via(entry),
            "created_at": seconds(entry.at),
            "metadata": {"system": {}, "custom": {}},
        }

    def via(self, entry: Entry) -> dict[str, Any]:
        sender = {"address": self.senders.get(entry.id, EMAIL), "name": NAME} if entry.wrote == "customer" else {}
        return {"channel": "email" if sender or entry.mailed else "api", "source": {"from": sender, "to": {}, "rel": None}}

    # Its API.

    def add_routes(self, app: FastAPI) -> None:
        @app.get("/api/v2/users/me")
        async def me() -> Any:
            return {"user": USERS[ME] | {"only_private_comments": self.is_light}}

        @app.get("/api/v2/users/show_many")
        async def show_many(ids: str) -> Any:
            found = [USERS[int(one)] for one in ids.split(",") if int(one) in USERS]
            return {"users": found, "count": len(found), "next_page": None, "previous_page": None}

        @app.get("/api/v2/groups")
        async def groups(request: Request) -> Any:
            return self.page(request, "groups", [{"id": number, "name": name} for number, name in GROUPS.items()])

        @app.get("/api/v2/tickets")
        async def tickets(request: Request) -> Any:
            return self.page(request, "tickets", [self.ticket(one) for one in self.tickets.values()])

        @app.get("/api/v2/tickets/{number}")
        async def ticket(number: int) -> Any:
            found = self.tickets.get(number)
            return {"ticket": self.ticket(found)} if found else missing()

        @app.get("/api/v2/tickets/{number}/comments")
        async def comments(number: int, request: Request) -> Any:
            found = self.tickets.get(number)
            return self.page(request, "comments", [self.comment(one) for one in found.entries]) if found else missing()

        self._add_writes(app)

    def page(self, request: Request, key: str, found: list[dict[str, Any]]) -> Any:
        size = request.query_params.get("page[size]")
        if size is None:
            raise AssertionError("without page[size] Zendesk answers by offset, which it advises against")
        start = int(request.query_params.get("page[after]", "c0")[1:])
        end = start + min(int(size), PAGE)
        has_more = end < len(found)
        links = {"next": f"{request.url.path}?page[size]={size}&page[after]=c{end}" if has_more else None, "prev": None}
        return {key: found[start:end], "meta": {"has_more": has_more, "after_cursor": f"c{end}"}, "links": links}

    def _add_writes(self, app: FastAPI) -> None:
        @app.put("/api/v2/tickets/{number}")
        async def change(number: int, request: Request) -> Any:
            wanted, ticket = (await request.json())["ticket"], self.tickets.get(number)
            if ticket is None:
                return missing()
            if wanted.get("safe_update") and wanted["updated_stamp"] != self.updated(ticket):
                return JSONResponse({"error": "UpdateConflict", "description": "Safe Update prevented the update"}, 409)
            return {"ticket": self.ticket(ticket), "audit": {"ticket_id": number, "events": self.applied(ticket, wanted)}}

        @app.put("/api/v2/tickets/{number}/tags")
        async def add_tags(number: int, request: Request) -> Any:
            tags = self.tickets[number].tags
            tags += [tag.lower() for tag in (await request.json())["tags"] if tag.lower() not in tags]
            self.changes[number] = self.changes.get(number, 0) + 1
            return {"tags": tags}

        @app.post("/api/v2/tickets")
        async def create(request: Request) -> Any:
            wanted, key = (await request.json())["ticket"], request.headers.get("idempotency-key", "")
            if key not in self.opened:
                group = GROUPS[wanted.get("group_id", 1)]
                ticket = FakeTicket(next(self._ticket_ids), wanted["subject"], group=group, tags=wanted.get("tags", []))
                ticket.email, ticket.name = wanted["requester"]["email"], wanted["requester"]["name"]
                self.tickets[ticket.id] = self.opened[key] = ticket
                self.applied(ticket, {"comment": wanted["comment"]})
            return JSONResponse({"ticket": self.ticket(self.opened[key])}, 201)

    def applied(self, ticket: FakeTicket, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Make the changes; the events of their audit."""
        events: list[dict[str, Any]] = []
        if comment := wanted.get("comment"):
            public = comment.get("public", True) and not self.is_light
            text = comment.get("html_body") or comment["body"]
            entry = self.add(ticket, "us", text, public=public, html="html_body" in comment)
            events.append({"id": entry.id, "type": "Comment", "public": public, "author_id": ME, "html_body": text})
        if "group_id" in wanted:
            ticket.group = GROUPS[wanted["group_id"]]
        for name, at in (("status", "status"), ("assignee_id", "assignee"), ("tags", "tags")):
            if name in wanted:
                events.append({"type": "Change", "field_name": name, "value": wanted[name]})
                setattr(ticket, at, wanted[name])
        self.changes[ticket.id] = self.changes.get(ticket.id, 0) + 1
        return events


class FakeZendeskTrigger(FakeZendesk):
    """A webhook by a trigger, which sends the body that its author has written; this one has no conditions."""

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        return self.signed(b'{"ticket_id": "%d"}' % ticket.id, delivery)
