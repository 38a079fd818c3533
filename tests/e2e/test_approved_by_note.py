"""The started product before Chatwoot: who a guest is by Chatwoot's own check, and a refund that a person's note approves."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from agent.helpdesk_settings import plain
from agent.wiring.bookings import bookings_system, bookings_token
from tests.contract.helpdesks.fake_chatwoot import FakeChatwoot
from tests.contract.helpdesks.fake_desk import Entry
from tests.e2e.product import ModelServer, Product, product, until
from tests.e2e.test_booking_actions import booking
from tests.e2e.test_demo_bookings import bookings
from tests.servers import free_port

pytestmark = pytest.mark.slow


@asynccontextmanager
async def house(folder: Path, knowledge: Path, model: ModelServer, desk: FakeChatwoot) -> AsyncIterator[Product]:
    port = free_port()
    with bookings(folder / "bookings", port):
        system = bookings_system(f"http://127.0.0.1:{port}", bookings_token(folder / "bookings")) | {"timeout_s": 60}
        async with desk.served() as url:
            chatwoot = plain(desk.settings(url)) | {"trusts_identifiers": True}
            settings = {
                "INNKEEPER_TOOLS": json.dumps({"bookings": system}),
                "INNKEEPER_HELPDESKS": json.dumps({"chatwoot": chatwoot}),
            }
            with product(folder, knowledge, model.url, **settings) as made:
                await asyncio.to_thread(made.start, "serve", "worker")
                yield made


class Guest:
    """Writes in one conversation of Chatwoot's chat, and reads what comes."""

    def __init__(self, house: Product, desk: FakeChatwoot, identifier: str) -> None:
        self.house, self.desk, self.identifier = house, desk, identifier
        self.ticket_id: int | None = None

    async def say(self, text: str) -> str:
        """The answer."""
        before = len(self.answers())
        self.ticket_id, entry = self.desk.customer_writes(text, self.ticket_id)
        self.desk.checked[self.ticket_id] = self.identifier
        self.desk.chats.add(entry.id)
        await self._tell(entry)
        return await self.answered(before + 1)

    async def answered(self, count: int) -> str:
        await asyncio.to_thread(until, lambda: len(self.answers()) >= count)
        return self.answers()[-1].text

    def answers(self) -> list[Entry]:
        return self.desk.tickets[self.ticket_id].by("us", public=True) if self.ticket_id else []

    def notes(self) -> list[str]:
        return [one.text for one in self.desk.tickets[self.ticket_id or 0].by("us", public=False)]

    async def _tell(self, entry: Entry) -> None:
        webhook = self.desk.webhook(self.desk.tickets[self.ticket_id or 0], entry, f"delivery-{entry.id}")
        async with httpx.AsyncClient(base_url=self.house.url, trust_env=False, timeout=60) as client:
            headers = {"content-type": "application/json", **webhook.headers}
            (await client.post("/webhooks/chatwoot", content=webhook.body, headers=headers)).raise_for_status()


async def test_a_guest_is_paid_back_once_a_note_has_approved_it(knowledge: Path, tmp_path: Path, model: ModelServer) -> None:
    desk = FakeChatwoot()
    async with house(tmp_path, knowledge, model, desk) as made:
        anna = Guest(made, desk, "guest-anna")
        assert "773.60" in await anna.say("Please cancel my booking MS-104211")
        await anna.say("yes please")
        assert booking(made, "MS-104211")["status"] == "cancelled"

        await anna.say("Please refund MS-104211")
        assert "colleague" in await anna.say("yes")
        await asyncio.to_thread(until, anna.notes)  # the guest is told first
        assert "ai-approve" in anna.notes()[-1]
        assert booking(made, "MS-104211")["refunded_cents"] == 0

        # Of a note no webhook tells: the ticket is looked at.
        count = len(anna.answers())
        note = desk.staff_writes(anna.ticket_id or 0, "ai-approve", public=False)
        assert "773.60" in await anna.answered(count + 1)
        assert booking(made, "MS-104211")["refunded_cents"] == 77_360
        told = (await asyncio.to_thread(made.command, "audit", "show")).stdout
        assert f"a person at chatwoot (note {note.id})" in told, told

        ben = Guest(made, desk, "guest-ben")
        assert "773.60" not in await ben.say("Please show my booking MS-104211")
