"""Jira Service Management's APIs and webhooks, as the references of Cloud and Data Center of 2026 have them."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import JiraSettings
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

SECRET = "jira_secret"
OUR_EMAIL = "assistant@example.com"
CUSTOMER = 8
NAMES = {ME: "Assistant", STAFF: "Sam Staff", CUSTOMER: "Emily Adams"}
COMPONENTS = ("Billing", "Returns")
PAGE = 2
LONGEST = 32_767


class FakeJira(FakeDesk):
    """Cloud."""

    system = "jira"
    tells_addresses = False

    def __init__(self) -> None:
        super().__init__()
        self.customers: list[str] = []
        self.raised_by_us: set[int] = set()
        self.strangers: list[str] = []  # addresses of accounts that are no customers of the project
        self.is_admin = True  # our user administers Jira

    def settings(self, url: str) -> JiraSettings:
        return JiraSettings(
            system="jira",
            url=url,
            email=OUR_EMAIL,
            token=TOKEN,
            project="SUP",
            request_type="11",
            secrets=(SECRET,),
            queues={"billing": "Billing"},
            timeout_s=self.timeout_s,
        )

    def is_ours(self, request: Request) -> bool:
        told = base64.b64encode(f"{OUR_EMAIL}:{TOKEN}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {told}"

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return "ai-handoff" in ticket.tags

    def gives_back(self, ticket: FakeTicket) -> bool:
        ticket.tags.remove("ai-handoff")
        return True

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        issue = {"id": str(ticket.id), "key": f"SUP-{ticket.id}", "fields": self.fields(ticket)}
        body: dict[str, Any] = {"timestamp": int(entry.at.timestamp() * 1000), "issue": issue, "eventType": "primaryAction"}
        if entry is ticket.entries[0]:
            body |= {"webhookEvent": "jira:issue_created", "user": issue["fields"]["reporter"]}
        else:
            body |= {"webhookEvent": "comment_created", "comment": self.comment(ticket, entry)}
        return self.signed(dumps(body), delivery)

    def signed(self, body: bytes, delivery: str = "d0") -> Webhook:
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature": f"sha256={signature}", "X-Atlassian-Webhook-Identifier": delivery}
        return Webhook({**headers, "X-Atlassian-Webhook-Flow": "Primary"}, body)

    def person(self, number: int, email: str = EMAIL) -> dict[str, Any]:
        kind = "customer" if number == CUSTOMER else "atlassian"
        account = f"qm:0f1c:{number}" if number == CUSTOMER else f"5b10a2844c20165700ede2{number}"
        return {"accountId": account, "accountType": kind, "displayName": NAMES[number], "active": True}

    def author(self, entry: Entry) -> int:
        return {"customer": CUSTOMER, "us": ME}.get(entry.wrote, STAFF)

    def fields(self, ticket: FakeTicket) -> dict[str, Any]:
        first = ticket.entries[0]
        return {
            # A request that came by mail has the mail's subject, and its words as the description.
            "summary": first.subject or ticket.subject,
            "description": first.text,
            "reporter": self.person(CUSTOMER),
            "creator": self.person(ME if ticket.id in self.raised_by_us else self.author(first)),
            "assignee": self.person(ticket.assignee) if ticket.assignee else None,
            "labels": list(ticket.tags),
            "components": [{"id": "1", "name": ticket.group}] if ticket.group in COMPONENTS else [],
            "status": {"name": "Waiting for support"},
            "created": _at(first.at),
            "updated": _at(ticket.updated),
        }

    def comment(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        """As the platform has it."""
        return {
            "self": f"http://jira/rest/api/2/issue/{ticket.id}/comment/{entry.id}",
            "id": str(entry.id),
            "author": self.person(self.author(entry)),
            "body": entry.text,
            "created": _at(entry.at),
            "updated": _at(entry.at),
            "jsdPublic": entry.public,
        }

    def request_comment(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        """As the desk's API has it: it knows nothing of an account's type."""
        author = {name: value for name, value in self.person(self.author(entry)).items() if name != "accountType"}
        created = {"iso8601": _at(entry.at), "epochMillis": int(entry.at.timestamp() * 1000), "friendly": "Today"}
        return {"id": str(entry.id), "body": entry.text, "public": entry.public, "author": author, "created": created}

    def add_routes(self, app: FastAPI) -> None:
        @app.get("/rest/api/2/myself")
        async def myself() -> Any:
            return self.person(ME) | {"emailAddress": OUR_EMAIL, "locale": "en_US"}

        @app.get("/rest/api/2/mypermissions")
        async def permissions(projectKey: str, permissions: str) -> Any:
            assert projectKey == "SUP"
            has = {one: one != "ADMINISTER" or self.is_admin for one in permissions.split(",")}
            return {"permissions": {one: {"id": "1", "key": one, "havePermission": has[one]} for one in has}}

        @app.get("/rest/api/2/project/SUP/components")
        async def components() -> Any:
            return [{"id": str(number), "name": name} for number, name in enumerate(COMPONENTS)]

        @app.get("/rest/api/2/issue/{ticket_id}")
        async def issue(ticket_id: int, fields: str = "*all") -> Any:
            found = self.tickets.get(ticket_id)
            if found is None:
                return error(404, "Issue does not exist or you do not have permission to see it.")
            told = {name: value for name, value in self.fields(found).items() if fields == "*all" or name in fields.split(",")}
            return {"id": str(found.id), "key": f"SUP-{found.id}", "fields": told}

        @app.get("/rest/api/2/issue/{ticket_id}/comment")
        async def platform_comments(ticket_id: int, startAt: int = 0, maxResults: int = 5000) -> Any:
            found = self.tickets[ticket_id].entries[1:]
            size = min(maxResults, PAGE)
            page = [self.comment(self.tickets[ticket_id], one) for one in found[startAt : startAt + size]]
            return {"startAt": startAt, "maxResults": size, "total": len(found), "comments": page}

        self._add_desk(app)
        self._add_writes(app)
        self._add_creation(app)

    def _add_desk(self, app: FastAPI) -> None:
        desk = "/rest/servicedeskapi"

        @app.get(desk + "/servicedesk")
        async def service_desks(start: int = 0, limit: int = 50) -> Any:
            keys = ["HR", "IT", "SUP"]
            return paged([{"id": str(n), "projectId": f"1000{n}", "projectKey": key} for n, key in enumerate(keys)], start, limit)

        @app.get(desk + "/servicedesk/2/requesttype/{request_type}")
        async def request_type(request_type: int) -> Any:
            return {"id": "11", "name": "Ask a question"} if request_type == 11 else error(404, "No such request type")

        @app.get(desk + "/servicedesk/2/customer")
        async def customers(request: Request, query: str = "", start: int = 0, limit: int = 50) -> Any:
            if request.headers.get("x-experimentalapi") is None:
                return error(412, "The API is experimental: set X-ExperimentalApi")
            found = [self.person(CUSTOMER) | {"emailAddress": one} for one in self.customers if query.lower() in one.lower()]
            return paged(found, start, limit)

        @app.get(desk + "/request/{ticket_id}/comment")
        async def comments(ticket_id: int, start: int = 0, limit: int = 50) -> Any:
            ticket = self.tickets[ticket_id]
            return paged([self.request_comment(ticket, one) for one in ticket.entries[1:]], start, limit)

    def _add_writes(self, app: FastAPI) -> None:
        @app.post("/rest/servicedeskapi/request/{ticket_id}/comment")
        async def add_comment(ticket_id: int, request: Request) -> Any:
            wanted = await request.json()
            ticket = self.tickets[ticket_id]
            if not wanted["body"].strip() or len(wanted["body"]) > LONGEST:
                return error(400, f"The entered text is too long. It exceeds the allowed limit of {LONGEST} characters.")
            entry = self.add(ticket, "us", wanted["body"], public=wanted["public"])
            return JSONResponse(self.request_comment(ticket, entry), 201)

        @app.put("/rest/api/2/issue/{ticket_id}")
        async def change(ticket_id: int, request: Request) -> Any:
            update = (await request.json())["update"]
            ticket = self.tickets[ticket_id]
            names = [one["add"]["name"] for one in update.get("components", [])]
            if unknown := [one for one in names if one not in COMPONENTS]:
                return JSONResponse(
                    {"errorMessages": [], "errors": {"components": f"Component name '{unknown[0]}' is not valid"}}, 400
                )
            ticket.tags += [one["add"] for one in update.get("labels", []) if one["add"] not in ticket.tags]
            ticket.group = names[-1] if names else ticket.group
            return Response(status_code=204)

    def _add_creation(self, app: FastAPI) -> None:
        @app.post("/rest/servicedeskapi/customer")
        async def add_customer(request: Request) -> Any:
            wanted = await request.json()
            if not self.is_admin:
                return error(403, "You do not have permission to create customers.")
            if wanted["email"] in [*self.customers, *self.strangers] or not wanted.get(self.name_field):
                return error(400, "An account already exists for this email")
            self.customers.append(wanted["email"])
            return JSONResponse(self.person(CUSTOMER) | {"emailAddress": wanted["email"]}, 201)

        @app.post("/rest/servicedeskapi/request")
        async def create(request: Request) -> Any:
            wanted = await request.json()
            if (wanted["serviceDeskId"], wanted["requestTypeId"]) != ("2", "11"):
                return error(400, "No such request type")
            if not self.customers or wanted["raiseOnBehalfOf"] not in self.person(CUSTOMER).values():
                return error(400, "The customer can't be found")
            given = wanted["requestFieldValues"]
            ticket = FakeTicket(next(self._ticket_ids), given["summary"])
            self.tickets[ticket.id] = ticket
            # In the customer's name; only `creator` tells who it was.
            self.raised_by_us.add(ticket.id)
            self.add(ticket, "customer", given["description"])
            return JSONResponse({"issueId": str(ticket.id), "issueKey": f"SUP-{ticket.id}", "requestTypeId": "11"}, 201)

    name_field = "displayName"


class FakeJiraDataCenter(FakeJira):
    """Data Center: users have keys and names, the platform doesn't know what is public, webhooks are unsigned."""

    signs = False
    tells_addresses = True
    name_field = "fullName"

    def settings(self, url: str) -> JiraSettings:
        return JiraSettings(**{**super().settings(url).model_dump(), "email": None, "signed": False})

    def is_ours(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {TOKEN}"

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        # Its comment_created names no issue; an update of the issue has both.
        issue = {"id": str(ticket.id), "key": f"SUP-{ticket.id}", "fields": self.fields(ticket)}
        body: dict[str, Any] = {"timestamp": int(entry.at.timestamp() * 1000), "issue": issue}
        if entry is ticket.entries[0]:
            body |= {"webhookEvent": "jira:issue_created", "issue_event_type_name": "issue_created"}
        else:
            body |= {"webhookEvent": "jira:issue_updated", "issue_event_type_name": "issue_commented"}
            body["comment"] = self.comment(ticket, entry)
        return self.signed(dumps(body), delivery)

    def signed(self, body: bytes, delivery: str = "d0") -> Webhook:
        return Webhook({}, body, SECRET)

    def person(self, number: int, email: str = EMAIL) -> dict[str, Any]:
        shown = {"displayName": NAMES[number], "emailAddress": email, "active": True}
        return {"name": f"user{number}", "key": f"JIRAUSER1000{number}", **shown}

    def comment(self, ticket: FakeTicket, entry: Entry) -> dict[str, Any]:
        return {name: value for name, value in super().comment(ticket, entry).items() if name != "jsdPublic"}


def paged(found: list[Any], start: int, limit: int) -> dict[str, Any]:
    size = min(limit, PAGE)
    values = found[start : start + size]
    return {"size": len(values), "start": start, "limit": size, "isLastPage": start + size >= len(found), "values": values}


def error(status: int, words: str) -> JSONResponse:
    return JSONResponse({"errorMessages": [words], "errors": {}}, status)


def _at(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
