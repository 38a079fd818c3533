"""Helpdesks for a worker: what reads their tickets, what answers them, what polls them, and the way to them from a widget."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from agent.adapters.hints import RedisTicketHints
from agent.adapters.links import SOONEST_S, RedisTicketLinks
from agent.adapters.redis_clients import RedisClient
from agent.adapters.redis_store import RedisConversations
from agent.channels.dispatch import SenderBySource
from agent.channels.helpdesks.bridge import Bridge, Relay
from agent.channels.helpdesks.polling import poll_once
from agent.channels.helpdesks.registry import clients, deciding
from agent.channels.helpdesks.sending import DeskSender
from agent.channels.helpdesks.sync import Decided, TicketSync
from agent.channels.helpdesks.types import Contact, DeskTicket, Helpdesk, PolledHelpdesk
from agent.channels.outbound import WebhookSender, new_client
from agent.helpdesk_settings import AnyHelpdesk, HelpdeskSettings, Polled
from agent.ports import Approvals, ReplySender, TicketLinks, TurnQueue
from agent.privacy.handling import RulesInForce, rules_of
from agent.settings import Settings
from agent.site_settings import WIDGET_SOURCE
from agent.types import ConversationId, DraftRuling, OutboxEntry, Ruled
from agent.widget_ports import Escalation
from agent.wiring import rules
from agent.wiring.live_policies import LivePolicies
from agent.wiring.widget import build_by_webhook, build_people, build_sender, promises_of

Poll = tuple[float, Callable[[], Awaitable[object]]]


@dataclass(frozen=True, slots=True)
class Desks:
    """What a worker does with helpdesks.

    Attributes:
        before_turn: brings a conversation in line with its ticket, or the ticket with its conversation. False if there is
            nothing to run a turn on. Raises `TransientError`: call it again later.
        sender: of every source, the widget's included.
        polls: by name, how often in seconds, and how.
    """

    before_turn: Callable[[ConversationId], Awaitable[bool]]
    sender: ReplySender
    polls: Mapping[str, Poll]


@asynccontextmanager
async def open_desks(
    settings: Settings, redis: RedisClient, queue: TurnQueue, live: LivePolicies, approvals: Approvals
) -> AsyncIterator[Desks]:
    """Clients of every helpdesk in the settings. Makes no call yet."""
    policies = live.current.policies
    promises = promises_of(policies)
    live.on_swap(lambda now: promises.update(promises_of(now)))  # what an earlier pack has promised may yet be delivered
    kept_s = rules.kept_s(settings, policies)
    privacy = RulesInForce(rules_of(policies.privacy, policies.locales))
    live.on_swap(lambda now: privacy.take_over(now.privacy, now.locales))
    conversations = RedisConversations(redis, kept_s, privacy)
    hints, links = RedisTicketHints(redis), RedisTicketLinks(redis, kept_s)
    async with AsyncExitStack() as stack:
        desks = clients(settings.helpdesks)
        for desk in desks.values():
            stack.push_async_callback(desk.aclose)
        client = await stack.enter_async_context(new_client())
        generic = {name: desk for name, desk in settings.helpdesks.items() if isinstance(desk, HelpdeskSettings)}
        webhooks = WebhookSender(generic, client)
        bridge = Bridge(desks, conversations, links)
        by_webhook = build_by_webhook(settings, redis, webhooks, conversations, policies)
        escalations: dict[str, Escalation] = {
            site: ByTicket(bridge, one.handoff) if one.handoff in desks else by_webhook
            for site, one in settings.sites.items()
            if one.handoff is not None
        }
        desk_sender = DeskSender(desks, conversations, deciding(settings.helpdesks), links.touch)
        by_api: dict[str, ReplySender] = dict.fromkeys(desks, desk_sender)
        sender = SenderBySource(by_api | {WIDGET_SOURCE: build_sender(redis, escalations, promises, kept_s)}, otherwise=webhooks)
        people = build_people(redis, conversations, kept_s)
        carry_back = partial(_carry_back, bridge, people)
        sync = TicketSync(desks, conversations, hints, carry_back, Decided(partial(_rule, approvals), links.let_go))

        async def before_turn(conversation_id: ConversationId) -> bool:
            if conversation_id.partition(":")[0] == WIDGET_SOURCE:
                await bridge.pass_on(conversation_id, people)
                await by_webhook.pass_on(conversation_id)
            return await sync(conversation_id)

        yield Desks(before_turn, sender, _polls(settings.helpdesks, desks, hints, links, queue))


def _polls(
    settings: Mapping[str, AnyHelpdesk],
    desks: Mapping[str, Helpdesk],
    hints: RedisTicketHints,
    links: TicketLinks,
    queue: TurnQueue,
) -> dict[str, Poll]:
    """Helpdesks that send no webhooks, and tickets that stand for a widget's conversation, of which none need tell."""
    polls: dict[str, Poll] = {}
    for source, desk in desks.items():
        if isinstance(desk, PolledHelpdesk):
            one = settings[source]
            start = one.first_poll if isinstance(one, Polled) else None
            polls[source] = (desk.poll_s, partial(poll_once, source, desk, hints, queue, start))

    async def look_at_linked() -> None:
        for ticket in await links.due():
            await queue.add_turn(ticket, "linked")

    # No helpdesk can be called that.
    return polls | {WIDGET_SOURCE: (SOONEST_S, look_at_linked)}


async def _rule(approvals: Approvals, conversation_id: ConversationId, ruling: DraftRuling) -> bool:
    """What a note in the ticket has decided."""
    if ruling.ruled is Ruled.APPROVED:
        return await approvals.approve(conversation_id, ruling.run_id, ruling.text, ruling.by)
    return await approvals.decline(conversation_id, ruling.run_id, ruling.by)


async def _carry_back(bridge: Bridge, relay: Relay, ticket_id: ConversationId, ticket: DeskTicket) -> None:
    await bridge.carry_back(ticket_id, ticket, relay)


@dataclass(frozen=True, slots=True)
class ByTicket:
    """Passes a widget's hand-off on as a ticket. Implements `Escalation`."""

    bridge: Bridge
    source: str

    async def open(self, entry: OutboxEntry, contact: str | None) -> str | None:
        """See `Escalation`."""
        return await self.bridge.open(self.source, entry, Contact(email=contact))
