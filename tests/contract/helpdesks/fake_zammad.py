"""Zammad's API and webhook, as its documentation of 2026 has them."""

import hashlib
import hmac
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import ZammadSettings
from tests.contract.helpdesks.fake_desk import (
    ME,
    STAFF,
    TOKEN,
    Entry,
    FakeDesk,
    FakeTicket,
    Webhook,
    dumps,
    iso,
)

SECRET = "s3cr3t-t0k3n"
SENDERS = {"customer": "Customer", "staff": "Agent", "us": "Agent", "machine": "System"}
AUTHORS = {"customer": 8, "staff": STAFF, "us": ME, "machine": 1}
GROUPS = ("Users", "Billing")


def missing() -> JSONResponse:
    return JSONResponse({"error": "Couldn't find Ticket"}, 404)


def forbidden() -> JSONResponse:
    return JSONResponse({"error": "User authorization failed."}, 403)


class FakeZammad(FakeDesk):
    system = "zammad"

    def __init__(self) -> None:
        super().__init__()
        self.extras: dict[int, dict[str, Any]] = {}  # of an article
        self.sent: list[dict[str, Any]] = []  # what was asked to be written, and so sent if its type is one that is
        self.is_agent = True  # our token has ticket.agent
        self.lists_groups = True  # as since 2025; before only to admin.group

    def settings(self, url: str) -> ZammadSettings:
        return ZammadSettings(
            system="zammad",
            url=url,
            token=TOKEN,
            secrets=(SECRET,),
            queues={"billing": "Billing"},
            default_queue="Users",
            timeout_s=self.timeout_s,
        )

    def is_ours(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Token token={TOKEN}"

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        return self.signed(dumps({"ticket": self.ticket(ticket), "article": self.article(ticket, entry)}), delivery)

    def signed(self, body: bytes, delivery: str = "d0") -> Webhook:
        signature = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
        return Webhook({"X-Hub-Signature": f"sha1={signature}", "X-Zammad-Delivery": delivery, "X-Zammad-Trigger": "AI"}, body)

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return "ai-handoff" in ticket.tags and ticket.status == "open"

    def gives_back(self, ticket: FakeTicket) -> bool:
        ticket.tags.remove("ai-handoff")
        return True

    def ticket(self, ticket: FakeTicket) -> dict[str, Any]:
        return {
            "id": ticket.id,
            "number": f"10{ticket.id:03}",
            "title": ticket.subject,
            "state": ticket.status,
            "group": {"id": 3, "name": ticket.group},
            "customer_id": 8,
            "owner_id": ticket.assignee or 1,
            "article_count": len(ticket.entries),
            "article_ids": [one.id for one in ticket.entries],
            "created_at": iso(ticket.entries[0].at),
            "updated_at": iso(ticket.updated),
        }

    def article(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        by_customer = entry.wrote == "customer"
        return {
            "id": entry.id,
            "ticket_id": ticket.id,
            "type": "email" if entry.public or entry.mailed else "note",
            "sender": SENDERS[entry.wrote],
            "internal": not entry.public,
            "content_type": "text/html" if entry.html else "text/plain",
            "subject": entry.subject or ticket.subject,
            "body": entry.text,
            "from": f"{ticket.name} <{ticket.email}>" if by_customer else "Support <support@example.com>",
            "message_id": f"<a{entry.id}@example.com>",
            "created_by_id": AUTHORS[entry.wrote],
            "origin_by_id": None,
            "preferences": {"is-auto-response": True} if entry.auto else {},
            "attachments": [],
            "created_at": iso(entry.at),
        } | self.extras.get(entry.id, {})

    def add_routes(self, app: FastAPI) -> None:
        @app.get("/api/v1/users/me")
        async def me() -> dict[str, Any]:
            return {"id": ME, "login": "assistant@example.com", "roles": ["Agent"]}

        @app.get("/api/v1/groups")
        async def groups() -> Any:
            found = [{"id": number, "name": name} for number, name in enumerate(GROUPS, 1)]
            return found if self.lists_groups else forbidden()

        @app.get("/api/v1/templates")
        async def templates() -> Any:
            return [] if self.is_agent else forbidden()

        @app.get("/api/v1/tickets")
        async def tickets() -> list[dict[str, Any]]:
            return [self.ticket(one) for one in self.tickets.values()]

        @app.get("/api/v1/tickets/{ticket_id}")
        async def ticket(ticket_id: int) -> Any:
            found = self.tickets.get(ticket_id)
            return self.ticket(found) if found else missing()

        @app.get("/api/v1/ticket_articles/by_ticket/{ticket_id}")
        async def articles(ticket_id: int) -> Any:
            found = self.tickets.get(ticket_id)
            return [self.article(found, one) for one in found.entries] if found else missing()

        @app.get("/api/v1/tags")
        async def tags(object: str, o_id: int) -> Any:
            assert object == "Ticket"
            return {"tags": self.tickets[o_id].tags}

        self._add_writes(app)

    def _add_writes(self, app: FastAPI) -> None:
        @app.post("/api/v1/tags/add")
        async def add_tag(request: Request) -> Any:
            wanted = await request.json()
            tags = self.tickets[wanted["o_id"]].tags
            if wanted["item"] not in tags:
                tags.append(wanted["item"])
            return JSONResponse(True, 201)

        @app.post("/api/v1/ticket_articles")
        async def add_article(request: Request) -> Any:
            wanted = await request.json()
            ticket = self.tickets[wanted["ticket_id"]]
            # An internal e-mail is still sent to the customer. What isn't an agent's is never internal.
            public = wanted["type"] == "email" or not wanted["internal"] or not self.is_agent
            self.sent.append(wanted)
            entry = self.add(ticket, "us", wanted["body"], public=public, html=wanted["content_type"] == "text/html")
            return JSONResponse(self.article(ticket, entry), 201)

        @app.put("/api/v1/tickets/{ticket_id}")
        async def change(ticket_id: int, request: Request) -> Any:
            wanted = await request.json()
            ticket = self.tickets[ticket_id]
            if wanted.get("group", "Users") not in GROUPS:
                return JSONResponse({"error": f"No lookup value found for 'group': {wanted['group']!r}"}, 422)
            ticket.status = wanted.get("state", ticket.status)
            ticket.group = wanted.get("group", ticket.group)
            return self.ticket(ticket)

        @app.post("/api/v1/tickets")
        async def create(request: Request) -> Any:
            wanted = await request.json()
            assert wanted["customer_id"].startswith("guess:")
            ticket = FakeTicket(next(self._ticket_ids), wanted["title"], group=wanted["group"], email=wanted["customer_id"][6:])
            self.tickets[ticket.id] = ticket
            self.add(ticket, "us", wanted["article"]["body"], public=not wanted["article"]["internal"], html=True)
            return JSONResponse(self.ticket(ticket), 201)
