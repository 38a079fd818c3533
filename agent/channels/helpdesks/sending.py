"""An outbox entry into its ticket, each part once: the ticket is read first, and what stands there already is not sent again."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from agent.channels.helpdesks import wording
from agent.channels.helpdesks.marks import mark, marks_in
from agent.channels.helpdesks.types import DeskTicket, Helpdesk, Owner, Words, Wrote
from agent.errors import HelpdeskRefused, ReplyWithheld
from agent.ports import Conversations
from agent.types import ConversationId, Decision, OutboxEntry, is_released

SENT = frozenset({Decision.ANSWER, Decision.CLARIFY, Decision.REFUSE})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One message of an outcome."""

    public: bool
    words: Words
    mark: str


class DeskSender:
    """Implements `ReplySender` for every helpdesk that has an API."""

    def __init__(
        self,
        helpdesks: Mapping[str, Helpdesk],
        conversations: Conversations,
        deciding: Collection[str] = (),
        watch: Callable[[ConversationId], Awaitable[None]] | None = None,
    ) -> None:
        """`deciding` are the sources where a note decides about a proposal; `watch` is told of each ticket that waits for one."""
        self._helpdesks = helpdesks
        self._conversations = conversations
        self._deciding = deciding
        self._watch = watch

    async def send(self, entry: OutboxEntry) -> None:
        """Write what is not yet in the ticket. Safe to repeat after any failure.

        Raises:
            HelpdeskUnavailable, QueueUnavailable: try again later.
            HelpdeskRefused: never.
            ReplyWithheld: a person has spoken since the customer's message, or taken the ticket.
        """
        helpdesk = self._helpdesks.get(entry.source)
        if helpdesk is None:
            raise HelpdeskRefused(
                f"outbox entry {entry.outbox_id} belongs to the helpdesk {entry.source!r}, which is not configured: "
                "add it to INNKEEPER_HELPDESKS again"
            )
        ticket = await helpdesk.read(entry.ticket_id)
        there = marks_of_ours(ticket)
        notes_decide = entry.source in self._deciding
        wanted = parts(entry, notes_decide=notes_decide)
        if not any(part.mark in there for part in wanted) and is_in_hands(ticket, entry):
            raise ReplyWithheld(f"a person works on the ticket of {entry.outbox_id}, so it was not sent")
        for part in wanted:
            if part.mark in there:
                _log.info("part_sent_before", delivery_id=entry.outbox_id, public=part.public)
                continue
            await (helpdesk.reply if part.public else helpdesk.note)(ticket, part.words, part.mark)
        if entry.outcome.decision is Decision.DRAFT and notes_decide and self._watch is not None:
            await self._watch(entry.conversation_id)
        if entry.outcome.decision is Decision.HANDOFF:
            await helpdesk.hand_off(ticket, entry.outcome.queue)
            # A ticket may be given back before any event makes us read it again: it must have been seen at a person by then.
            if (await helpdesk.read(entry.ticket_id)).owner is Owner.PERSON:
                await self._conversations.set_owner(entry.conversation_id, person=True)


def parts(entry: OutboxEntry, *, notes_decide: bool = False) -> list[Part]:
    """What is to be written, in order. A hand-off's note comes before its last step, which stops us from writing.

    Raises:
        HelpdeskRefused: the outcome is one that is never sent.
    """
    outcome = entry.outcome
    of_reply, of_note = mark(entry.outbox_id, "reply"), mark(entry.outbox_id, "note")
    if outcome.decision in SENT:
        return [Part(True, wording.reply(outcome, of_reply), of_reply)]
    if outcome.decision is Decision.DRAFT:
        told = [Part(True, wording.notice(outcome, of_reply), of_reply)] if outcome.notice else []
        return [*told, Part(False, wording.proposal(outcome, of_note, notes_decide=notes_decide), of_note)]
    if outcome.decision is Decision.HANDOFF:
        told = [Part(True, wording.reply(outcome, of_reply), of_reply)] if outcome.answer.strip() else []
        return [*told, Part(False, wording.handover(outcome, of_note), of_note)]
    raise HelpdeskRefused(f"outbox entry {entry.outbox_id} is a {outcome.decision.value} outcome, which has nothing to send")


def marks_of_ours(ticket: DeskTicket) -> frozenset[str]:
    """The marks of what we have written there. A customer's mail may quote one: that doesn't count."""
    return frozenset().union(*(marks_in(m.text) for m in ticket.messages if m.wrote is Wrote.US))


def is_in_hands(ticket: DeskTicket, entry: OutboxEntry) -> bool:
    """True if a person owns the ticket or has spoken since the message that is answered.

    What a person has decided about goes to the customer though they have taken the ticket for it.
    """
    if ticket.owner is Owner.PERSON and not is_released(entry.outbox_id):
        return True
    ids = [m.message_id for m in ticket.messages]
    if entry.in_reply_to in ids:
        later = ticket.messages[ids.index(entry.in_reply_to) + 1 :]
    else:
        later = tuple(m for m in ticket.messages if m.sent_at > entry.created_at)
    return any(m.wrote is Wrote.STAFF and m.public for m in later)
