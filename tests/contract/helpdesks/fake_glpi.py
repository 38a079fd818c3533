"""GLPI 11: its legacy REST API and its webhooks, as `apirest.md`, `API.php` and `Webhook.php` have them."""

import hashlib
import hmac
import html
import itertools
import json
import time
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import GlpiSettings
from tests.contract.helpdesks.fake_desk import ME, STAFF, TOKEN, Entry, FakeDesk, FakeTicket, Webhook

SECRET = "glpi_secret"
APP_TOKEN = "app-token-of-innkeeper"
ROOT = "/apirest.php"
GROUPS = {1: "Users", 2: "Billing"}
CUSTOMER = 8
AUTHORS = {"customer": CUSTOMER, "staff": STAFF, "us": ME, "machine": 0}
MOST_ROWS = 3  # in one answer, whatever the range says


class FakeGlpi(FakeDesk):
    system = "glpi"
    tells_addresses = False

    def __init__(self) -> None:
        super().__init__()
        self.sessions: set[str] = set()
        self.groups: dict[int, list[int]] = {}
        self.without_account: set[int] = set()  # tickets whose requester has none
        self.rights = 1 | 4096 | 8192
        self._session_ids = itertools.count(1)

    def settings(self, url: str) -> GlpiSettings:
        return GlpiSettings(
            system="glpi",
            url=url,
            token=TOKEN,
            app_token=APP_TOKEN,
            secrets=(SECRET,),
            queues={"billing": "2"},
            default_queue="1",
            timeout_s=self.timeout_s,
        )

    def is_ours(self, request: Request) -> bool:
        if request.url.path.endswith("/initSession"):
            return True  # it answers for itself
        return request.headers.get("session-token") in self.sessions and request.headers.get("app-token") == APP_TOKEN

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        if entry is ticket.entries[0]:
            return self.signed(pretty({"item": self.item(ticket), "event": "new"}))
        followup = {
            "id": entry.id,
            "itemtype": "Ticket",
            "items_id": ticket.id,
            "content": self.content(entry),
            "is_private": not entry.public,
            "user": {"id": AUTHORS[entry.wrote], "name": entry.wrote},
            "user_editor": None,
            "request_type": {"id": 1, "name": "Helpdesk"},
            "date_creation": entry.at.isoformat(),
            "date_mod": entry.at.isoformat(),
        }
        return self.signed(pretty({"item": followup, "event": "new", "parent_item": self.item(ticket)}))

    def signed(self, body: bytes, at: int | None = None) -> Webhook:
        stamp = str(int(time.time()) if at is None else at)
        signature = hmac.new(SECRET.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
        return Webhook({"X-GLPI-signature": signature, "X-GLPI-timestamp": stamp}, body)

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return bool(self.groups.get(ticket.id))

    def gives_back(self, ticket: FakeTicket) -> bool:
        self.groups[ticket.id] = []
        return True

    def content(self, entry: Entry) -> str:
        return entry.text if entry.html else f"<p>{html.escape(entry.text)}</p>"

    def name(self, ticket: FakeTicket) -> str:
        return ticket.entries[0].subject if ticket.entries[0].auto else ticket.subject

    def item(self, ticket: FakeTicket) -> dict[str, Any]:
        """A ticket in the high-level API, which webhooks show."""
        return {
            "id": ticket.id,
            "name": self.name(ticket),
            "content": self.content(ticket.entries[0]),
            "is_deleted": False,
            "status": {"id": 1, "name": "New"},
            "entity": {"id": 0, "name": "Root entity", "completename": "Root entity"},
            "type": 1,
            "date_creation": ticket.entries[0].at.isoformat(),
        }

    def ticket(self, ticket: FakeTicket) -> dict[str, Any]:
        first = ticket.entries[0]
        return {
            "id": ticket.id,
            "entities_id": 0,
            "name": self.name(ticket),
            "date": plain(first),
            "date_mod": plain(ticket.entries[-1]),
            "status": {"new": 1, "assigned": 2, "solved": 5, "closed": 6}[ticket.status],
            "users_id_recipient": AUTHORS[first.wrote],
            "requesttypes_id": 1,
            "content": self.content(first),
            "is_deleted": 0,
            "date_creation": plain(first),
        }

    def followup(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        return {
            "id": entry.id,
            "itemtype": "Ticket",
            "items_id": ticket.id,
            "date": plain(entry),
            "users_id": AUTHORS[entry.wrote],
            "users_id_editor": 0,
            "content": self.content(entry),
            "is_private": int(not entry.public),
            "requesttypes_id": 2 if entry.mailed else 1,
            "date_mod": plain(entry),
            "date_creation": plain(entry),
            "timeline_position": 1,
        }

    def people(self, ticket: FakeTicket) -> list[dict[str, Any]]:
        unknown = ticket.entries[0].wrote == "us" or ticket.id in self.without_account
        requester = {"users_id": 0 if unknown else CUSTOMER, "alternative_email": ticket.email if unknown else None}
        rows = [{"type": 1, **requester}] + ([{"type": 2, "users_id": ticket.assignee}] if ticket.assignee else [])
        return [{"id": 10 * ticket.id + n, "tickets_id": ticket.id, "use_notification": 1, **row} for n, row in enumerate(rows)]

    def add_routes(self, app: FastAPI) -> None:
        @app.get(f"{ROOT}/initSession")
        async def init(request: Request, get_full_session: bool = False) -> Any:
            if request.headers.get("app-token") != APP_TOKEN:
                return error(400, "ERROR_WRONG_APP_TOKEN_PARAMETER", "parameter app_token seems wrong")
            if request.headers.get("authorization") != f"user_token {TOKEN}":
                return error(401, "ERROR_GLPI_LOGIN_USER_TOKEN", "parameter user_token seems invalid")
            token = f"session-{next(self._session_ids)}"
            self.sessions.add(token)
            profile = {"id": 6, "name": "Technician", "interface": "central", "followup": self.rights}
            session = {"glpiID": ME, "glpiname": "innkeeper", "glpiactiveprofile": profile}
            return {"session_token": token} | ({"session": session} if get_full_session else {})

        @app.get(f"{ROOT}/killSession")
        async def kill(request: Request) -> Any:
            self.sessions.discard(request.headers["session-token"])
            return True

        @app.get(ROOT + "/Ticket/{ticket_id}")
        async def ticket(ticket_id: int) -> Any:
            found = self.tickets.get(ticket_id)
            return self.ticket(found) if found else error(404, "ERROR_ITEM_NOT_FOUND", "Item not found")

        @app.get(ROOT + "/{itemtype}")
        async def rows(itemtype: str, range: str = "0-50") -> Any:
            found = {
                "Ticket": [self.ticket(one) for one in self.tickets.values()],
                "Group": [{"id": number, "name": name, "is_assign": 1} for number, name in GROUPS.items()],
            }
            return listed(itemtype, found[itemtype], range)

        @app.get(ROOT + "/Ticket/{ticket_id}/{itemtype}")
        async def sub_items(ticket_id: int, itemtype: str, range: str = "0-50") -> Any:
            ticket = self.tickets[ticket_id]
            groups = self.groups.get(ticket_id, [])
            found = {
                "ITILFollowup": [self.followup(ticket, one) for one in ticket.entries[1:]],
                "ITILSolution": [],
                "Ticket_User": self.people(ticket),
                "Group_Ticket": [{"id": n, "tickets_id": ticket_id, "groups_id": g, "type": 2} for n, g in enumerate(groups)],
            }
            return listed(itemtype, found[itemtype], range)

        self._add_writes(app)

    def _add_writes(self, app: FastAPI) -> None:
        @app.post(f"{ROOT}/ITILFollowup")
        async def add_followup(request: Request) -> Any:
            wanted = (await request.json())["input"]
            ticket = self.tickets[wanted["items_id"]]
            assert wanted["itemtype"] == "Ticket"
            entry = self.add(ticket, "us", wanted["content"], public=not wanted.get("is_private", 0), html=True)
            return JSONResponse({"id": entry.id, "message": ""}, 201)

        @app.post(f"{ROOT}/Group_Ticket")
        async def add_group(request: Request) -> Any:
            wanted = (await request.json())["input"]
            if not self._assign(self.tickets[wanted["tickets_id"]], wanted["groups_id"], wanted["type"]):
                return error(400, "ERROR_GLPI_ADD", "")
            return JSONResponse({"id": next(self._ids), "message": ""}, 201)

        @app.post(f"{ROOT}/Ticket")
        async def create(request: Request) -> Any:
            wanted = (await request.json())["input"]
            email = wanted["_users_id_requester_notif"]["alternative_email"][wanted["_users_id_requester"]]
            ticket = FakeTicket(next(self._ticket_ids), wanted["name"], email=email)
            self.tickets[ticket.id] = ticket
            self.add(ticket, "us", wanted["content"], html=True)
            self._assign(ticket, wanted["_groups_id_assign"], 2)
            return JSONResponse({"id": ticket.id, "message": ""}, 201)

        @app.put(ROOT + "/Ticket/{ticket_id}")
        async def change(ticket_id: int, request: Request) -> Any:
            wanted = (await request.json())["input"]
            ticket = self.tickets[ticket_id]
            ticket.status = {1: "new", 2: "assigned"}.get(wanted.get("status"), ticket.status)
            return [{str(ticket_id): True, "message": ""}]

    def _assign(self, ticket: FakeTicket, group: int, kind: int) -> bool:
        """False if the group is there: a row may not be twice. A new ticket becomes an assigned one."""
        assert kind == 2
        assigned = self.groups.setdefault(ticket.id, [])
        if group in assigned:
            return False
        assigned.append(group)
        ticket.group = GROUPS[group]
        ticket.status = "assigned" if ticket.status == "new" else ticket.status
        return True


def listed(itemtype: str, found: list[dict[str, Any]], wanted: str) -> JSONResponse:
    start, end = (int(one) for one in wanted.split("-"))
    if start > len(found):
        return error(400, "ERROR_RANGE_EXCEED_TOTAL", f"Provided range exceed total count of data: {len(found)}")
    part = found[start : min(end + 1, start + MOST_ROWS)]
    headers = {"Accept-Range": f"{itemtype} {MOST_ROWS}"}
    if found:
        headers["Content-Range"] = f"{start}-{start + len(part) - 1}/{len(found)}"
    return JSONResponse(part, 200 if len(part) == len(found) else 206, headers)


def error(status: int, code: str, told: str) -> JSONResponse:
    return JSONResponse([code, told], status)


def plain(entry: Entry) -> str:
    return entry.at.strftime("%Y-%m-%d %H:%M:%S")


def pretty(value: object) -> bytes:
    """As PHP's `JSON_PRETTY_PRINT`."""
    return json.dumps(value, indent=4).replace("/", "\\/").encode()
