"""django-helpdesk's REST API and webhooks, as its package 2.6.1 has them."""

import base64
import re
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import DjangoHelpdeskSettings
from tests.contract.helpdesks.fake_desk import ME, STAFF, TOKEN, Entry, FakeDesk, FakeTicket, Webhook, dumps

SECRET = "s3cr3t-in-the-path"
USER = "innkeeper"
QUEUES = {1: "Users", 2: "Billing"}
AUTHORS = {"customer": None, "staff": STAFF, "us": ME, "machine": None}
STATUSES = {"new": 1, "reopened": 2, "resolved": 3, "closed": 4}
ZONE = ZoneInfo("Europe/Berlin")
PAGE = 3


class FakeDjangoHelpdesk(FakeDesk):
    system = "django-helpdesk"
    signs = False

    def __init__(self) -> None:
        super().__init__()
        self.has_field = True
        self.on_hold: set[int] = set()
        self.ticked: set[int] = set()

    def settings(self, url: str) -> DjangoHelpdeskSettings:
        return DjangoHelpdeskSettings(
            system="django-helpdesk",
            url=url,
            token=TOKEN,
            user=USER,
            user_id=ME,
            secrets=(SECRET,),
            queues={"billing": "2"},
            default_queue="1",
            timeout_s=self.timeout_s,
        )

    def is_ours(self, request: Request) -> bool:
        return request.headers.get("authorization") == "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        body = {"ticket": self.ticket(ticket), "queue_slug": ticket.group.lower()}
        return self.signed(dumps(body if entry is ticket.entries[0] else body | {"followup_id": entry.id}))

    def signed(self, body: bytes) -> Webhook:
        return Webhook({"User-Agent": "python-requests/2.33.0"}, body, SECRET)

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return ticket.id in (self.ticked if self.has_field else self.on_hold)

    def gives_back(self, ticket: FakeTicket) -> bool:
        (self.ticked if self.has_field else self.on_hold).remove(ticket.id)
        return True

    def ticket(self, ticket: FakeTicket) -> dict[str, Any]:
        first = ticket.entries[0]
        field = {"custom_ai-handoff": True if ticket.id in self.ticked else None} if self.has_field else {}
        return {
            "id": ticket.id,
            "queue": next(number for number, name in QUEUES.items() if name == ticket.group),
            "title": first.subject if first.auto else ticket.subject,
            "description": first.text,
            "resolution": None,
            "submitter_email": ticket.email,
            "assigned_to": ticket.assignee,
            "status": STATUSES[ticket.status],
            "on_hold": ticket.id in self.on_hold,
            "priority": 3,
            "due_date": None,
            "merged_to": None,
            "followup_set": [self.follow_up(ticket, one) for one in ticket.entries],
            **field,
        }

    def follow_up(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        by_mail = entry.mailed or (entry.wrote == "customer" and entry is not ticket.entries[0])
        return {
            "id": entry.id,
            "ticket": ticket.id,
            "user": AUTHORS[entry.wrote],
            "title": f"E-Mail Received from {ticket.email}" if by_mail else entry.subject or ticket.subject,
            "comment": entry.text,
            "public": entry.public,
            "new_status": None,
            "time_spent": None,
            "followupattachment_set": [],
            "date": entry.at.astimezone(ZONE).isoformat(),
            "message_id": f"<a{entry.id}@example.com>" if by_mail else None,
            "email_recipients": [] if entry.auto or not entry.public else [ticket.email],
        }

    def add_routes(self, app: FastAPI) -> None:
        @app.get("/api/tickets/")
        async def tickets(page_size: int = PAGE, page: str = "1") -> Any:
            return paged([self.ticket(one) for one in self.tickets.values()], page, page_size)

        @app.get("/api/tickets/{ticket_id}/")
        async def ticket(ticket_id: int) -> Any:
            found = self.tickets.get(ticket_id)
            return self.ticket(found) if found else JSONResponse({"detail": "No Ticket matches the given query."}, 404)

        @app.get("/api/followups/")
        async def follow_ups(page_size: int = PAGE, page: str = "1") -> Any:
            found = [(one.at, self.follow_up(ticket, one)) for ticket in self.tickets.values() for one in ticket.entries]
            return paged([row for _, row in sorted(found, key=lambda one: one[0])], page, page_size)

        @app.options("/api/tickets/")
        async def fields() -> Any:
            known = ["id", "queue", "title", "description", "priority"] + (["custom_ai-handoff"] if self.has_field else [])
            return {"name": "Ticket List", "actions": {"POST": {name: {"required": False} for name in known}}}

        self._add_writes(app)

    def _add_writes(self, app: FastAPI) -> None:
        @app.post("/api/followups/")
        async def add_follow_up(request: Request) -> Any:
            wanted = await request.json()
            ticket = self.tickets[wanted["ticket"]]
            ticket.subject = wanted.get("title", ticket.subject)
            entry = self.add(ticket, "us", rendered(wanted["comment"]), public=wanted.get("public", False))
            return JSONResponse(self.follow_up(ticket, entry), 201)

        @app.patch("/api/tickets/{ticket_id}/")
        async def change(ticket_id: int, request: Request) -> Any:
            wanted = await request.json()
            ticket = self.tickets[ticket_id]
            if wanted.get("queue", 1) not in QUEUES:
                return JSONResponse({"queue": [no_queue(wanted["queue"])]}, 400)
            ticket.group = QUEUES[wanted["queue"]] if "queue" in wanted else ticket.group
            ticket.status = next((name for name, n in STATUSES.items() if n == wanted.get("status")), ticket.status)
            for field, held in (("on_hold", self.on_hold), ("custom_ai-handoff", self.ticked)):
                if field in wanted:
                    (held.add if wanted[field] else held.discard)(ticket_id)
            return self.ticket(ticket)

        @app.post("/api/tickets/")
        async def create(request: Request) -> Any:
            wanted = await request.json()
            wrong = {name: ["This field is required."] for name in ("queue", "title") if name not in wanted}
            if "queue" in wanted and int(wanted["queue"]) not in QUEUES:
                wrong["queue"] = [no_queue(wanted["queue"])]
            if wrong:
                return JSONResponse(wrong, 400)
            group, email = QUEUES[wanted["queue"]], wanted["submitter_email"]
            ticket = FakeTicket(next(self._ticket_ids), wanted["title"], group=group, email=email)
            self.tickets[ticket.id] = ticket
            self.add(ticket, "us", wanted["description"])
            return JSONResponse(self.ticket(ticket), 201)


def rendered(comment: str) -> str:
    """A comment is rendered as a Django template: here, the only variables that it may hold are strings."""
    assert not re.search(r"\{%|%\}|\{#", comment)
    return re.sub(r"\{\{\s*\"([^\"]*)\"\s*\}\}", r"\1", comment)


def no_queue(number: object) -> str:
    return f'Invalid pk "{number}" - object does not exist.'


def paged(found: list[dict[str, Any]], page: str, size: int) -> Any:
    size = min(size, PAGE)  # as a site may have it
    pages = [found[at : at + size] for at in range(0, len(found), size)]
    number = max(1, len(pages)) if page == "last" else int(page)
    if number > max(1, len(pages)):
        return JSONResponse({"detail": "Invalid page."}, 404)
    before = f"http://desk/?page={number - 1}" if number > 2 else "http://desk/"
    results = pages[number - 1] if pages else []
    return {"count": len(found), "next": None, "previous": before if number > 1 else None, "results": results}
