"""FreeScout's API & Webhooks module, as its API documentation of 2026 has it."""

import base64
import hashlib
import hmac
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import FreeScoutSettings
from tests.contract.helpdesks.fake_desk import (
    ME,
    STAFF,
    TOKEN,
    Entry,
    FakeDesk,
    FakeTicket,
    Webhook,
    dumps,
)
from tests.contract.helpdesks.markup import as_html

APP_KEY = "base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
CUSTOMER = 91
MAILBOXES = {1: "Users", 2: "Billing", 3: "Returns"}
TYPES = {"customer": "customer", "staff": "message", "us": "message", "machine": "lineitem"}
EVENTS = {"customer": "convo.customer.reply.created", "staff": "convo.agent.reply.created", "us": "convo.agent.reply.created"}
PAGE = 2


class FakeFreeScout(FakeDesk):
    system = "freescout"
    has_tags = True  # the module "Tags" is installed

    def settings(self, url: str) -> FreeScoutSettings:
        return FreeScoutSettings(
            system="freescout",
            url=url,
            token=TOKEN,
            user=ME,
            secrets=(APP_KEY,),
            queues={"billing": "2"},
            default_queue="1",
            timeout_s=self.timeout_s,
        )

    def is_ours(self, request: Request) -> bool:
        return request.headers.get("x-freescout-api-key") == TOKEN

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        event = EVENTS.get(entry.wrote, "convo.status") if entry.public else "convo.note.created"
        if entry is ticket.entries[0]:
            event = "convo.created"
        # A webhook is made when the thread is: it knows none that came later.
        upto = ticket.entries[: ticket.entries.index(entry) + 1]
        return self.signed(dumps(self.conversation(ticket, upto)), event)

    def signed(self, body: bytes, event: str = "convo.created") -> Webhook:
        key = hashlib.md5(f"{APP_KEY}webhook_key".encode()).hexdigest()
        signature = base64.b64encode(hmac.new(key.encode(), body, hashlib.sha1).digest()).decode()
        return Webhook({"X-FreeScout-Event": event, "X-FreeScout-Signature": signature}, body)

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return "ai-handoff" in ticket.tags and ticket.status == "active"

    def gives_back(self, ticket: FakeTicket) -> bool:
        ticket.tags.remove("ai-handoff")
        return True

    def conversation(self, ticket: FakeTicket, entries: list[Entry], embed: str = "threads,tags") -> dict[str, Any]:
        first = ticket.entries[0]
        # Newest first.
        embedded: dict[str, Any] = (
            {"threads": [self.thread(ticket, one) for one in reversed(entries)]} if "threads" in embed else {}
        )
        if self.has_tags and "tags" in embed:
            embedded["tags"] = [{"id": 50 + number, "name": name} for number, name in enumerate(ticket.tags)]
        return {
            "id": ticket.id,
            "number": ticket.id + 2,
            "threadsCount": len(entries),
            "type": "email",
            "folderId": 11,
            "status": "active" if ticket.status == "new" else ticket.status,
            "state": "published",
            "subject": first.subject or ticket.subject,
            "preview": first.text[:40],
            "mailboxId": next(number for number, name in MAILBOXES.items() if name == ticket.group),
            "assignee": user(ticket.assignee) if ticket.assignee else None,
            "createdBy": self.author(ticket, first),
            "createdAt": _at(first.at),
            "updatedAt": _at(entries[-1].at),
            "customerWaitingSince": {"time": "", "friendly": "", "latestReplyFrom": "customer"},
            "source": {"type": "email", "via": "customer"},
            "cc": [],
            "bcc": [],
            "customer": customer(ticket),
            "customFields": [],
            "_embedded": embedded,
        }

    def source(self, entry: Entry) -> dict[str, str]:
        if entry.wrote == "customer":
            return {"type": "email", "via": "customer"}
        return {"type": "email" if entry.mailed else "web", "via": "user"}

    def author(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        return customer(ticket) if entry.wrote == "customer" else user(STAFF if entry.wrote == "staff" else ME)

    def thread(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        return {
            "id": entry.id,
            "type": TYPES[entry.wrote] if entry.public else "note",
            "status": "active",
            "state": "published",
            "action": {"type": "", "text": "", "associatedEntities": []},
            "body": as_html(entry),
            "source": self.source(entry),
            "customer": customer(ticket),
            "createdBy": self.author(ticket, entry),
            "assignedTo": user(ticket.assignee) if ticket.assignee else None,
            "to": [],
            "cc": [],
            "bcc": [],
            "createdAt": _at(entry.at),
            "openedAt": None,
            "_embedded": {"attachments": []},
        }

    def add_routes(self, app: FastAPI) -> None:
        @app.get("/api/conversations")
        async def conversations(page: int = 1, pageSize: int = 50) -> Any:
            return paged(
                "conversations", [self.conversation(one, one.entries, "") for one in self.tickets.values()], page, pageSize
            )

        @app.get("/api/conversations/{ticket_id}")
        async def conversation(ticket_id: int, embed: str = "threads") -> Any:
            found = self.tickets.get(ticket_id)
            return self.conversation(found, found.entries, embed) if found else not_found()

        @app.get("/api/mailboxes")
        async def mailboxes(page: int = 1, pageSize: int = 50) -> Any:
            found = [{"id": number, "name": name, "email": f"{name.lower()}@example.com"} for number, name in MAILBOXES.items()]
            return paged("mailboxes", found, page, min(pageSize, PAGE))

        @app.get("/api/users/{user_id}")
        async def one_user(user_id: int) -> Any:
            return user(user_id) | {"role": "user"} if user_id in (ME, STAFF) else not_found()

        @app.get("/api/tags")
        async def tags() -> Any:
            return paged("tags", [{"id": 57, "name": "overdue", "counter": 3}], 1, 50) if self.has_tags else not_found()

        self._add_writes(app)
        self._add_creation(app)

    def _add_writes(self, app: FastAPI) -> None:
        @app.post("/api/conversations/{ticket_id}/threads")
        async def add_thread(ticket_id: int, request: Request) -> Any:
            wanted = await request.json()
            if wanted.get("type") not in ("message", "note") or not wanted.get("text") or wanted.get("user") not in (ME, STAFF):
                return bad("type")
            wrote = "us" if wanted["user"] == ME else "staff"
            public = wanted["type"] == "message"
            ticket = self.tickets[ticket_id]
            entry = self.add(ticket, wrote, wanted["text"], html=True, public=public)
            return Response(status_code=201, headers={"Resource-ID": str(entry.id)})

        @app.put("/api/conversations/{ticket_id}")
        async def change(ticket_id: int, request: Request) -> Any:
            wanted = await request.json()
            ticket = self.tickets[ticket_id]
            if {"status", "assignTo", "mailboxId"} & set(wanted) and wanted.get("byUser") not in (ME, STAFF):
                return bad("byUser")
            if wanted.get("status", "active") not in ("active", "pending", "closed", "spam"):
                return bad("status")
            if wanted.get("mailboxId", 1) not in MAILBOXES:
                return bad("mailboxId")
            ticket.status = wanted.get("status", ticket.status)
            ticket.group = MAILBOXES[wanted["mailboxId"]] if "mailboxId" in wanted else ticket.group
            ticket.assignee = wanted.get("assignTo", ticket.assignee)
            return Response(status_code=204)

        @app.put("/api/conversations/{ticket_id}/tags")
        async def set_tags(ticket_id: int, request: Request) -> Any:
            if not self.has_tags:
                return not_found()
            self.tickets[ticket_id].tags = list((await request.json())["tags"])
            return Response(status_code=204)

    def _add_creation(self, app: FastAPI) -> None:
        @app.post("/api/conversations")
        async def create(request: Request) -> Any:
            wanted = await request.json()
            for name in ("type", "mailboxId", "subject", "customer", "threads"):
                if not wanted.get(name):
                    return bad(name)
            group = MAILBOXES[wanted["mailboxId"]]
            ticket = FakeTicket(next(self._ticket_ids), wanted["subject"], group=group, email=wanted["customer"]["email"])
            self.tickets[ticket.id] = ticket
            for one in wanted["threads"]:
                self.add(ticket, "us", one["text"], html=True, public=one["type"] == "message")
            return Response(status_code=201, headers={"Resource-ID": str(ticket.id)})


class FakeFreeScoutWithoutTags(FakeFreeScout):
    has_tags = False

    def settings(self, url: str) -> FreeScoutSettings:
        return FreeScoutSettings(**{**super().settings(url).model_dump(), "tags": False, "handoff_user": STAFF})

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return ticket.assignee == STAFF and ticket.status == "active"

    def gives_back(self, ticket: FakeTicket) -> bool:
        ticket.assignee = None
        return True


def customer(ticket: FakeTicket) -> dict[str, Any]:
    first, _, last = ticket.name.partition(" ")
    return {"id": CUSTOMER, "type": "customer", "firstName": first, "lastName": last, "photoUrl": "", "email": ticket.email}


def user(number: int) -> dict[str, Any]:
    return {"id": number, "type": "user", "firstName": "John", "lastName": "Doe", "email": f"user{number}@example.com"}


def paged(name: str, found: list[Any], page: int, size: int) -> dict[str, Any]:
    told = {"size": size, "totalElements": len(found), "totalPages": max(1, -(-len(found) // size)), "number": page}
    return {"_embedded": {name: found[(page - 1) * size : page * size]}, "page": told}


def not_found() -> JSONResponse:
    return JSONResponse({"message": "Not Found", "errorCode": "NOT FOUND"}, 404)


def bad(field: str) -> JSONResponse:
    errors = [{"path": field, "message": "is not valid", "source": "JSON"}]
    return JSONResponse({"message": "Bad request", "errorCode": "BAD REQUEST", "_embedded": {"errors": errors}}, 400)


def _at(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%SZ"))
