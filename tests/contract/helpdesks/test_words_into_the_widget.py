"""What people and customers write on either side of the bridge is text on the other one, whatever it looks like."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from agent.adapters.links import RedisTicketLinks
from agent.adapters.redis_clients import redis_client
from agent.adapters.widget_store import RedisWidgetConversations
from agent.channels.desk_markup import TAGS
from agent.channels.helpdesks.bridge import Bridge
from agent.channels.widget.people import WidgetPeople
from agent.channels.widget.sender import WidgetSender
from agent.types import ConversationId, MessageId, OutboxEntry, OutboxId, RunId
from agent.widget_ports import WidgetConversation
from agent.wiring.desks import ByTicket
from agent.wiring.widget import PeopleRelay
from tests.contract.helpdesks.fake_desk import EMAIL, FakeTicket
from tests.contract.helpdesks.inn import HANDOFF, SOURCE, Inn

WIDGET = "w" * 24
CID = ConversationId(f"widget:{WIDGET}")
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:alert(1)'>press</a>"
ABOUT = WidgetConversation(WIDGET, "shop", "owner-1", customer=f"user {ATTACK}", name=f"Mia {ATTACK}", contact=EMAIL, locale="en")


@dataclass
class Chat:
    inn: Inn
    shown: RedisWidgetConversations
    bridge: Bridge
    relay: PeopleRelay
    ticket: FakeTicket

    async def carried(self) -> list[dict]:
        """What the widget shows once the ticket was looked at."""
        ticket_id = self.inn.desk.id_of(self.ticket.id)
        found = await self.inn.helpdesk.read(ticket_id)
        await self.bridge.carry_back(ConversationId(f"{SOURCE}:{ticket_id}"), found, self.relay)
        return [one for one in (await self.shown.history(WIDGET)).messages if one["role"] == "person"]


@pytest.fixture
async def chat(inn: Inn, redis_url: str) -> AsyncIterator[Chat]:
    async with redis_client(redis_url) as client:
        shown, links = RedisWidgetConversations(client), RedisTicketLinks(client)
        bridge = Bridge({SOURCE: inn.helpdesk}, inn.conversations, links)
        await shown.create(ABOUT)
        entry = OutboxEntry(
            OutboxId("out_1"),
            CID,
            "widget",
            WIDGET,
            RunId("1"),
            MessageId("m1"),
            replace(HANDOFF, answer=""),
            "2026-01-05T09:00:01Z",
        )
        await WidgetSender(shown, lambda text: (), {"shop": ByTicket(bridge, SOURCE)}).send(entry)
        link = await links.of_conversation(CID)
        assert link is not None
        ticket = inn.desk.ticket_with(link.ticket.partition(":")[2])
        yield Chat(inn, shown, bridge, PeopleRelay(WidgetPeople(inn.conversations, shown)), ticket)


def tags(tree: list) -> set[str]:
    found: set[str] = set()
    for part in tree:
        if not isinstance(part, str):
            assert part[0] in TAGS
            found |= {part[0], *tags(part[1:])}
    return found


@pytest.mark.parametrize("is_html", [False, True])
async def test_what_a_person_writes_in_the_helpdesk_is_text_in_the_widget(chat: Chat, is_html: bool) -> None:
    written = f"<p>It arrives <b>tomorrow</b>.</p>{ATTACK}" if is_html else f"It arrives tomorrow. {ATTACK}"
    chat.inn.desk.staff_writes(chat.ticket.id, written).html = is_html
    [shown] = await chat.carried()
    assert "It arrives" in shown["text"]
    assert tags(shown["tree"]) <= {"p", "br"}
    assert (shown["role"], shown["citations"], shown["quick_replies"]) == ("person", [], [])


async def test_a_customers_name_runs_nowhere_in_the_helpdesk(chat: Chat) -> None:
    *opening, note = [one for one in chat.ticket.entries if one.wrote == "us"]  # the subject alone where no note can be first
    assert all("Mia" not in one.text for one in opening)
    assert "Signed in on the site as: user" in note.text
    assert "Name, as the page gives it: Mia" in note.text
    if note.html:
        assert "<script" not in note.text
        assert "<img" not in note.text
        assert "<a " not in note.text
