"""The one use-case: a turn of a conversation. Reads once, thinks once, writes once.

`run_turn` may be called any number of times, at any moment and after any crash: what is already
answered is left alone, and the commit lets one outcome through for each state of the conversation.
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial

import structlog

from agent import reasons
from agent.errors import ConversationMissing, DraftRuled, ModelUnavailable, QueueUnavailable, ToolUnavailable, TransientError
from agent.graph import compose
from agent.graph.acting.consent import Consent, read_consent
from agent.graph.acting.left_open import told_of_begun
from agent.graph.acting.reading import Desk
from agent.graph.beside import beside, is_anothers, withdrawn, withdraws
from agent.graph.build import TurnGraph, build_graph
from agent.graph.state import TurnContext, utc_now
from agent.loops import is_loop
from agent.model_sessions import model_session
from agent.ports import Conversations, Progress, ShadowRecord, ShadowRecords, Stage, Ticket, TurnQueue
from agent.rulings import Rulings
from agent.standing import (
    RUN_NAMESPACE,
    has_question,
    other_traces,
    run_id_of,
    trace_of,
    visible,
    waited_s,
)
from agent.telemetry import SHADOW_TURNS, bind_trace, current_trace, span, spent, trace_id_of
from agent.thinking import think
from agent.types import (
    Author,
    Conversation,
    ConversationId,
    Decision,
    DraftRuling,
    OutboxEntry,
    Outcome,
    PendingApproval,
    PolicyTrace,
    Ruled,
    RunId,
)
from knowledge.errors import KnowledgeError
from policies.types import Mode

log = structlog.get_logger()

MAX_READS = 4
"""A customer who keeps writing while a turn runs makes it start over this often, then it is queued again."""


@dataclass(frozen=True)
class Turns:
    """Runs turns with the given parts."""

    graph: TurnGraph
    context: TurnContext
    conversations: Conversations
    queue: TurnQueue
    model_down_handoff_s: float
    on_outcome: Callable[[Conversation, Outcome], None] = lambda conversation, outcome: None
    clock: Callable[[], dt.datetime] = utc_now
    shadow: ShadowRecords | None = None
    """Where decisions go in shadow mode, in place of the helpdesk. Needed if the policies' mode is that."""
    progress: Progress | None = None
    """Told what the turn of a conversation does, as it does it."""
    draftless: Collection[str] = ()
    """Sources where nobody could approve a proposed reply: it is handed off."""
    disclosing: Collection[str] = ()
    """Sources that say all the time that a machine answers, so that its first reply need not."""

    async def run_turn(self, conversation_id: ConversationId) -> OutboxEntry | None:
        """Answer what is unanswered, if anything is. Returns the committed entry, or None.

        Raises:
            TransientError: the model, the index or Redis is down; call again later.
        """
        for superseded in range(MAX_READS):
            conversation = await self.conversations.read(conversation_id)
            if not has_question(conversation):
                if superseded:
                    await self._tell(conversation_id, Stage.IDLE)
                return None
            if conversation.ruling is not None:
                raise DraftRuled(f"what was decided about a draft of {conversation_id} is being carried out; then it is answered")
            run_id = run_id_of(conversation)
            links = self._begin(conversation, run_id)
            with span("turn", links, conversation_id=conversation_id, run_id=run_id) as turn:
                outcome = await self._think(conversation, run_id)
                turn.tell(decision=outcome.decision.value)
                settled, entry = await self._settle(conversation, run_id, outcome)
            if settled:
                if entry is None:
                    await self._tell(conversation_id, Stage.IDLE)
                return entry
        newest = (await self.conversations.read(conversation_id)).messages[-1]
        await self.queue.add_turn(conversation_id, newest.message_id)
        return None

    def _begin(self, conversation: Conversation, run_id: RunId) -> list[str]:
        """Bind the ids of a turn, and tell how long it was waited for. The other traces that it ends."""
        asked_by, trace_id = current_trace(), trace_of(conversation)
        structlog.contextvars.bind_contextvars(conversation_id=conversation.conversation_id, run_id=run_id)
        bind_trace(trace_id)
        links = other_traces(conversation, asked_by)
        waited = self._waited_s(conversation)
        log.info("run_started", waited_s=round(waited, 3), **({"also_traces": links} if links else {}))
        spent("queue", time.time() - max(0.0, waited))
        return links

    async def hand_over(self, conversation_id: ConversationId) -> None:
        """Give what is unanswered to a person, without a turn: for a conversation on which turns keep failing.

        Raises:
            TransientError: Redis is down; call again later.
        """
        conversation = await self.conversations.read(conversation_id)
        if has_question(conversation) and not conversation.handed_off:
            bind_trace(trace_of(conversation))
            await self._settle(conversation, run_id_of(conversation), await self._technical_handoff(conversation))

    async def request_person(self, ticket: Ticket, request_id: str, language: str | None) -> bool:
        """Hand a conversation off because the customer pressed a button. See `PersonRequests`.

        The outcome has no words: what happens next is for the channel to say, which knows whom it has told. A turn
        that runs meanwhile finds that somebody else has answered.
        """
        run_id = RunId(str(uuid.uuid5(RUN_NAMESPACE, f"{ticket.conversation_id}:person:{request_id}")))
        for _ in range(MAX_READS):
            try:
                conversation = await self.conversations.read(ticket.conversation_id)
            except ConversationMissing:
                conversation = Conversation(ticket.conversation_id, ticket.source, ticket.ticket_id, ())
            if conversation.handed_off:
                return False
            entry = await self.conversations.hand_off(conversation, run_id, self._asked_for(conversation, language))
            if entry is not None:
                bind_trace(trace_id_of(conversation.conversation_id, entry.in_reply_to))
                self.on_outcome(conversation, entry.outcome)
                log.info("person_requested", outbox_id=entry.outbox_id)
                await self.queue.add_delivery(entry.key)
                return True
        raise QueueUnavailable(f"messages keep coming in {ticket.conversation_id}, so it could not be handed off; ask again")

    def _asked_for(self, conversation: Conversation, language: str | None) -> Outcome:
        reason = reasons.BUTTON
        asked = [m.text for m in conversation.messages if m.author is Author.CUSTOMER and m.visible]
        detected = self.context.detect_language(asked[-1]) if asked else language
        outcome = self._outcome(Decision.HANDOFF, "", reason, detected or language or self.context.policies.locales[0])
        if not asked:
            return replace(outcome, summary=f"The customer has not written anything yet.\nHanded over because: {reason}.")
        return replace(outcome, summary=compose.summary(visible(conversation.messages), reason, ()))

    async def _tell(self, conversation_id: ConversationId, stage: Stage) -> None:
        if self.progress is not None:
            await self.progress.tell(conversation_id, stage)

    async def _settle(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> tuple[bool, OutboxEntry | None]:
        """Commit an outcome and ask for its delivery. False if somebody has spoken since `conversation` was read."""
        if self.context.policies.mode is Mode.SHADOW and outcome.decision is not Decision.NO_REPLY:
            outcome = await self._in_shadow(conversation, run_id, outcome)
        if outcome.decision is Decision.DRAFT and conversation.source in self.draftless:
            outcome = self._handed_off(conversation, outcome)
        with span("commit", decision=outcome.decision.value) as commit:
            entry = await self.conversations.commit(conversation, run_id, outcome)
            commit.tell(written=entry is not None)
        if entry is None and outcome.decision is not Decision.NO_REPLY:
            log.info("run_superseded")
            return False, None
        self.on_outcome(conversation, outcome)
        log.info("run_finished", decision=outcome.decision, reason=outcome.reason, **outcome.timings_ms)
        if entry is not None:
            await self.queue.add_delivery(entry.key)
        return True, entry

    async def approve(self, conversation_id: ConversationId, run_id: RunId, text: str | None, by: str = "") -> bool:
        """Send a proposed reply, as it is or as `text`. False if that run does not wait (any more)."""
        return await self._rulings.decide(conversation_id, DraftRuling(run_id, Ruled.APPROVED, text, by))

    async def decline(self, conversation_id: ConversationId, run_id: RunId, by: str = "") -> bool:
        """Drop a proposed reply and hand over. False if that run does not wait (any more)."""
        return await self._rulings.decide(conversation_id, DraftRuling(run_id, Ruled.DECLINED, by=by))

    async def expire(self, conversation_id: ConversationId) -> bool:
        """Do what is due where nobody has decided about a draft in time. See `Rulings.expire`."""
        return await self._rulings.expire(conversation_id, self.clock())

    @property
    def _rulings(self) -> Rulings:
        return Rulings(self.graph, self._context_of, self.conversations, self.queue, self.on_outcome)

    async def _in_shadow(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> Outcome:
        """Record what would have been done, and do nothing."""
        assert self.shadow is not None, "shadow mode needs a place for its records"
        messages = visible(conversation.messages)
        await self.shadow.record(ShadowRecord(run_id, conversation.conversation_id, self.clock(), messages, outcome))
        SHADOW_TURNS.labels(outcome.decision.value).inc()
        return self._outcome(Decision.NO_REPLY, "", f"shadow mode: would have been {outcome.decision}", outcome.language)

    async def _think(self, conversation: Conversation, run_id: RunId) -> Outcome:
        if conversation.handed_off and self.context.policies.mode is not Mode.SHADOW:
            return self._outcome(Decision.NO_REPLY, "", "a person has taken over")
        if not any(m.author is Author.CUSTOMER and m.visible for m in conversation.messages[conversation.answered :]):
            return self._outcome(Decision.NO_REPLY, "", "nothing that the customer can see was asked")
        if is_loop(conversation, self.clock()) and not _answers(conversation):
            log.warning("loop_handed_over")
            return self._handed_over(conversation, "handoff", reasons.REPEATED)
        try:
            if conversation.approval is not None:
                return await self._beside(conversation, conversation.approval, run_id)
            messages, context = visible(conversation.messages), self._context_of(conversation)
            with model_session(conversation.conversation_id):
                return await think(
                    self.graph, context, messages, run_id, conversation.conversation_id, proposal=conversation.proposal
                )
        except (TransientError, KnowledgeError) as error:
            await self._tell(conversation.conversation_id, Stage.RECEIVED)  # it waits again
            if isinstance(error, ToolUnavailable):
                await self.conversations.note_tool_failure(conversation)
            if self._waited_s(conversation) < self.model_down_handoff_s:
                if isinstance(error, TransientError):
                    raise
                raise ModelUnavailable(str(error)) from error
            log.warning("run_failed_handed_over", error=type(error).__name__)
            return await self._technical_handoff(conversation)

    async def _beside(self, conversation: Conversation, approval: PendingApproval, run_id: RunId) -> Outcome:
        """A turn beside an action that waits for a person's yes. It begins no other one, and leaves the checkpoint alone."""
        messages, context = visible(conversation.messages), self._context_of(conversation)
        with model_session(conversation.conversation_id):
            outcome = await think(build_graph(), replace(context, desk=None), messages, run_id, conversation.conversation_id)
        by_rule = reasons.handoff_reason(outcome.reason) is reasons.HandoffReason.RULE
        unanswered = conversation.messages[conversation.answered :]
        if is_anothers(unanswered, approval, context.policies):
            if not by_rule or outcome.decision is not Decision.HANDOFF:
                outcome = self._handed_over(conversation, "handoff", reasons.ACTION_AND_ANOTHER)
        elif (desk := context.own_desk) and not by_rule and withdraws(unanswered):
            return withdrawn(outcome, approval, context.policies, desk.now())
        return beside(outcome, approval, context.policies)

    def _context_of(self, conversation: Conversation) -> TurnContext:
        on_stage = partial(self.progress.tell, conversation.conversation_id) if self.progress is not None else None
        is_disclosed, desk = conversation.source in self.disclosing, self._desk_of(conversation)
        failures = conversation.tool_failures
        return replace(self.context, on_stage=on_stage, is_disclosed=is_disclosed, desk=desk, tool_failures=failures)

    def _desk_of(self, conversation: Conversation) -> Desk | None:
        desk = self.context.desk
        return None if desk is None else replace(desk, conversation_id=conversation.conversation_id)

    def _handed_off(self, conversation: Conversation, draft: Outcome) -> Outcome:
        """A proposed reply as a hand-off: the person has it before them, and the customer does not."""
        reason = f"{draft.reason}; {reasons.NOBODY_APPROVES}"
        due = self.context.policies.hours.due(self.clock())
        summary = compose.summary(visible(conversation.messages), reason, (), due)
        text = compose.handoff_words(self.context.policies, "handoff", draft.language, self.clock())
        return replace(
            draft,
            decision=Decision.HANDOFF,
            answer=text,
            reason=reason,
            citations=(),
            approval=None,
            summary=f"{summary}\nProposed reply, which the customer has not seen:\n{draft.answer}",
        )

    async def _technical_handoff(self, conversation: Conversation) -> Outcome:
        outcome = self._handed_over(conversation, "technical", reasons.TECHNICAL)
        begun = await told_of_begun(self.context.desk, conversation.proposal)
        return replace(outcome, summary=f"{outcome.summary}\n{begun}") if begun else outcome

    def _handed_over(self, conversation: Conversation, say: str, reason: str) -> Outcome:
        language = self.context.detect_language(conversation.messages[-1].text) or self.context.policies.locales[0]
        policies, now = self.context.policies, self.clock()
        handoff = self._outcome(Decision.HANDOFF, compose.handoff_words(policies, say, language, now), reason, language)
        return replace(handoff, summary=compose.summary(visible(conversation.messages), reason, (), policies.hours.due(now)))

    def _outcome(self, decision: Decision, text: str, reason: str, language: str = "") -> Outcome:
        stamp = self.context.policies.stamp
        return Outcome(decision, text, reason, language, PolicyTrace(stamp.version, stamp.sha256))

    def _waited_s(self, conversation: Conversation) -> float:
        return waited_s(conversation, self.clock()) or 0.0


def _answers(conversation: Conversation) -> bool:
    """True for a yes or no to what we have asked: the same word to several questions is no machine's loop."""
    if conversation.proposal is None:
        return False
    return read_consent(conversation.messages[-1].text) in (Consent.YES, Consent.NO)
