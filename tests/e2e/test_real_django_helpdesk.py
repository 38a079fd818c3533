"""The real django-helpdesk by itself: what it tells a webhook's receiver, and what its people and its API see of each other."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.product import until
from tests.e2e.real_django_helpdesk import API_USER, CUSTOMER, DjangoHelpdesk, Installation, django_helpdesk

SECRET_PATH = "/webhooks/desk/not-to-be-guessed"

pytestmark = pytest.mark.slow


class Receiver:
    """Takes the desk's webhooks, and does what a test wants while the desk still waits for the answer."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.meanwhile: Callable[[dict[str, Any]], None] = lambda body: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == SECRET_PATH
                assert self.headers["content-type"] == "application/json"
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                receiver.meanwhile(body)
                receiver.bodies.append(body)
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{SECRET_PATH}"

    def nth(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = until(lambda: self.bodies[number - 1 : number], 60)[0]
        return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def desk(django_helpdesk_installation: Installation, tmp_path: Path, receiver: Receiver) -> Iterator[DjangoHelpdesk]:
    with django_helpdesk(django_helpdesk_installation, tmp_path / "desk", [receiver.url], [receiver.url]) as running:
        yield running


def test_a_ticket_by_the_form_is_told_and_read_back(desk: DjangoHelpdesk, receiver: Receiver) -> None:
    ticket = desk.open_ticket("Late parcel", "Where is my order?")

    told = receiver.nth(1)
    assert told["queue_slug"] == "support"
    assert told["ticket"] == desk.api.get(f"/tickets/{ticket.id}/").json()
    assert told["ticket"] | {"followup_set": []} == {
        "id": ticket.id,
        "queue": 1,
        "title": "Late parcel",
        "description": "Where is my order?",
        "resolution": None,
        "submitter_email": CUSTOMER,
        "assigned_to": None,
        "status": 1,
        "on_hold": False,
        "priority": 3,
        "due_date": None,
        "merged_to": None,
        "followup_set": [],
    }
    [opening] = told["ticket"]["followup_set"]
    assert (opening["user"], opening["public"], opening["comment"]) == (None, True, "Where is my order?")


def test_what_each_one_writes_is_told_and_shows_where_it_should(desk: DjangoHelpdesk, receiver: Receiver) -> None:
    ticket = desk.open_ticket("Late parcel", "Where is my order?")

    reply = desk.reply_by_api(ticket.id, "Your parcel left today.")
    desk.mail_from_customer(ticket, "And when is it here?")
    desk.write_as_staff(ticket.id, "Carrier says Friday", public=False)
    desk.write_as_staff(ticket.id, "It comes on Friday.", owner="1")

    assert [receiver.nth(number).get("followup_id") for number in range(1, 6)] == [None, 2, 3, 4, 5]
    assert receiver.nth(2)["ticket"]["followup_set"][-1] == reply
    shown = [(each["user"], each["public"], each["comment"].strip()) for each in desk.follow_ups(ticket.id)]
    assert shown == [
        (None, True, "Where is my order?"),
        (2, True, "Your parcel left today."),
        (None, True, "And when is it here?"),
        (1, False, "Carrier says Friday"),
        (1, True, "It comes on Friday."),
    ]
    page = desk.public_page(ticket)
    assert "by innkeeper" in page
    assert "Your parcel left today." in page
    assert "It comes on Friday." in page
    assert "Carrier says Friday" not in page
    assert any("Your parcel left today." in mail and f"To: {CUSTOMER}" in mail for mail in desk.mails())


def test_the_receiver_may_call_back_while_the_customer_still_waits(desk: DjangoHelpdesk, receiver: Receiver) -> None:
    receiver.meanwhile = lambda body: _answer_once(desk, body)

    ticket = desk.open_ticket("Late parcel", "Where is my order?")

    assert [each["comment"] for each in desk.follow_ups(ticket.id)] == ["Where is my order?", "We have it in view."]


def test_in_one_transaction_the_told_ticket_cannot_be_read_yet(
    django_helpdesk_installation: Installation, tmp_path: Path, receiver: Receiver
) -> None:
    seen: list[int] = []
    with django_helpdesk(django_helpdesk_installation, tmp_path / "desk", [receiver.url], atomic_requests=True) as desk:
        receiver.meanwhile = lambda body: seen.append(_read(desk, body).status_code)

        ticket = desk.open_ticket("Late parcel", "Where is my order?")

        assert seen == [404]
        assert desk.follow_ups(ticket.id)


def test_without_a_receiver_the_ticket_is_kept_and_its_customer_gets_an_error(
    django_helpdesk_installation: Installation, tmp_path: Path
) -> None:
    nobody = "http://127.0.0.1:9/webhooks/desk/secret"
    with django_helpdesk(django_helpdesk_installation, tmp_path / "desk", [nobody], [nobody]) as desk:
        with pytest.raises(httpx.HTTPStatusError, match="500"):
            desk.open_ticket("Late parcel", "Where is my order?")

        assert desk.api.post("/followups/", json={"ticket": 1, "comment": "On its way.", "public": True}).status_code == 500
        assert [each["comment"] for each in desk.follow_ups(1)] == ["Where is my order?", "On its way."]


def test_the_form_on_the_customers_page_asks_for_a_login(desk: DjangoHelpdesk) -> None:
    ticket = desk.open_ticket("Late parcel", "Where is my order?")

    assert desk.customer_form(ticket, "And when?").url.path == "/login/"
    assert len(desk.follow_ups(ticket.id)) == 1


def test_a_comment_is_a_template_to_the_desk(desk: DjangoHelpdesk) -> None:
    ticket = desk.open_ticket("Late parcel", "Where is my order?")

    assert desk.reply_by_api(ticket.id, "{{ ticket.title }}, {# not shown #}50%")["comment"] == "Late parcel, 50%"
    assert desk.reply_by_api(ticket.id, '{{ "{{" }} ticket.title }}')["comment"] == "{{ ticket.title }}"
    broken = desk.api.post("/followups/", json={"ticket": ticket.id, "comment": "{{ 1|no }}", "public": True})
    assert broken.status_code == 500
    assert len(desk.follow_ups(ticket.id)) == 3


def _read(desk: DjangoHelpdesk, body: dict[str, Any]) -> httpx.Response:
    return httpx.get(f"{desk.url}/api/tickets/{body['ticket']['id']}/", auth=API_USER, trust_env=False)


def _answer_once(desk: DjangoHelpdesk, body: dict[str, Any]) -> None:
    if "followup_id" in body:
        return
    follow_up = {"ticket": _read(desk, body).json()["id"], "comment": "We have it in view.", "public": True}
    httpx.post(f"{desk.url}/api/followups/", json=follow_up, auth=API_USER, trust_env=False).raise_for_status()
