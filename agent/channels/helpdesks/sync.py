"""Brings a conversation in line with its ticket: reads the ticket, keeps what people have written, sees who owns it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from agent.channels.helpdesks.note_rulings import ruled_in
from agent.channels.helpdesks.types import DeskMessage, DeskTicket, Helpdesk, Owner, Wrote
from agent.errors import ConversationMissing, HelpdeskRefused, HelpdeskUnavailable, TicketMissing
from agent.ports import Conversations, Ticket, TicketHints
from agent.standing import has_question, proposed_run
from agent.telemetry import current_trace, received, span, trace_id_of, traced
from agent.types import Author, ConversationId, DraftRuling, Message, MessageId

MAX_MESSAGES = 100
"""The newest ones of a ticket; what is older is of no help to a turn."""
MAX_SUBJECT = 500
GIVEN_BACK = "ai-resume"
"""A person's internal note that begins so gives the ticket back, in whatever system."""

_AUTHORS = {Wrote.CUSTOMER: Author.CUSTOMER, Wrote.STAFF: Author.HUMAN_AGENT}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of notes that decide about a proposal.

    Attributes:
        rule: carries it through; False if that proposal does not wait any more.
        nothing_waits: the ticket need not be looked at for such a note.
    """

    rule: Callable[[ConversationId, DraftRuling], Awaitable[bool]]
    nothing_waits: Callable[[ConversationId], Awaitable[None]]


class TicketSync:
    """Reads tickets of every helpdesk that has an API. Conversations of other sources are passed over."""

    def __init__(
        self,
        helpdesks: Mapping[str, Helpdesk],
        conversations: Conversations,
        hints: TicketHints,
        also: Callable[[ConversationId, DeskTicket], Awaitable[None]] | None = None,
        decided: Decided | None = None,
    ) -> None:
        """`also` sees every ticket that was read; `decided` is told of a note that decides. Raises as its parts."""
        self._helpdesks = helpdesks
        self._conversations = conversations
        self._hints = hints
        self._also = also
        self._decided = decided

    async def __call__(self, conversation_id: ConversationId) -> bool:
        """True if there is something to run a turn on. Safe to repeat.

        A ticket that is gone gets no answer: what is open in it is a person's. One that the helpdesk refuses to show for good
        is answered by what is known, and ends among the undelivered.

        Raises:
            HelpdeskUnavailable, QueueUnavailable: call again later; the hint stays.
        """
        source, _, ticket_id = conversation_id.partition(":")
        helpdesk = self._helpdesks.get(source)
        if helpdesk is None:
            return True
        stamp = await self._hints.stamp(conversation_id)
        try:
            with span("read_ticket", conversation_id=conversation_id):
                ticket = await helpdesk.read(ticket_id)
        except HelpdeskRefused as error:
            is_known = await self._without_ticket(conversation_id, error)
            await self._hints.done(conversation_id, stamp)
            return is_known
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # A mistake of ours or of the helpdesk's. The hint waits until it is mended, and nobody is handed half a ticket.
            _log.error("ticket_not_understood", conversation_id=conversation_id, exc_info=error)
            raise HelpdeskUnavailable(
                f"what {source!r} says of a ticket is not what is expected ({type(error).__name__}): is its address right?"
            ) from error
        known = await self._keep(conversation_id, source, ticket)
        if self._also is not None:
            await self._also(conversation_id, ticket)
        # Only now: what a crash loses before this is read again.
        await self._hints.done(conversation_id, stamp)
        return known

    async def _without_ticket(self, conversation_id: ConversationId, error: HelpdeskRefused) -> bool:
        """Nothing can be read. True if a turn must settle what is known: else it would be asked for again and again."""
        is_gone = isinstance(error, TicketMissing)
        log = _log.bind(conversation_id=conversation_id, detail=str(error))
        log.warning("ticket_missing") if is_gone else log.error("ticket_refused")
        try:
            await self._conversations.read(conversation_id)
        except ConversationMissing:
            return False
        if is_gone:
            # Nobody can be answered there. If it comes back, as nobody's, it is ours again.
            await self._conversations.set_owner(conversation_id, person=True)
        return True

    async def _keep(self, conversation_id: ConversationId, source: str, ticket: DeskTicket) -> bool:
        subject = (ticket.subject or "").strip()[:MAX_SUBJECT] or None
        place = Ticket(conversation_id, source, ticket.ticket_id, subject)
        kept = still_open(ticket, await self._first_known(conversation_id))[-MAX_MESSAGES:]
        for message in kept:
            if await self._conversations.append(place, conversation_message(message)) and message.wrote is Wrote.CUSTOMER:
                _found(conversation_id, message)
        if kept and self._decided is not None:
            await self._decide(conversation_id, ticket, self._decided)
        if kept and ticket.owner is not Owner.UNSAID:
            await self._conversations.set_owner(conversation_id, person=ticket.owner is Owner.PERSON)
        note = giving_back(ticket)
        if kept and note and await self._conversations.give_back(conversation_id, MessageId(note.message_id)):
            _log.info("given_back", conversation_id=conversation_id)
        return bool(kept)

    async def _decide(self, conversation_id: ConversationId, ticket: DeskTicket, decided: Decided) -> None:
        """After what was said, and before who took the ticket for it is seen: a customer's no comes first."""
        conversation = await self._conversations.read(conversation_id)
        run_id = None if conversation.handed_off else proposed_run(conversation)
        if run_id is None:
            await decided.nothing_waits(conversation_id)
        elif (ruling := ruled_in(ticket, run_id)) and not has_question(conversation):
            done = await decided.rule(conversation_id, ruling)
            log = _log.bind(conversation_id=conversation_id, run_id=ruling.run_id)
            log.info("decided_by_note", ruled=ruling.ruled, by=ruling.by, done=done)

    async def _first_known(self, conversation_id: ConversationId) -> str | None:
        try:
            known = (await self._conversations.read(conversation_id)).messages
        except ConversationMissing:
            return None
        return known[0].message_id if known else None


def _found(conversation_id: ConversationId, message: DeskMessage) -> None:
    """Begin the trace of a customer's message, and say which hint it came by."""
    hint, trace_id = current_trace(), trace_id_of(conversation_id, message.message_id)
    links = [hint] if hint else []
    with traced(trace_id):
        _log.info("message_found", conversation_id=conversation_id, message_id=message.message_id, also_traces=links)
    received(trace_id, links, conversation_id=conversation_id)


def giving_back(ticket: DeskTicket) -> DeskMessage | None:
    """The note that gives the ticket back: it counts until a person speaks again, and not while the ticket is a person's."""
    if ticket.owner is Owner.PERSON:
        return None
    for message in reversed(ticket.messages):
        if message.wrote is Wrote.STAFF and message.public:
            return None
        if message.wrote is Wrote.STAFF and message.text.lower().startswith(GIVEN_BACK):
            return message
    return None


def is_said(message: DeskMessage) -> bool:
    """True for what a customer or a person has said: no notes, no machine's words, and not our own, which we have."""
    return message.public and not message.automatic and message.wrote in _AUTHORS


def still_open(ticket: DeskTicket, first_known: str | None) -> list[DeskMessage]:
    """What was said, without what a conversation has answered that is forgotten by now.

    A ticket may stir long after, and its old questions must not be answered once more. They stand before the last message of
    ours that is older than all that we know of. What people have said counts always: the ticket may be theirs.

    Args:
        ticket: as the helpdesk shows it.
        first_known: id of the oldest message that we know; None if we know of no conversation.
    """
    ids = [message.message_id for message in ticket.messages]
    begun = ids.index(first_known) if first_known in ids else len(ids) if first_known is None else 0
    ours = [place for place in range(begun) if ticket.messages[place].wrote is Wrote.US]
    answered = ours[-1] if ours else 0
    return [
        message
        for place, message in enumerate(ticket.messages)
        if is_said(message) and (place >= answered or message.wrote is not Wrote.CUSTOMER)
    ]


def conversation_message(message: DeskMessage) -> Message:
    """The message as the agent room knows it."""
    author = _AUTHORS[message.wrote]
    return Message(MessageId(message.message_id), author, message.text, message.sent_at, customer=message.customer)
