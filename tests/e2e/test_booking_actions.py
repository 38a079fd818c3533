"""The started product changes bookings in the sample company's system: asked about, agreed to, once, whatever is killed."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.wiring.bookings import bookings_system, bookings_token
from tests.e2e.product import ModelServer, Product, event, product
from tests.e2e.test_demo_bookings import bookings
from tests.servers import free_port

pytestmark = pytest.mark.slow

ANNA = {"kind": "customer", "customer_id": "guest-anna", "verified": True}
BEN = {"kind": "customer", "customer_id": "guest-ben", "verified": True}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, knowledge: Path, model: ModelServer) -> Iterator[Product]:
    folder, port = tmp_path_factory.mktemp("actions"), free_port()
    bookings_dir = folder / "bookings"
    with bookings(bookings_dir, port):
        system: dict[str, Any] = bookings_system(f"http://127.0.0.1:{port}", bookings_token(bookings_dir)) | {"timeout_s": 60}
        with product(folder, knowledge, model.url, INNKEEPER_TOOLS=json.dumps({"bookings": system})) as made:
            made.start("serve", "worker")
            yield made


def say(house: Product, ticket: str, number: int, text: str, author: dict[str, Any]) -> dict[str, Any]:
    """Write, and what was answered: the ticket's event of that number."""
    body = event("ticket.message.created", ticket_id=ticket, message_id=f"{ticket}-{number}", author=author, text=text)
    house.insist(body, f"msg_{ticket}-{number}")
    return dict(house.outcomes(ticket, number)[-1]["data"])


def booking(house: Product, booking_id: str) -> dict[str, Any]:
    database = sqlite3.connect(house.data_dir.parent / "bookings" / "demo-bookings.sqlite3")
    database.row_factory = sqlite3.Row
    try:
        return dict(database.execute("SELECT * FROM bookings WHERE booking_id = ?", (booking_id,)).fetchone())
    finally:
        database.close()


def test_a_guest_sees_their_own_booking_and_nobody_elses(house: Product) -> None:
    told = say(house, "look", 1, "Please show my booking MS-104211", ANNA)
    assert told["decision"] == "answer"
    assert "Harbour Loft, Porto" in told["text"]
    assert "€773.60" in told["text"]
    other = say(house, "look-other", 1, "Please show my booking MS-104213", ANNA)
    assert other["decision"] == "refuse"
    assert "Lyon" not in other["text"]
    claimed = say(house, "look-claimed", 1, "Please show my booking MS-104211", {**ANNA, "verified": False})
    assert claimed["decision"] == "refuse"
    assert "Porto" not in claimed["text"]


def test_a_booking_is_cancelled_and_paid_back_with_a_persons_yes(house: Product) -> None:
    asked = say(house, "cancel", 1, "Please cancel my booking MS-104211", ANNA)
    assert asked["decision"] == "clarify"
    assert "€773.60 back" in asked["text"]
    assert booking(house, "MS-104211")["status"] == "confirmed"
    done = say(house, "cancel", 2, "yes please", ANNA)
    assert done["decision"] == "answer"
    assert booking(house, "MS-104211")["status"] == "cancelled"
    assert booking(house, "MS-104211")["refunded_cents"] == 0

    say(house, "refund", 1, "Please refund MS-104211", ANNA)
    waits = say(house, "refund", 2, "yes", ANNA)
    assert waits["decision"] == "draft"
    assert "colleague" in waits["notice"]
    assert "amount_cents: 77360" in waits["summary"]
    house.stop("worker")
    house.start("worker")
    house.rule("refund", waits["run_id"], "approved")
    paid = house.outcomes("refund", 3)[-1]["data"]
    assert paid["decision"] == "answer"
    assert booking(house, "MS-104211")["refunded_cents"] == 77_360


def test_a_worker_that_is_killed_while_it_works_changes_a_booking_once(house: Product) -> None:
    asked = say(house, "move", 1, "Can you move my booking MS-104213 to tomorrow?", BEN)
    assert asked["decision"] == "clarify", asked
    body = event("ticket.message.created", ticket_id="move", message_id="move-2", author=BEN, text="yes")
    house.insist(body, "msg_move-2")
    house.kill("worker")
    house.start("worker")
    done = house.outcomes("move", 2)[-1]["data"]
    assert done["decision"] == "answer"
    assert booking(house, "MS-104213")["date_changes"] == 1
