"""Freshdesk's API v2 and an automation rule's webhook, as its reference and its articles of 2026 have them."""

import base64
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import FreshdeskSettings
from tests.contract.helpdesks.fake_desk import (
    EMAIL,
    ME,
    STAFF,
    TOKEN,
    Entry,
    FakeDesk,
    FakeTicket,
    Webhook,
    dumps,
)
from tests.contract.helpdesks.markup import as_html, as_text

SECRET = "a-secret-of-32-characters-or-more"
REQUESTER = 8
GROUPS = {21: "Users", 22: "Billing", 23: "Returns", 24: "Night shift"}
STATUSES = {2: "open", 3: "pending", 4: "resolved", 5: "closed"}
PER_PAGE = 3


class FakeFreshdesk(FakeDesk):
    system = "freshdesk"
    signs = False

    def settings(self, url: str) -> FreshdeskSettings:
        return FreshdeskSettings(
            system="freshdesk",
            url=url,
            token=TOKEN,
            secrets=(SECRET,),
            queues={"billing": "22"},
            default_queue="21",
            timeout_s=self.timeout_s,
        )

    def is_ours(self, request: Request) -> bool:
        # The key is the user of Basic authentication; any password will do.
        kind, _, told = request.headers.get("authorization", "").partition(" ")
        return kind == "Basic" and base64.b64decode(told).decode().partition(":")[0] == TOKEN

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        # What the rule's author has put in: placeholders of the ticket, always as text.
        body = {"ticket_id": str(ticket.id), "event": "{ticket_action:update}", "updated_at": _at(entry.at)}
        return self.signed(dumps({**body, "subject": ticket.subject}))

    def signed(self, body: bytes) -> Webhook:
        return Webhook({"X-Innkeeper-Secret": SECRET}, body)

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return "ai-handoff" in ticket.tags and ticket.status == "open"

    def gives_back(self, ticket: FakeTicket) -> bool:
        ticket.tags.remove("ai-handoff")
        return True

    def ticket(self, ticket: FakeTicket) -> dict[str, Any]:
        first = ticket.entries[0]
        return {
            "id": ticket.id,
            # A ticket that came by mail has the mail's subject, and its words as the description.
            "subject": first.subject or ticket.subject,
            "description": as_html(first),
            "description_text": as_text(first),
            "requester_id": REQUESTER,
            "responder_id": ticket.assignee,
            "group_id": next((number for number, name in GROUPS.items() if name == ticket.group), None),
            "status": next((number for number, name in STATUSES.items() if name == ticket.status), 2),
            "priority": 1,
            "source": 1,
            "spam": ticket.status == "spam",
            **({"deleted": True} if ticket.status == "deleted" else {}),
            "tags": list(ticket.tags),
            "to_emails": ["support@example.freshdesk.com"],
            "cc_emails": [],
            "created_at": _at(first.at),
            "updated_at": _at(ticket.updated),
        }

    def conversation(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        return {
            "id": entry.id,
            "ticket_id": ticket.id,
            "body": as_html(entry),
            "body_text": as_text(entry),
            "incoming": entry.wrote == "customer",
            "private": not entry.public,
            "user_id": {"customer": REQUESTER, "staff": STAFF, "us": ME}.get(entry.wrote),
            "source": 0 if entry.public or entry.mailed else 2,
            "support_email": None,
            "from_email": ticket.email if entry.wrote == "customer" else None,
            "to_emails": [],
            "attachments": [],
            "created_at": _at(entry.at),
            "updated_at": _at(entry.at),
        }

    def page(self, found: list[dict[str, Any]], request: Request) -> JSONResponse:
        """One page, and where the next one is (absolute, as GitHub's and Freshdesk's are)."""
        page = int(request.query_params.get("page", 1))
        size = min(int(request.query_params.get("per_page", 30)), PER_PAGE)
        following = request.url.include_query_params(page=page + 1)
        headers = {"link": f'<{following}>; rel="next"'} if len(found) > page * size else {}
        return JSONResponse(found[(page - 1) * size : page * size], headers=headers)

    def add_routes(self, app: FastAPI) -> None:
        @app.get("/api/v2/agents/me")
        async def me() -> dict[str, Any]:
            contact = {"name": "Assistant", "email": "assistant@example.com", "active": True}
            return {"id": ME, "available": True, "occasional": False, "ticket_scope": 1, "contact": contact}

        @app.get("/api/v2/groups")
        async def groups(request: Request) -> Any:
            return self.page([{"id": number, "name": name} for number, name in GROUPS.items()], request)

        @app.get("/api/v2/tickets")
        async def tickets(request: Request) -> Any:
            return self.page([self.ticket(one) for one in self.tickets.values()], request)

        @app.get("/api/v2/tickets/{ticket_id}")
        async def ticket(ticket_id: int, include: str = "") -> Any:
            found = self.tickets.get(ticket_id)
            if found is None:
                return JSONResponse(None, 404)
            requester = {"id": REQUESTER, "name": found.name, "email": found.email, "mobile": None, "phone": None}
            return self.ticket(found) | ({"requester": requester} if "requester" in include else {})

        @app.get("/api/v2/tickets/{ticket_id}/conversations")
        async def conversations(ticket_id: int, request: Request) -> Any:
            ticket = self.tickets[ticket_id]
            return self.page([self.conversation(ticket, one) for one in ticket.entries[1:]], request)

        self._add_writes(app)

    def _add_writes(self, app: FastAPI) -> None:
        @app.post("/api/v2/tickets/{ticket_id}/reply")
        async def reply(ticket_id: int, request: Request) -> Any:
            ticket = self.tickets[ticket_id]
            entry = self.add(ticket, "us", (await request.json())["body"], html=True)
            return JSONResponse(self.conversation(ticket, entry), 201)

        @app.post("/api/v2/tickets/{ticket_id}/notes")
        async def note(ticket_id: int, request: Request) -> Any:
            wanted = await request.json()
            ticket = self.tickets[ticket_id]
            # A note is private unless it says otherwise.
            entry = self.add(ticket, "us", wanted["body"], html=True, public=not wanted.get("private", True))
            return JSONResponse(self.conversation(ticket, entry), 201)

        @app.put("/api/v2/tickets/{ticket_id}")
        async def change(ticket_id: int, request: Request) -> Any:
            wanted = await request.json()
            ticket = self.tickets[ticket_id]
            if unknown := set(wanted) - {"tags", "status", "group_id", "priority", "responder_id"}:
                return invalid(*unknown)
            if wanted.get("group_id", 21) not in GROUPS:
                return invalid("group_id")
            ticket.tags = list(wanted.get("tags", ticket.tags))
            ticket.status = STATUSES[wanted["status"]] if "status" in wanted else ticket.status
            ticket.group = GROUPS[wanted["group_id"]] if "group_id" in wanted else ticket.group
            return self.ticket(ticket)

        @app.post("/api/v2/tickets")
        async def create(request: Request) -> Any:
            wanted = await request.json()
            needed = ("subject", "description", "email", "status", "priority", "source")
            if missing := [name for name in needed if not wanted.get(name)]:
                return invalid(*missing)
            ticket = FakeTicket(next(self._ticket_ids), wanted["subject"], group=GROUPS[wanted["group_id"]], email=EMAIL)
            ticket.tags = list(wanted.get("tags", []))
            self.tickets[ticket.id] = ticket
            # Whoever opens it: its words are the requester's.
            self.add(ticket, "customer", wanted["description"], html=True)
            return JSONResponse(self.ticket(ticket), 201)


def invalid(*fields: str) -> JSONResponse:
    errors = [{"field": one, "message": "It should be a valid value", "code": "invalid_value"} for one in fields]
    return JSONResponse({"description": "Validation failed", "errors": errors}, 400)


def _at(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%SZ"))
