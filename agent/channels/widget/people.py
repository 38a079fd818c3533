"""A person of the company in a widget's conversation: what a helpdesk's channel calls when its ticket gets an answer."""

import json
from dataclasses import replace

from agent.channels.intake import clean_text
from agent.channels.widget.messages import person_message
from agent.channels.widget.progress import conversation_id_of
from agent.channels.widget.states import JOINED, note, state_event
from agent.errors import ConversationMissing
from agent.ports import Conversations, Ticket
from agent.site_settings import WIDGET_SOURCE
from agent.types import Author, Message, MessageId
from agent.widget_ports import Event, PersonState, Publication, WidgetConversation, WidgetConversations


class WidgetPeople:
    """Lets people speak and close."""

    def __init__(self, conversations: Conversations, shown: WidgetConversations) -> None:
        self._conversations = conversations
        self._shown = shown

    async def say(self, widget_id: str, message_id: str, text: str, at: str, name: str | None) -> bool:
        """Show a person's message, who has joined by it. False if it is known.

        Args:
            widget_id: the conversation, as its ticket is called.
            message_id: the helpdesk's own.
            text: plain text.
            at: ISO 8601 in UTC.
            name: what the customer may call them.

        Raises:
            ConversationMissing: it is kept no more.
        """
        before = await self._found(widget_id)
        message = Message(MessageId(message_id), Author.HUMAN_AGENT, clean_text(text), at)
        await self._conversations.append(Ticket(conversation_id_of(widget_id), WIDGET_SOURCE, widget_id), message)
        now = replace(before, person=PersonState.JOINED, person_name=name, note=note(JOINED, before.locale))
        shown = json.dumps(person_message(message_id, message.text, at, name))
        is_new = before.person is not PersonState.JOINED or before.person_name != name
        events = [state_event("handoff.joined", now)] if is_new else []
        changes = {"person": now.person, "person_name": now.person_name, "note": now.note} if is_new else {}
        events.append(Event("message.created", shown))
        return await self._shown.publish(widget_id, Publication(events, message_id, [shown], changes))

    async def leave(self, widget_id: str) -> None:
        """Show that no person is there any more, and none is asked for. May be repeated. Raises as `say`."""
        now = replace(await self._found(widget_id), person=None, person_name=None, note=None)
        changes = {"person": None, "person_name": None, "note": None}
        await self._shown.publish(widget_id, Publication([state_event("handoff.ended", now)], changes=changes))

    async def close(self, widget_id: str, key: str) -> bool:
        """Close the conversation; the customer's next one is a new one. False if that was done under `key`."""
        now = replace(await self._found(widget_id), closed=True, person=None, person_name=None, note=None)
        changes = {"closed": "1", "person": None, "person_name": None, "note": None}
        return await self._shown.publish(widget_id, Publication([state_event("conversation.closed", now)], key, changes=changes))

    async def _found(self, widget_id: str) -> WidgetConversation:
        found = await self._shown.find(widget_id)
        if found is None:
            raise ConversationMissing(f"there is no widget conversation {widget_id!r}")
        return found
