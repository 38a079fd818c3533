"""A conversation that was held elsewhere, continued by people in a helpdesk: a ticket stands for it, and words go both ways."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from agent.channels.handover import summary, what_was_said
from agent.channels.helpdesks import wording
from agent.channels.helpdesks.marks import mark
from agent.channels.helpdesks.sending import marks_of_ours
from agent.channels.helpdesks.types import Contact, DeskTicket, Helpdesk, Words, Wrote
from agent.errors import HelpdeskRefused
from agent.ports import Conversations, Link, TicketLinks
from agent.types import Author, ConversationId, Message, OutboxEntry, OutboxId

_log = structlog.get_logger(__name__)


class Relay(Protocol):
    """Shows what a person wrote in the helpdesk where the conversation is held."""

    async def say(self, conversation_id: ConversationId, message_id: str, text: str, at: str) -> bool:
        """False if that message was shown before. Raises `ConversationMissing` or `QueueUnavailable`."""
        ...

    async def leave(self, conversation_id: ConversationId) -> None:
        """Show that no person is there any more, and none is asked for. Raises `QueueUnavailable`."""
        ...


class Bridge:
    """Opens tickets and carries words. Everything may be repeated: what is in the ticket is told by its mark."""

    def __init__(self, helpdesks: Mapping[str, Helpdesk], conversations: Conversations, links: TicketLinks) -> None:
        self._helpdesks = helpdesks
        self._conversations = conversations
        self._links = links

    async def open(self, source: str, entry: OutboxEntry, contact: Contact) -> str:
        """A ticket for a hand-off, with all that was said; a further note in the one that stands for the conversation already.

        A crash between opening it and writing that down opens a second one: no helpdesk can be asked for a ticket by a key.

        Raises:
            HelpdeskUnavailable, QueueUnavailable: try again.
            HelpdeskRefused: something is missing, in words.
        """
        helpdesk, sign = self._helpdesks[source], mark(entry.outbox_id, "note")
        messages = await what_was_said(self._conversations, entry.conversation_id)
        link = await self._links.of_conversation(entry.conversation_id)
        if link is not None and link.ticket.partition(":")[0] != source:
            link = None  # the site hands over to another helpdesk by now
        ticket = None if link is None else await self._add_to(helpdesk, link, entry, messages)
        if ticket is None:
            ticket_id = await helpdesk.open(wording.subject(entry), contact, _note(entry, messages, sign), sign)
            await self._links.keep(Link(entry.conversation_id, _ticket(source, ticket_id), len(messages)))
            ticket = await helpdesk.read(ticket_id)
            if sign not in marks_of_ours(ticket):  # where a ticket can't begin with a note
                await helpdesk.note(ticket, _note(entry, messages, sign), sign)
        # So that the assistant leaves the ticket to people, too.
        await helpdesk.hand_off(ticket, entry.outcome.queue)
        return ticket.ticket_id

    async def _add_to(self, helpdesk: Helpdesk, link: Link, entry: OutboxEntry, messages: Sequence[Message]) -> DeskTicket | None:
        """A further note. None if the ticket is gone, or takes no more, as a closed one of some systems."""
        sign = mark(entry.outbox_id, "note")
        try:
            ticket = await helpdesk.read(_number(link))
            there = marks_of_ours(ticket)
            if sign not in there:
                # Nothing of ours is there if the ticket was opened without the first note: then all that was said is news.
                await helpdesk.note(ticket, _note(entry, messages[link.told if there else 0 :], sign), sign)
        except HelpdeskRefused as error:
            _log.warning("ticket_takes_no_more", conversation_id=link.conversation_id, detail=str(error))
            return None
        await self._links.touch(link.ticket)
        return ticket

    async def pass_on(self, conversation_id: ConversationId, relay: Relay) -> None:
        """Into the ticket, as notes, what the customer has written since it was opened.

        If the ticket is gone or takes no more, nobody would ever read it: the conversation is the assistant's again, and the
        customer is shown that.

        Raises:
            HelpdeskUnavailable, QueueUnavailable: try again.
        """
        link = await self._links.of_conversation(conversation_id)
        if link is None:
            return
        conversation = await self._conversations.read(conversation_id)
        if not conversation.handed_off:
            return
        later = [m for m in conversation.messages[link.told :] if m.author is Author.CUSTOMER and m.visible]
        if not later:
            return
        try:
            await self._pass_on(link, later)
        except HelpdeskRefused as error:
            _log.error("ticket_takes_no_more", conversation_id=conversation_id, detail=str(error))
            await relay.leave(conversation_id)
            # It was a person's until now; only what has been seen as that is given back.
            await self._conversations.set_owner(conversation_id, person=True)
            await self._conversations.set_owner(conversation_id, person=False)

    async def _pass_on(self, link: Link, later: Sequence[Message]) -> None:
        helpdesk = self._helpdesks.get(link.ticket.partition(":")[0])
        if helpdesk is None:
            raise HelpdeskRefused(f"the helpdesk of {link.ticket} is not configured: add it to INNKEEPER_HELPDESKS again")
        ticket = await helpdesk.read(_number(link))
        there = marks_of_ours(ticket)
        for message in later:
            sign = mark(OutboxId(f"{link.conversation_id}:{message.message_id}"), "passed")
            if sign not in there:
                await helpdesk.note(ticket, wording.passed_on(message.text, sign), sign)
                await self._links.touch(link.ticket)

    async def carry_back(self, ticket_id: ConversationId, ticket: DeskTicket, relay: Relay) -> None:
        """Show the customer what people have written in the ticket for them to read. Raises as the relay."""
        link = await self._links.of_ticket(ticket_id)
        if link is None:
            return
        people = [m for m in ticket.messages if m.wrote is Wrote.STAFF and m.public and not m.automatic]
        for message in people:
            if await relay.say(link.conversation_id, f"{ticket_id}:{message.message_id}", message.text, message.sent_at):
                await self._links.touch(ticket_id)
                _log.info("carried_back", conversation_id=link.conversation_id)


def _note(entry: OutboxEntry, said: Sequence[Message], sign: str) -> Words:
    return wording.handover(replace(entry.outcome, summary=summary(entry, said)), sign)


def _ticket(source: str, ticket_id: str) -> ConversationId:
    return ConversationId(f"{source}:{ticket_id}")


def _number(link: Link) -> str:
    return link.ticket.partition(":")[2]
