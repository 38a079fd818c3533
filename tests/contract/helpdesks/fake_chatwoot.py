"""Chatwoot's API and webhooks, as its own code of 2026 has them: once with an agent bot, once by the account's webhook."""

import hashlib
import hmac
import itertools
import re
import time
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import ChatwootSettings
from tests.contract.helpdesks.fake_desk import (
    ME,
    NAME,
    STAFF,
    TOKEN,
    Entry,
    FakeDesk,
    FakeTicket,
    Webhook,
    dumps,
    iso,
)

SECRET = "cw_secret"
BOT_TOKEN = "b0t-token-of-the-assistant"
BOT = 9
CONTACT = 55
PAGE = 3  # of messages; Chatwoot's own is 20
TEAMS = {1: "Users", 2: "Billing"}
KINDS = {"customer": "incoming", "staff": "outgoing", "us": "outgoing", "machine": "template", "app": "outgoing"}
NUMBERS = {"incoming": 0, "outgoing": 1, "activity": 2, "template": 3}
BASE = "/api/v1/accounts/1"
BOT_MAY = re.compile(rf"{BASE}/conversations(/\d+/(messages|assignments|toggle_status))?")
"""What a bot's token may post to; it reads nothing."""


def missing() -> JSONResponse:
    return JSONResponse({"error": "Resource could not be found"}, 404)


class FakeChatwoot(FakeDesk):
    system = "chatwoot"
    notes_by_mail = False
    begins = "pending"  # the inbox has an active bot

    def __init__(self) -> None:
        super().__init__()
        self.labels = ["ai-handoff", "vip"]
        self.is_admin = False  # the role of our token's agent
        self.spoken_by: dict[int, dict[str, Any]] = {}
        self.extras: dict[int, dict[str, Any]] = {}  # of a message's content_attributes
        self.claims: dict[int, str] = {}  # identifiers that nobody has signed, by conversation
        self.chats: set[int] = set()  # messages that were not mailed
        self.checked: dict[int, str] = {}  # identifiers of contacts whose HMAC was right, by conversation
        self.with_bots: set[int] = set()  # conversations whose assignee is an agent bot
        self.contacts = {"taken@example.com": 4}
        self._contact_ids = itertools.count(60)

    def settings(self, url: str) -> ChatwootSettings:
        return ChatwootSettings(
            system="chatwoot",
            url=url,
            token=TOKEN,
            bot_token=BOT_TOKEN,
            account=1,
            inbox=3,
            secrets=(SECRET,),
            queues={"billing": "2"},
            timeout_s=self.timeout_s,
        )

    def is_ours(self, request: Request) -> bool:
        token = request.headers.get("api_access_token")
        if token == BOT_TOKEN:
            return request.method == "POST" and BOT_MAY.fullmatch(request.url.path) is not None
        return token == TOKEN

    # What people do, and what Chatwoot makes of it.

    def customer_writes(self, text: str, ticket_id: int | None = None, **more: Any) -> tuple[int, Entry]:
        ticket_id, entry = super().customer_writes(text, ticket_id, **more)
        ticket = self.tickets[ticket_id]
        if ticket.status == "new":
            ticket.tags.append("vip")
        if ticket.status in ("new", "resolved"):
            ticket.status = self.begins
        elif ticket.status == "snoozed":
            ticket.status = "open"
        return ticket_id, entry

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return ticket.tags == ["vip", "ai-handoff"] and ticket.status == "open" and ticket.assignee is None

    def gives_back(self, ticket: FakeTicket) -> bool:
        ticket.status = "pending"
        return True

    # What it sends.

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        sender = self.sender(ticket, entry)
        if sender and sender["type"] == "contact":
            sender = {**sender, "identifier": "user-42", "account": {"id": 1, "name": "Acme"}}
            del sender["type"]
        body = {
            "event": "message_created",
            "id": entry.id,
            "content": entry.text,
            "created_at": iso(entry.at),
            "message_type": KINDS[entry.wrote],
            "content_type": "incoming_email" if entry.wrote == "customer" else "text",
            "private": not entry.public,
            "content_attributes": self.attributes(ticket, entry),
            "source_id": None,
            "sender": sender,
            "inbox": {"id": 3, "name": "Web"},
            "conversation": {**self.conversation(ticket), "channel": "Channel::Email"},
            "account": {"id": 1, "name": "Acme"},
        }
        return self.signed(dumps(body), delivery)

    def status_webhook(self, ticket: FakeTicket) -> Webhook:
        event = "conversation_status_changed" if self.begins == "open" else f"conversation_{ticket.status}"
        event = event.replace("_open", "_opened")
        account = {"id": 1, "name": "Acme"}
        return self.signed(dumps({"event": event, **self.conversation(ticket), "account": account}), f"status-{ticket.status}")

    def signed(self, body: bytes, delivery: str = "d0") -> Webhook:
        timestamp = str(int(time.time()))
        signature = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        return Webhook(
            {
                "X-Chatwoot-Signature": f"sha256={signature}",
                "X-Chatwoot-Timestamp": timestamp,
                "X-Chatwoot-Delivery": delivery,
            },
            body,
        )

    def sender(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any] | None:
        if entry.wrote == "customer":
            identifier = self.checked.get(ticket.id, self.claims.get(ticket.id))
            contact = {"id": CONTACT, "name": ticket.name, "email": ticket.email, "identifier": identifier}
            return contact | {"type": "contact"}
        if entry.wrote == "staff":
            return {"id": STAFF, "name": "Sam", "available_name": "Sam", "type": "user"}
        return self.spoken_by.get(entry.id)

    def attributes(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        if entry.wrote != "customer":
            return self.extras.get(entry.id, {})
        mail = {"subject": entry.subject or ticket.subject, "from": [ticket.email], "auto_reply": entry.auto}
        return {"email": mail | {"text_content": {"full": entry.text, "reply": entry.text}}}

    def message(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        sender = self.sender(ticket, entry)
        return {
            "id": entry.id,
            "content": entry.text,
            "inbox_id": 3,
            "conversation_id": ticket.id,
            "message_type": NUMBERS[KINDS[entry.wrote]],
            "content_type": "incoming_email" if entry.wrote == "customer" and entry.id not in self.chats else "text",
            "status": "sent",
            "content_attributes": self.attributes(ticket, entry),
            "created_at": int(entry.at.timestamp()),
            "private": not entry.public,
            "source_id": None,
            **({"sender": sender} if sender else {}),
        }

    def conversation(self, ticket: FakeTicket) -> dict[str, Any]:
        meta: dict[str, Any] = {"sender": {"id": CONTACT, "name": ticket.name}, "hmac_verified": ticket.id in self.checked}
        if ticket.assignee:
            meta["assignee"] = {"id": ticket.assignee, "name": "Sam", "role": "agent"}
            meta["assignee_type"] = "AgentBot" if ticket.id in self.with_bots else "User"
        if ticket.group in TEAMS.values():
            meta["team"] = {"id": next(n for n, name in TEAMS.items() if name == ticket.group), "name": ticket.group}
        return {
            "meta": meta,
            "id": ticket.id,
            "messages": [self.message(ticket, ticket.entries[-1])],
            "account_id": 1,
            "additional_attributes": {"mail_subject": ticket.subject},
            "can_reply": True,
            "custom_attributes": {},
            "inbox_id": 3,
            "labels": list(ticket.tags),
            "status": ticket.status,
            "timestamp": int(ticket.updated.timestamp()),
            "priority": None,
        }

    # Its API.

    def add_routes(self, app: FastAPI) -> None:
        @app.get("/api/v1/profile")
        async def profile() -> Any:
            return {"id": ME, "name": "Assistant", "accounts": [{"id": 1, "role": "administrator" if self.is_admin else "agent"}]}

        @app.get(BASE + "/teams")
        async def teams() -> Any:
            return [{"id": number, "name": name, "allow_auto_assign": True} for number, name in TEAMS.items()]

        @app.get(BASE + "/labels")
        async def labels() -> Any:
            return {"payload": [{"id": number, "title": title} for number, title in enumerate(self.labels)]}

        @app.get(BASE + "/inboxes/{inbox}")
        async def inbox(inbox: int) -> Any:
            return {"id": 3, "name": "Mail", "channel_type": "Channel::Email"} if inbox == 3 else missing()

        @app.get(BASE + "/conversations")
        async def conversations() -> Any:
            return {"data": {"meta": {"all_count": len(self.tickets)}, "payload": []}}

        @app.get(BASE + "/conversations/{number}")
        async def conversation(number: int) -> Any:
            ticket = self.tickets.get(number)
            return self.conversation(ticket) if ticket else missing()

        @app.get(BASE + "/conversations/{number}/messages")
        async def messages(number: int, before: int | None = None) -> Any:
            ticket = self.tickets[number]
            older = [one for one in ticket.entries if before is None or one.id < before]
            return {"meta": {"labels": ticket.tags}, "payload": [self.message(ticket, one) for one in older[-PAGE:]]}

        @app.get(BASE + "/conversations/{number}/labels")
        async def labels_of(number: int) -> Any:
            return {"payload": self.tickets[number].tags}

        self._add_contacts(app)
        self._add_writes(app)
        self._add_opening(app)

    def _add_contacts(self, app: FastAPI) -> None:
        @app.get(BASE + "/contacts/search")
        async def search(q: str) -> Any:
            found = [{"id": number, "email": email} for email, number in self.contacts.items() if q.lower() in email]
            return {"meta": {"count": len(found)}, "payload": found}

        @app.post(BASE + "/contacts")
        async def create(request: Request) -> Any:
            wanted = await request.json()
            wanted["email"] = wanted["email"].lower()
            if wanted["email"] in self.contacts:
                return JSONResponse({"message": "Email has already been taken"}, 422)
            self.contacts[wanted["email"]] = next(self._contact_ids)
            return {"payload": {"contact": {"id": self.contacts[wanted["email"]], **wanted}, "contact_inbox": {}}}

    def _add_writes(self, app: FastAPI) -> None:
        @app.post(BASE + "/conversations/{number}/messages")
        async def say(number: int, request: Request) -> Any:
            wanted, ticket = await request.json(), self.tickets[number]
            return self.message(ticket, self.said(ticket, wanted, request))

        @app.post(BASE + "/conversations/{number}/labels")
        async def set_labels(number: int, request: Request) -> Any:
            self.tickets[number].tags[:] = [one for one in (await request.json())["labels"] if one in self.labels]
            return {"payload": self.tickets[number].tags}

        @app.post(BASE + "/conversations/{number}/toggle_status")
        async def toggle_status(number: int, request: Request) -> Any:
            ticket = self.tickets[number]
            ticket.status = (await request.json())["status"]
            if ticket.status == "open" and not self.is_bot(request) and not self.is_admin:
                ticket.assignee = ME
            return {"meta": {}, "payload": {"success": True, "conversation_id": number, "current_status": ticket.status}}

        @app.post(BASE + "/conversations/{number}/assignments")
        async def assign(number: int, request: Request) -> Any:
            wanted = await request.json()
            ticket = self.tickets.get(number)
            if ticket is None:
                return missing()
            if "assignee_id" in wanted:
                ticket.assignee = wanted["assignee_id"] if wanted["assignee_id"] in (ME, STAFF) else None
            elif "team_id" in wanted:
                ticket.group = TEAMS.get(wanted["team_id"], "")
            return None

    def _add_opening(self, app: FastAPI) -> None:
        @app.post(BASE + "/conversations")
        async def create(request: Request) -> Any:
            wanted = await request.json()
            if wanted["inbox_id"] != 3 or wanted["contact_id"] not in self.contacts.values():
                return missing()
            subject = wanted.get("additional_attributes", {}).get("mail_subject", "")
            email = next(email for email, number in self.contacts.items() if number == wanted["contact_id"])
            ticket = FakeTicket(next(self._ticket_ids), subject, status=wanted["status"], email=email, name=NAME)
            self.tickets[ticket.id] = ticket
            self.said(ticket, wanted["message"], request)
            return self.conversation(ticket)

    def is_bot(self, request: Request) -> bool:
        return request.headers["api_access_token"] == BOT_TOKEN

    def said(self, ticket: FakeTicket, wanted: dict[str, Any], request: Request) -> Entry:
        assert wanted.get("message_type", "outgoing") == "outgoing"
        entry = self.add(ticket, "us", wanted["content"], public=not wanted.get("private", False))
        bot = {"id": BOT, "name": "Assistant", "avatar_url": "", "type": "agent_bot"}
        agent = {"id": ME, "name": "Assistant", "available_name": "Assistant", "type": "user"}
        self.spoken_by[entry.id] = bot if self.is_bot(request) else agent
        return entry


class FakeChatwootAccount(FakeChatwoot):
    """No bot in the inbox: conversations begin as open, and the account's webhook tells of them."""

    begins = "open"

    def settings(self, url: str) -> ChatwootSettings:
        settings = super().settings(url)
        return settings.model_copy(update={"bot_token": None, "default_queue": "1"})

    def gives_back(self, ticket: FakeTicket) -> bool:
        ticket.tags.remove("ai-handoff")
        return True
