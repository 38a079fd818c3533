"""A widget's conversation in a helpdesk that knows it by the generic webhook alone: words go both ways.

Its ticket there is called as the conversation is. What the customer writes after the hand-off is told by further events of
the hand-off's type, which every such helpdesk takes; what people write in the ticket comes as it does for any other one.
"""

from collections.abc import Mapping
from dataclasses import replace

from agent.channels.handover import summary, what_was_said
from agent.channels.widget.people import WidgetPeople
from agent.channels.widget.progress import conversation_id_of
from agent.errors import HelpdeskRefused
from agent.ports import Conversations, ReplySender
from agent.site_settings import SiteSettings
from agent.types import Author, ConversationId, Decision, Message, MessageId, OutboxEntry, OutboxId, Outcome, PolicyTrace, RunId
from agent.widget_ports import Publication, WidgetConversations

LATER = "the customer wrote again after the hand-off"


class ByWebhook:
    """Tells helpdesks. Implements `Escalation` for each site whose hand-offs go to one of them.

    Args:
        sources: the helpdesk of each site.
        sender: posts events; the helpdesk drops those that it knows by their outbox id.
        policy: stands on what no policy has decided.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        sender: ReplySender,
        conversations: Conversations,
        shown: WidgetConversations,
        policy: PolicyTrace,
    ) -> None:
        self._sources = sources
        self._sender = sender
        self._conversations = conversations
        self._shown = shown
        self._policy = policy

    async def open(self, entry: OutboxEntry, contact: str | None) -> str | None:
        """See `Escalation`. What was written between the hand-off and now is told, too."""
        about = await self._shown.find(entry.ticket_id)
        if about is None:
            raise HelpdeskRefused(f"the widget's conversation of {entry.outbox_id} is kept no more")
        said = await what_was_said(self._conversations, entry.conversation_id)
        # No further, so that a repeat has the same words: the helpdesk reads the first alone.
        place = _end(said, entry.in_reply_to)
        words = summary(entry, said[:place]) + (f"\n\nReach the customer at: {contact}" if contact else "")
        await self._sender.send(replace(entry, source=self._sources[about.site], outcome=replace(entry.outcome, summary=words)))
        if about.told is None:
            await self._told(about.id, place)
        await self.pass_on(entry.conversation_id)
        return None

    async def pass_on(self, conversation_id: ConversationId) -> None:
        """Tell what the customer has written since the hand-off, in order, each once for the helpdesk.

        Raises:
            HelpdeskUnavailable, QueueUnavailable: try again.
            HelpdeskRefused: never.
        """
        about = await self._shown.find(conversation_id.partition(":")[2])
        if about is None or about.told is None or about.site not in self._sources:
            return
        later = (await what_was_said(self._conversations, conversation_id))[about.told :]
        for place, message in enumerate(later, about.told + 1):
            if message.author is Author.CUSTOMER and message.visible:
                await self._sender.send(self._further(self._sources[about.site], about.id, message))
                await self._told(about.id, place)

    async def _told(self, widget_id: str, place: int) -> None:
        await self._shown.publish(widget_id, Publication((), changes={"told": str(place)}))

    def _further(self, source: str, widget_id: str, message: Message) -> OutboxEntry:
        conversation_id = conversation_id_of(widget_id)
        outcome = Outcome(
            Decision.HANDOFF, "", LATER, "", self._policy, summary=f"The customer writes in the chat:\n{message.text}"
        )
        name = f"{conversation_id}:{message.message_id}:passed"
        return OutboxEntry(
            OutboxId(name), conversation_id, source, widget_id, RunId(name), message.message_id, outcome, message.sent_at
        )


class FromWebhook:
    """Hears helpdesks. A helpdesk has a say in the conversations of those sites alone whose hand-offs go to it."""

    def __init__(self, sites: Mapping[str, SiteSettings], people: WidgetPeople, shown: WidgetConversations) -> None:
        self._sites = sites
        self._people = people
        self._shown = shown

    async def holds(self, source: str, ticket_id: str) -> bool:
        """True if that ticket is a widget's conversation, whose hand-off goes to this helpdesk."""
        about = await self._shown.find(ticket_id)
        site = self._sites.get(about.site) if about else None
        return site is not None and site.handoff == source

    async def take(self, source: str, ticket_id: str, message: Message) -> bool | None:
        """Show a person's message. False if it was shown before; None for what is not for the customer, or is their own."""
        if message.author is not Author.HUMAN_AGENT or not message.visible:
            return None
        return await self._people.say(ticket_id, f"{source}:{message.message_id}", message.text, message.sent_at, None)

    async def close(self, source: str, ticket_id: str) -> bool:
        """Close the conversation. False if it is closed."""
        return await self._people.close(ticket_id, f"{source}:closed")


def _end(messages: tuple[Message, ...], message_id: MessageId) -> int:
    """How many there are up to that one and what was answered to it; what stands before the first if it is none of them."""
    begin = next((n for n, message in enumerate(messages, 1) if message.message_id == message_id), 0)
    return next((n for n, m in enumerate(messages) if n >= begin and m.author is Author.CUSTOMER), len(messages))
