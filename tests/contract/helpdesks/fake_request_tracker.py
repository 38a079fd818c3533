"""Request Tracker's REST2, as RT 5.0.3 was seen to answer."""

import base64
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import RequestTrackerSettings
from tests.contract.helpdesks.fake_desk import EMAIL, ME, STAFF, Entry, FakeDesk, FakeTicket, Webhook

TOKEN = f"1-{ME}-0123456789abcdef0123456789abcdef"
NAMES = {"customer": EMAIL, "staff": "sam", "us": "innkeeper", "machine": "RT_System"}
USERS = {ME: "innkeeper", STAFF: "sam", 8: EMAIL, 1: "RT_System", 6: "Nobody"}
PRIVILEGED = {"innkeeper", "sam"}
QUEUES = {3: "Users", 4: "Billing", 5: "People"}
MOST = 3
"""Items of a page; RT's own most is 100."""


class FakeRequestTracker(FakeDesk):
    system = "request-tracker"
    polled = True

    def settings(self, url: str) -> RequestTrackerSettings:
        return RequestTrackerSettings(
            system="request-tracker",
            url=url,
            token=TOKEN,
            watched=("Users",),
            queues={"billing": "Billing"},
            default_queue="People",
            timeout_s=self.timeout_s,
        )

    def is_ours(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"token {TOKEN}"

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        raise NotImplementedError("it sends none")

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return ticket.group != "Users"

    def gives_back(self, ticket: FakeTicket) -> bool:
        ticket.group = "Users"
        return True

    def add(self, ticket: FakeTicket, wrote: str, text: str, **more: Any) -> Entry:
        # Its times are whole seconds of its own clock, which its answers tell as well.
        self._now = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=20)
        entry = super().add(ticket, wrote, text, **more)
        next(self._ids)  # the record of the mail that it sends, which only some may see
        return entry

    def add_routes(self, app: FastAPI) -> None:
        self._add_lists(app)
        self._add_records(app)
        self._add_writes(app)

    def _add_lists(self, app: FastAPI) -> None:
        @app.get("/REST/2.0/transactions")
        async def transactions(request: Request) -> Any:
            query = request.query_params["query"]
            above = int(re.search(r"\bid > (\d+)", query)[1])
            queues = re.findall(r"TicketQueue = '((?:[^'\\]|\\.)*)'", query)
            types = re.findall(r"\bType = '(\w+)'", query)
            tickets = [one for one in self.tickets.values() if one.group in queues]
            found = [one for ticket in tickets for one in self.transactions(ticket) if one["id"] > above and one["Type"] in types]
            found.sort(key=lambda one: one["id"], reverse=request.query_params.get("order") == "DESC")
            return listed(request, found)

        @app.get("/REST/2.0/ticket/{ticket_id}/history")
        async def history(ticket_id: int, request: Request) -> Any:
            return listed(request, self.transactions(self.tickets[ticket_id]))

        @app.get("/REST/2.0/ticket/{ticket_id}/attachments")
        async def attachments(ticket_id: int, request: Request) -> Any:
            return listed(request, [part for one in self.tickets[ticket_id].entries for part in self.parts(one)])

        @app.get("/REST/2.0/queues/all")
        async def queues(request: Request) -> Any:
            return listed(request, [{"id": number, "type": "queue", "Name": name} for number, name in QUEUES.items()])

        @app.get("/REST/2.0/tickets")
        async def tickets(request: Request) -> Any:
            queue = re.fullmatch(r"Queue = '(\w+)'", request.query_params["query"])[1]
            links = [{"ref": ref} for ref in ("self", "history", "correspond", "comment")]
            found = [
                {"id": one.id, "_hyperlinks": links, "CustomFields": ""} for one in self.tickets.values() if one.group == queue
            ]
            answer = listed(request, found)
            return answer | {"total": len(found), "pages": -(-len(found) // answer["per_page"])}

    def _add_records(self, app: FastAPI) -> None:
        @app.get("/REST/2.0/rt")
        async def rt() -> Any:
            return {"Version": "5.0.3+dfsg-3~deb12u6"}

        @app.get("/REST/2.0/ticket/{ticket_id}")
        async def ticket(ticket_id: int) -> Any:
            found = self.tickets.get(ticket_id)
            return self.ticket(found) if found else message(404, "Not Found")

        @app.get("/REST/2.0/attachment/{attachment_id}")
        async def attachment(attachment_id: int) -> Any:
            every = (part for ticket in self.tickets.values() for one in ticket.entries for part in self.parts(one))
            found = next(part for part in every if part["id"] == attachment_id)
            return found | {"Content": base64.encodebytes(found["Content"].encode()).decode()}

        @app.get("/REST/2.0/queue/{name}")
        async def queue(name: str) -> Any:
            return {"Name": name} if name in QUEUES.values() else message(404, "Not Found")

        @app.get("/REST/2.0/user/{name}")
        async def user(name: str) -> Any:
            name = USERS.get(int(name), name) if name.isdecimal() else name
            return {"Name": name, "EmailAddress": f"{name}@example.com", "Privileged": int(name in PRIVILEGED)}

    def _add_writes(self, app: FastAPI) -> None:
        @app.post("/REST/2.0/ticket/{ticket_id}/{action}")
        async def write(ticket_id: int, action: str, request: Request, response: Response) -> Any:
            wanted = await request.json()
            if ticket_id not in self.tickets:
                return message(400, "Permission Denied")
            if "ContentType" not in wanted:
                return message(400, "ContentType is a required field for application/json")
            is_html = wanted["ContentType"] == "text/html"
            ticket = self.tickets[ticket_id]
            entry = self.add(ticket, "us", wanted["Content"], public=action == "correspond", html=is_html)
            headers = {"location": f"/REST/2.0/transaction/{entry.id}"}
            return JSONResponse([{"correspond": "Correspondence added", "comment": "Comments added"}[action]], 201, headers)

        @app.put("/REST/2.0/ticket/{ticket_id}")
        async def change(ticket_id: int, request: Request) -> Any:
            wanted = await request.json()
            ticket, told = self.tickets[ticket_id], []
            if (queue := wanted.get("Queue", ticket.group)) != ticket.group:
                if queue not in QUEUES.values():
                    return [f"Ticket {ticket_id}: Queue {queue} does not exist"]
                told.append(f"Ticket {ticket_id}: Queue changed from {ticket.group} to {queue}")
                ticket.group = queue
            return told

        @app.post("/REST/2.0/ticket")
        async def create(request: Request) -> Any:
            wanted = await request.json()
            ticket = FakeTicket(next(self._ticket_ids), wanted["Subject"], group=wanted["Queue"], email=wanted["Requestor"])
            self.tickets[ticket.id] = ticket
            return JSONResponse({"id": str(ticket.id), "type": "ticket"}, 201, {"location": f"/REST/2.0/ticket/{ticket.id}"})

    def ticket(self, ticket: FakeTicket) -> dict[str, Any]:
        number = next(number for number, name in QUEUES.items() if name == ticket.group)
        return {
            "id": ticket.id,
            "Type": "ticket",
            "Subject": ticket.subject,
            "Status": ticket.status,
            "Queue": {"id": str(number), "type": "queue", "Name": ticket.group},
            "Owner": {"id": USERS[ticket.assignee] if ticket.assignee else "Nobody", "type": "user"},
            "Requestor": [{"id": ticket.email, "type": "user"}],
            "CustomFields": [],
            "Created": stamp(ticket.entries[0].at) if ticket.entries else "1970-01-01T00:00:00Z",
        }

    def transactions(self, ticket: FakeTicket) -> list[dict[str, Any]]:
        """Messages, each followed by a record that is not shown to us."""
        found = []
        for number, one in enumerate(ticket.entries):
            kind = "Comment" if not one.public else "Correspond" if number else "Create"
            creator = {"id": NAMES[one.wrote], "type": "user"}
            found.append({"id": one.id, "Type": kind, "Creator": creator, "Created": stamp(one.at), "ObjectId": str(ticket.id)})
            found.append({"id": one.id + 1, "Type": "EmailRecord", "Creator": creator, "ObjectId": str(ticket.id)})
        return found

    def parts(self, entry: Entry) -> list[dict[str, Any]]:
        """A mail that is HTML comes with a frame that has its headers; what is written by the API is one part."""
        headers = [f"X-RT-Interface: {'Email' if entry.mailed or entry.wrote == 'customer' else 'REST'}", "MIME-Version: 1.0"]
        if entry.wrote == "customer":
            headers += [f"From: Emily Adams <{EMAIL}>", f"Subject: {entry.subject}", f"Message-ID: <m{entry.id}@example.com>"]
        if entry.auto:
            headers.append("Auto-Submitted: auto-replied")
        of_part = {"TransactionId": str(entry.id), "Filename": "", "Headers": "\n".join(headers)}
        number, kind = entry.id * 10, "text/html" if entry.html else "text/plain"
        words = of_part | {"id": number + 1, "ContentType": kind, "Content": entry.text}
        if entry.html and entry.wrote == "customer":
            frame = of_part | {"id": number, "ContentType": "multipart/alternative", "Content": ""}
            return [frame, words | {"Headers": f"Content-Type: {kind}"}]
        return [words]


def listed(request: Request, found: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One page. It is cut first and what may not be seen is left out then; how many there are is not told."""
    per_page = min(int(request.query_params.get("per_page", 20)), MOST)
    page = int(request.query_params.get("page", 1))
    fields = request.query_params.get("fields", "").split(",")
    shown = [one for one in list(found)[(page - 1) * per_page : page * per_page] if one.get("Type") != "EmailRecord"]
    items = [{"id": str(one["id"])} | {name: one[name] for name in fields if name in one} for one in shown]
    return {"per_page": per_page, "page": page, "pages": None, "total": None, "count": len(items), "items": items}


def message(status: int, text: str) -> JSONResponse:
    return JSONResponse({"message": text}, status)


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
