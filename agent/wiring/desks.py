"""Helpdesks for a worker: what reads their tickets, what answers them, what polls them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from agent.channels.dispatch import SenderBySource
from agent.channels.helpdesks.polling import poll_once
from agent.channels.helpdesks.registry import clients
from agent.channels.helpdesks.sending import DeskSender
from agent.channels.helpdesks.sync import TicketSync
from agent.channels.helpdesks.types import PolledHelpdesk
from agent.channels.outbound import WebhookSender, new_client
from agent.helpdesk_settings import HelpdeskSettings
from agent.ports import Conversations, ReplySender, TicketHints, TurnQueue
from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Desks:
    """What a worker does with helpdesks."""

    sync: TicketSync
    sender: ReplySender
    polls: Mapping[str, tuple[float, Callable[[], Awaitable[object]]]]


@asynccontextmanager
async def open_desks(
    settings: Settings, conversations: Conversations, hints: TicketHints, queue: TurnQueue
) -> AsyncIterator[Desks]:
    """Clients of every helpdesk in the settings. Makes no call yet."""
    async with AsyncExitStack() as stack:
        desks = clients(settings.helpdesks)
        for desk in desks.values():
            stack.push_async_callback(desk.aclose)
        client = await stack.enter_async_context(new_client())
        generic = {name: desk for name, desk in settings.helpdesks.items() if isinstance(desk, HelpdeskSettings)}
        by_api = DeskSender(desks, hints, queue)
        sender = SenderBySource(dict.fromkeys(desks, by_api), otherwise=WebhookSender(generic, client))
        polls = {
            source: (desk.poll_s, partial(poll_once, source, desk, hints, queue))
            for source, desk in desks.items()
            if isinstance(desk, PolledHelpdesk)
        }
        yield Desks(TicketSync(desks, conversations, hints), sender, polls)
