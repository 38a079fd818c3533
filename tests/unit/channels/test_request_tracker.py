"""Request Tracker, by answers that RT 5.0.3 gave: who wrote, what is found, whose the ticket is."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from agent.channels.helpdesks.request_tracker import SYSTEM, RequestTracker, setup
from agent.channels.helpdesks.rest2 import quoted, text_part
from agent.channels.helpdesks.types import DeskTicket, Hint, Owner, PolledHelpdesk, Wrote
from agent.errors import HelpdeskRefused, HelpdeskUnavailable, TicketMissing
from agent.helpdesk_settings import RequestTrackerSettings

TOKEN = "1-34-" + "ab" * 16
API = "/REST/2.0"


def settings(**more: Any) -> RequestTrackerSettings:
    given = {"system": "request-tracker", "url": "http://rt", "token": TOKEN, "watched": ["Support"], "default_queue": "People"}
    return RequestTrackerSettings(**given | more)


def user(name: str) -> dict[str, str]:
    return {"type": "user", "id": name, "_url": f"http://rt/REST/2.0/user/{name}"}


def transaction(number: int, kind: str, creator: str, created: str = "2026-11-26T15:16:49Z") -> dict[str, Any]:
    return {
        "type": "transaction",
        "id": str(number),
        "Type": kind,
        "Creator": user(creator),
        "Created": created,
        "ObjectId": "2",
        "Object": "",
    }


def part(number: int, of: int, kind: str = "text/plain", headers: str = "X-RT-Interface: REST", name: str = "") -> dict[str, Any]:
    return {
        "type": "attachment",
        "id": str(number),
        "TransactionId": str(of),
        "ContentType": kind,
        "Filename": name,
        "Headers": headers,
    }


MAIL = (
    "Date: Thu, 26 Nov 2026 15:00:00 +0000\nSubject: Late parcel\nX-RT-Incoming-Encryption: Not encrypted\nMIME-Version: 1.0\n"
    'content-type: text/plain; charset="utf-8"\nTo: support@example.com\nFrom: "Emily Adams" <emily@example.com>\n'
    "Message-ID: <a@example.com>\nX-RT-Original-Encoding: utf-8\nX-RT-Interface: Email\nContent-Length: 35"
)
TICKET = {
    "id": 2,
    "Subject": "Late parcel",
    "Status": "open",
    "Queue": {"Name": "Support", "type": "queue", "id": "3"},
    "Owner": user("Nobody"),
    "Requestor": [user("emily@example.com")],
    "CustomFields": [],
}


class Server:
    """Answers by path; lists are one page, and an empty one after it, as RT's are."""

    def __init__(self) -> None:
        self.ticket: dict[str, Any] = dict(TICKET)
        self.history = [transaction(51, "Create", "emily@example.com")]
        self.parts = [part(5, 51, headers=MAIL)]
        self.contents = {"5": "Where is my order?\n\nGrüße, Emily\n"}
        self.news: list[dict[str, Any]] = []
        self.queries: list[str] = []
        self.changes: list[Any] = []
        self.date = "Thu, 26 Nov 2026 15:00:00 GMT"
        self.staff = {"sam"}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(API)
        if path == "/rt":
            return httpx.Response(200, json={"Version": "5.0.3"}, headers={"date": self.date})
        if path.startswith("/user/"):
            asked = path.removeprefix("/user/")
            self.asked.append(asked)
            assert asked in ("34", "sam", "mallory@example.com")
            name = "innkeeper" if asked == "34" else asked
            return httpx.Response(200, json={"Name": name, "Privileged": int(name in {"innkeeper", *self.staff})})
        if path.startswith("/attachment/"):
            content = self.contents[path.removeprefix("/attachment/")].encode()
            return httpx.Response(200, json={"Content": base64.encodebytes(content).decode()})
        if path == "/ticket/2" and request.method == "PUT":
            self.changes.append(request.content)
            return httpx.Response(200, json=["Ticket 2: That user does not exist"])
        if path == "/ticket/2":
            return httpx.Response(200, json=self.ticket)
        lists = {"/ticket/2/history": self.history, "/ticket/2/attachments": self.parts, "/transactions": self.news}
        if path == "/transactions":
            self.queries.append(request.url.params["query"])
        items = lists[path] if request.url.params["page"] == "1" else []
        return httpx.Response(200, json={"items": items, "pages": None, "total": None, "page": 1, "per_page": 100})


@asynccontextmanager
async def desk(answer: Callable[[httpx.Request], httpx.Response], **more: Any) -> AsyncIterator[RequestTracker]:
    helpdesk = RequestTracker("rt", settings(**more))
    helpdesk._api._client._transport = httpx.MockTransport(answer)
    try:
        yield helpdesk
    finally:
        await helpdesk.aclose()


async def test_it_is_polled() -> None:
    async with desk(Server()) as helpdesk:
        assert isinstance(helpdesk, PolledHelpdesk)
        assert helpdesk.poll_s == 15
        assert SYSTEM.receiver is None


async def test_who_wrote_what() -> None:
    server = Server()
    server.history += [
        transaction(53, "Correspond", "emily@example.com"),
        transaction(54, "Status", "RT_System"),
        transaction(55, "Correspond", "innkeeper"),
        transaction(56, "EmailRecord", "RT_System"),
        transaction(60, "Correspond", "sam"),
        transaction(62, "Comment", "sam"),
        transaction(207, "Correspond", "emily@example.com"),
        transaction(209, "Correspond", "mallory@example.com"),
    ]
    server.parts += [
        part(9, 53, headers=MAIL),
        part(10, 55, "text/html"),
        part(19, 60),
        part(23, 62),
        part(120, 207, headers=MAIL + "\nAuto-Submitted: auto-replied"),
        part(121, 209, headers=MAIL),
    ]
    server.contents |= {
        "9": "And when?\n\nOn Thu, Nov 26, 2026 at 3:00 PM Support <support@example.com> wrote:\n> Your parcel left.\n",
        "10": "<p>It left.</p><p><small>Ref. IK-0123456789AB</small></p>",
        "19": "Sam here.",
        "23": "difficult",
        "120": "I am away",
        "121": "I am someone else",
    }
    async with desk(server) as helpdesk:
        ticket = await helpdesk.read("2")
    assert [(m.message_id, m.wrote, m.public, m.automatic) for m in ticket.messages] == [
        ("51", Wrote.CUSTOMER, True, False),
        ("53", Wrote.CUSTOMER, True, False),
        ("55", Wrote.US, True, False),
        ("60", Wrote.STAFF, True, False),
        ("62", Wrote.STAFF, False, False),
        ("207", Wrote.CUSTOMER, True, True),
        ("209", Wrote.MACHINE, True, False),
    ]
    assert ticket.messages[0].text == "Where is my order?\n\nGrüße, Emily"
    assert ticket.messages[0].sent_at == "2026-11-26T15:16:49.000Z"
    assert ticket.messages[1].text == "And when?"
    assert "Ref. IK-0123456789AB" in ticket.messages[2].text
    assert ticket.owner is Owner.US


async def test_who_joins_the_staff_is_heard_as_one_of_them() -> None:
    server = Server()
    server.history += [transaction(60, "Correspond", "sam"), transaction(61, "Correspond", "sam")]
    server.parts += [part(9, 60), part(10, 61)]
    server.contents |= {"9": "It comes on Friday.", "10": "By noon."}
    server.staff = set()
    async with desk(server) as helpdesk:
        assert [m.wrote for m in (await helpdesk.read("2")).messages] == [Wrote.CUSTOMER, Wrote.MACHINE, Wrote.MACHINE]
        server.staff = {"sam"}
        for _ in range(2):
            assert [m.wrote for m in (await helpdesk.read("2")).messages] == [Wrote.CUSTOMER, Wrote.STAFF, Wrote.STAFF]
    assert server.asked.count("sam") == 2


async def test_a_sender_that_cant_be_read_stops_no_ticket() -> None:
    server = Server()
    server.parts = [part(5, 51, headers="X-RT-Interface: Email\nFrom: " + "(" * 5000)]
    async with desk(server) as helpdesk:
        assert [m.wrote for m in (await helpdesk.read("2")).messages] == [Wrote.CUSTOMER]


async def test_what_a_web_form_opens_is_the_customers() -> None:
    server = Server()
    server.history = [transaction(51, "Create", "sam"), transaction(52, "Correspond", "sam")]
    server.parts = [part(5, 51), part(5, 52)]
    async with desk(server) as helpdesk:
        assert [m.wrote for m in (await helpdesk.read("2")).messages] == [Wrote.STAFF, Wrote.STAFF]
    async with desk(server, on_behalf=["sam"]) as helpdesk:
        assert [m.wrote for m in (await helpdesk.read("2")).messages] == [Wrote.CUSTOMER, Wrote.STAFF]


def test_the_words_of_a_mail_are_its_plain_text_and_no_file() -> None:
    mail = [
        part(1, 5, "multipart/alternative"),
        part(2, 5, "text/plain", name="notes.txt"),
        part(3, 5, "text/html"),
        part(4, 5, "text/plain"),
    ]
    assert text_part(mail) == mail[3]
    assert text_part(mail[:3]) == mail[2]
    assert text_part(mail[:2]) is None


@pytest.mark.parametrize(
    ("changed", "more", "owner"),
    [
        ({}, {}, Owner.US),
        ({"Owner": user("innkeeper")}, {}, Owner.US),
        ({"Owner": user("sam")}, {}, Owner.PERSON),
        ({"Owner": user("sam")}, {"answers_assigned": True}, Owner.US),
        ({"Owner": user("people")}, {"answers_assigned": True, "handoff_owner": "people"}, Owner.PERSON),
        ({"Queue": {"Name": "People", "id": "5"}}, {}, Owner.PERSON),
        ({"Status": "rejected"}, {}, Owner.PERSON),
        ({"CustomFields": [{"name": "AI", "values": ["ai-handoff"]}]}, {"stop_field": "AI"}, Owner.PERSON),
        ({"CustomFields": [{"name": "AI", "values": []}]}, {"stop_field": "AI"}, Owner.US),
        ({"CustomFields": [{"name": "AI", "values": ["ai-handoff"]}]}, {}, Owner.US),
        ({"CustomFields": ""}, {"stop_field": "AI"}, Owner.US),
    ],
)
async def test_whose_the_ticket_is(changed: dict[str, Any], more: dict[str, Any], owner: Owner) -> None:
    server = Server()
    server.ticket |= changed
    async with desk(server, **more) as helpdesk:
        assert (await helpdesk.read("2")).owner is owner


async def test_a_hand_off_that_rt_does_not_take_is_told() -> None:
    server = Server()
    async with desk(server, handoff_owner="nobody-such") as helpdesk:
        with pytest.raises(HelpdeskRefused, match="nobody-such"):
            await helpdesk.hand_off(DeskTicket("2", None, ()), None)
    assert server.changes == [b'{"Owner":"nobody-such"}', b'{"Queue":"People"}']


async def test_only_what_comes_after_the_first_poll_is_news() -> None:
    server = Server()
    server.news = [transaction(51, "Create", "emily@example.com", "2026-11-26T14:59:59Z")]
    async with desk(server) as helpdesk:
        first = await helpdesk.poll(None)
        assert first.hints == ()
        server.news += [
            transaction(49, "Correspond", "emily@example.com", "2026-11-26T15:00:01Z"),  # became visible late, long ago
            transaction(52, "Correspond", "emily@example.com", "2026-11-26T15:00:02Z"),
            transaction(53, "Correspond", "innkeeper", "2026-11-26T15:00:03Z"),
        ]
        news = await helpdesk.poll(first.cursor)
        assert news.hints == (Hint("52", "2"),)
        assert news.cursor == "2026-11-26T15:00:00.000Z 53"
        again = await helpdesk.poll(news.cursor)
        assert again.cursor == news.cursor
    assert server.queries[-1].endswith("(TicketQueue = 'Support') AND id > 0")


async def test_what_became_visible_late_is_news_unless_it_is_older_than_the_first_poll() -> None:
    server, now = Server(), datetime.now(UTC).replace(microsecond=0)
    server.date = format_datetime(now, usegmt=True)
    server.news = [transaction(52, "Create", "emily@example.com", (now - timedelta(seconds=90)).isoformat())]
    async with desk(server) as helpdesk:
        first = await helpdesk.poll(None)
        server.news += [
            transaction(50, "Correspond", "emily@example.com", (now - timedelta(seconds=60)).isoformat()),
            transaction(51, "Correspond", "emily@example.com", (now + timedelta(seconds=1)).isoformat()),
        ]
        assert [one.delivery for one in (await helpdesk.poll(first.cursor)).hints] == ["51"]


def test_a_queue_is_quoted_in_a_search() -> None:
    assert quoted("O'Hara \\ Sons") == r"'O\'Hara \\ Sons'"


async def test_a_token_of_another_kind_and_a_refused_one_are_told() -> None:
    async with desk(Server(), token="something-else") as helpdesk:
        with pytest.raises(HelpdeskUnavailable, match="Auth Tokens"):
            await helpdesk.read("2")
    async with desk(lambda _: httpx.Response(401, json={"message": "Unauthorized"})) as helpdesk:
        [finding] = await helpdesk.check()
        assert not finding.ok
        assert "token" in finding.detail


@pytest.mark.parametrize("ticket_id", ["", "x", "2/../3", "-1", "²"])
async def test_an_id_that_is_no_number_is_no_ticket(ticket_id: str) -> None:
    async with desk(Server()) as helpdesk:
        with pytest.raises(TicketMissing):
            await helpdesk.read(ticket_id)


@pytest.mark.parametrize(
    "more", [{"default_queue": None}, {"default_queue": "Support"}, {"queues": {"billing": "Support"}}, {"watched": []}]
)
def test_settings_that_leave_a_ticket_with_us_after_a_hand_off_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**more)
    if "watched" not in more:
        settings(**more, handoff_owner="people")
        settings(**more, stop_field="AI")


def test_the_steps_name_what_is_set() -> None:
    steps = "\n".join(setup(settings(stop_field="AI", queues={"billing": "Billing"})).steps)
    assert "Billing, People" in steps
    assert "AI" in steps
