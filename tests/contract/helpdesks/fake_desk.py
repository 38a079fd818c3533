"""What every fake helpdesk has: tickets, people who write in them, and an API that can fail in the middle of a write.

A fake of a system adds its routes, its webhooks and its settings, as its documentation has them; it knows nothing of ours.
"""

import asyncio
import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from agent.helpdesk_settings import DeskSettings
from tests.integration.channels.world import served

TOKEN = "t0ken-of-the-assistant"
ME = 7
STAFF = 3
EMAIL = "emily@example.com"
NAME = "Emily Adams"
PATIENT_S = 60.0  # a machine that is busy elsewhere is no outage
IMPATIENT_S = 2.5


class Fault(StrEnum):
    """How the next write of the API goes wrong."""

    REFUSE = "refuse"  # 503, and nothing is written
    LOSE = "lose"  # written, and the connection is cut before the answer
    HANG = "hang"  # written, and the answer comes after the client has given up
    DENY = "deny"  # 401, and nothing is written
    LIMIT = "limit"  # 429, and nothing is written


@dataclass
class Entry:
    """One message of a ticket. `wrote` is customer, staff, us or machine."""

    id: int
    wrote: str
    text: str
    at: datetime
    public: bool = True
    html: bool = False
    auto: bool = False
    subject: str = ""
    mailed: bool = False  # by one of the staff, or by somebody who says so


@dataclass
class FakeTicket:
    id: int
    subject: str
    entries: list[Entry] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    assignee: int | None = None
    group: str = "Users"
    status: str = "new"
    email: str = EMAIL
    name: str = NAME

    def by(self, wrote: str, *, public: bool) -> list[Entry]:
        return [one for one in self.entries if one.wrote == wrote and one.public is public]

    @property
    def updated(self) -> datetime:
        return self.entries[-1].at


@dataclass
class Webhook:
    """A delivery as the system sends it: what stands behind `/webhooks/{source}`, headers, raw body."""

    headers: dict[str, str]
    body: bytes
    key: str = ""


class FakeDesk(ABC):
    system: str
    polled = False
    tells_addresses = True  # of who has an account
    notes_by_mail = True  # may become internal notes
    signs = True  # its webhooks are signed over the body; False: they carry a secret
    timeout_s = PATIENT_S  # our client's
    hang_s = IMPATIENT_S + 1
    address = "http://desk.internal"  # what `settings` takes, of a server that isn't there
    wrong: Mapping[str, Any] = {"token": "another-token"}  # settings that are refused, and the word that says why
    wrong_word = "token"
    elsewhere: Mapping[str, Any] = {"queues": {"billing": "999999"}}  # settings that name what isn't there

    def __init__(self) -> None:
        self.tickets: dict[int, FakeTicket] = {}
        self.faults: list[Fault] = []
        self.is_down = False
        self.requests: list[tuple[str, str]] = []
        self._ids = itertools.count(101)
        self._ticket_ids = itertools.count(81)
        self._now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    # What people do.

    def customer_writes(
        self, text: str, ticket_id: int | None = None, *, auto: bool = False, html: bool = False
    ) -> tuple[int, Entry]:
        """A new ticket, or a further message."""
        if ticket_id is None:
            ticket_id = next(self._ticket_ids)
            self.tickets[ticket_id] = FakeTicket(ticket_id, "Late parcel")
        ticket = self.tickets[ticket_id]
        subject = "Automatic reply: Out of the office" if auto else ticket.subject
        return ticket_id, self.add(ticket, "customer", text, html=html, auto=auto, subject=subject)

    def staff_writes(self, ticket_id: int, text: str, *, public: bool = True, mailed: bool = False) -> Entry:
        return self.add(self.tickets[ticket_id], "staff", text, public=public, mailed=mailed)

    def take_over(self, ticket_id: int) -> None:
        """A person takes the ticket, and says nothing yet."""
        self.tickets[ticket_id].assignee = STAFF

    def add(self, ticket: FakeTicket, wrote: str, text: str, **more: Any) -> Entry:
        self._now += timedelta(seconds=20)
        entry = Entry(next(self._ids), wrote, text, self._now, **more)
        ticket.entries.append(entry)
        return entry

    # What the system is.

    @abstractmethod
    def settings(self, url: str) -> DeskSettings:
        """Ours for this system, with `queues={"billing": …}` and short time limits."""

    @abstractmethod
    def add_routes(self, app: FastAPI) -> None:
        """Its API."""

    @abstractmethod
    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        """What it sends when `entry` is written, signed; with the ticket as it is now."""

    def signed(self, body: bytes) -> Webhook:
        """Any body, as genuine as its secret makes it."""
        raise NotImplementedError

    @abstractmethod
    def is_handed_off(self, ticket: FakeTicket) -> bool:
        """As its people see."""

    @abstractmethod
    def gives_back(self, ticket: FakeTicket) -> bool:
        """A person gives the ticket back to the assistant. False if the system has no way to."""

    def remove(self, ticket_id: int) -> None:
        """A person deletes the ticket."""
        del self.tickets[ticket_id]

    def id_of(self, ticket_id: int) -> str:
        """As its API has it."""
        return str(ticket_id)

    def ticket_with(self, ticket_id: str) -> FakeTicket:
        """The ticket with this id of its API."""
        return self.tickets[int(ticket_id)]

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Its API on loopback; what `settings` takes."""
        async with served(cutting(self.app())) as url:
            yield url

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def fail(request: Request, call_next: Any) -> Any:
            self.requests.append((request.method, request.url.path))
            if self.is_down:
                return JSONResponse({"error": "maintenance"}, 503)
            fault = self.faults.pop(0) if self.faults and self.is_write(request) else None
            if fault is Fault.REFUSE:
                return JSONResponse({"error": "maintenance"}, 503)
            if fault is Fault.LIMIT:
                return JSONResponse({"error": "too many requests"}, 429, {"Retry-After": "1"})
            if fault is Fault.DENY or not self.is_ours(request):
                return JSONResponse({"error": "not authorised"}, 401)
            response = await call_next(request)
            if fault is Fault.LOSE:
                request.scope["cut"] = True
            if fault is Fault.HANG:
                await asyncio.sleep(self.hang_s)
            return response

        self.add_routes(app)
        return app

    def is_write(self, request: Request) -> bool:
        return request.method != "GET"

    @abstractmethod
    def is_ours(self, request: Request) -> bool:
        """True if the request carries our token."""


def cutting(app: FastAPI) -> Any:
    """The same application, whose connection is cut where a fault asks for it: bytes are announced and never come."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def cut(message: Any) -> None:
            if scope.get("cut") and message["type"] == "http.response.start":
                message = {**message, "headers": [(b"content-length", b"100000"), (b"connection", b"close")]}
            if scope.get("cut") and message["type"] == "http.response.body":
                message = {**message, "body": b"", "more_body": False}
            await send(message)

        await app(scope, receive, cut)

    return wrapped


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
