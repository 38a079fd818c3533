"""Outcomes to the widget: an outbox entry becomes events, in one step that is done once. Implements `ReplySender`."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from agent.channels.widget.messages import assistant_message, pieces
from agent.channels.widget.progress import progress_event
from agent.channels.widget.states import NEEDS_ADDRESS, NOTED, PASSED_ON, TOLD, note, state_event
from agent.errors import HelpdeskRefused, HelpdeskUnavailable
from agent.ports import Stage
from agent.types import Decision, OutboxEntry, Outcome
from agent.widget_ports import Escalation, Event, PersonState, Publication, WidgetConversation, WidgetConversations

SAYS = frozenset({Decision.ANSWER, Decision.CLARIFY, Decision.REFUSE, Decision.HANDOFF})
HANDS_OFF = frozenset({Decision.HANDOFF, Decision.DRAFT})
"""A proposed reply can't be approved in a widget: it goes to a person, and the customer doesn't see it."""

log = structlog.get_logger(__name__)


class WidgetSender:
    """Publishes outcomes.

    Args:
        conversations: where to.
        options: what may be answered to a question by a button.
        escalations: who is told of a hand-off, by site.
        promises: the policies' words that a person is told, and the line for where nobody is.
    """

    def __init__(
        self,
        conversations: WidgetConversations,
        options: Callable[[Outcome], Sequence[str]],
        escalations: Mapping[str, Escalation] | None = None,
        promises: Mapping[str, str] | None = None,
    ) -> None:
        self._conversations = conversations
        self._options = options
        self._escalations = escalations or {}
        self._promises = promises or {}

    async def send(self, entry: OutboxEntry) -> None:
        """Publish what the customer sees; then tell people of a hand-off, and the customer that they know.

        The customer need not wait for a helpdesk that is down.

        Raises:
            QueueUnavailable, HelpdeskUnavailable: send it again; what is done stays done once.
            HelpdeskRefused: the helpdesk won't ever take it, or the site has none. The customer has been told no more than
                that it is noted, and the entry is kept aside for a person.
        """
        decision = entry.outcome.decision
        if decision not in SAYS | HANDS_OFF:
            raise HelpdeskRefused(f"outbox entry {entry.outbox_id} is a {decision.value} outcome, which has nothing to send")
        widget_id = entry.ticket_id
        conversation = await self._conversations.find(widget_id)
        if conversation is None:
            raise HelpdeskRefused(f"the widget's conversation of {entry.outbox_id} is kept no more")
        said, events = self._said(self._honest(entry, conversation))
        if decision not in HANDS_OFF:
            await self._conversations.publish(widget_id, Publication(events, entry.outbox_id, said))
            return
        changed = self._with_note(conversation, entry, NOTED)
        asked = [] if conversation.person is PersonState.JOINED else [state_event("handoff.requested", changed)]
        changes = _changes(changed) if asked else {}
        await self._conversations.publish(widget_id, Publication([*events, *asked], entry.outbox_id, said, changes))
        await self._escalate(entry, conversation)

    def _honest(self, entry: OutboxEntry, conversation: WidgetConversation) -> OutboxEntry:
        """Without the promise that a person will answer, where nobody is told."""
        if entry.outcome.decision is not Decision.HANDOFF or conversation.site in self._escalations:
            return entry
        answer = entry.outcome.answer
        for promise, key in self._promises.items():
            answer = answer.replace(promise, note(key, entry.outcome.language))
        return replace(entry, outcome=replace(entry.outcome, answer=answer))

    def _said(self, entry: OutboxEntry) -> tuple[Sequence[str], list[Event]]:
        """The message, if there is one, and the events that show it."""
        outcome = entry.outcome
        if outcome.decision not in SAYS or not outcome.answer:
            return (), [progress_event(Stage.IDLE)]
        options = self._options(outcome) if outcome.decision is Decision.CLARIFY else ()
        whole = json.dumps(assistant_message(entry, options))
        deltas = [
            Event("message.delta", json.dumps({"id": entry.outbox_id, "seq": seq, "tree": piece}))
            for seq, piece in enumerate(pieces(outcome.answer))
        ]
        return (whole,), [*deltas, Event("message.completed", whole)]

    async def _escalate(self, entry: OutboxEntry, conversation: WidgetConversation) -> None:
        escalation = self._escalations.get(conversation.site)
        key = f"{entry.outbox_id}:told"
        if escalation is None:
            raise HelpdeskRefused(f"the site {conversation.site!r} names no helpdesk for hand-offs, so nobody was told")
        if await self._conversations.is_published(conversation.id, key):
            return
        try:
            reference = await escalation.open(_with_customer(entry, conversation), conversation.contact)
        except HelpdeskRefused as error:
            if conversation.contact is not None:
                raise
            # A person could not reach them: most helpdesks open no ticket without an address.
            asked = self._with_note(conversation, entry, NEEDS_ADDRESS)
            event = state_event("handoff.requested", asked)
            await self._conversations.publish(
                conversation.id, Publication([event], f"{entry.outbox_id}:address", changes=_changes(asked))
            )
            raise HelpdeskUnavailable(f"{entry.outbox_id} waits for the customer's e-mail address: {error}") from error
        log.info("widget_handed_off", conversation_id=entry.conversation_id, ticket=reference)
        now = await self._conversations.find(conversation.id) or conversation
        if now.person is PersonState.JOINED:  # who has come already need not be announced
            return
        told = self._with_note(now, entry, PASSED_ON if reference is None else TOLD)
        await self._conversations.publish(
            conversation.id, Publication([state_event("handoff.requested", told)], key, changes=_changes(told))
        )

    def _with_note(self, conversation: WidgetConversation, entry: OutboxEntry, key: str) -> WidgetConversation:
        text = note(key, conversation.locale or entry.outcome.language)
        return replace(conversation, person=PersonState.REQUESTED, note=text)


def _with_customer(entry: OutboxEntry, conversation: WidgetConversation) -> OutboxEntry:
    """With what is known of the customer, for the person."""
    known = [f"Signed in on the site as: {conversation.customer}"] if conversation.customer is not None else []
    known += [f"Name, as the page gives it: {conversation.name}"] if conversation.name else []
    if not known:
        return entry
    return replace(entry, outcome=replace(entry.outcome, summary="\n".join([entry.outcome.summary or "", *known])))


def _changes(conversation: WidgetConversation) -> dict[str, str | None]:
    return {"person": conversation.person, "note": conversation.note}
