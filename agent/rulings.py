"""What is decided about a draft: by a person, or by nobody in time. The first decision stands, and is carried out once.

It is written down before anything is done, and whoever comes upon it carries it through: its maker may die in between.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from agent.errors import ConversationMissing
from agent.graph.build import TurnGraph
from agent.graph.state import TurnContext
from agent.ports import Conversations, TurnQueue
from agent.standing import has_question, proposed_run, trace_of
from agent.telemetry import bind_trace
from agent.types import Conversation, ConversationId, DraftRuling, Outcome, PendingApproval, Ruled

log = structlog.get_logger()


@dataclass(frozen=True)
class Rulings:
    """Decides about drafts with the parts of a turn."""

    graph: TurnGraph
    context_of: Callable[[Conversation], TurnContext]
    conversations: Conversations
    queue: TurnQueue
    on_outcome: Callable[[Conversation, Outcome], None]

    async def decide(self, conversation_id: ConversationId, mine: DraftRuling) -> bool:
        """Carry a decision through. False if that draft does not wait (any more), or something else was decided about it.

        Raises:
            ConversationMissing: nobody has ever written there.
            TransientError: a system can't be asked now. The decision stands; it is carried through later.
        """
        conversation = await self.conversations.read(conversation_id)
        is_ruled = conversation.ruling is not None
        if not is_ruled and (has_question(conversation) or proposed_run(conversation) != mine.run_id):
            return False
        bind_trace(trace_of(conversation))
        config = RunnableConfig(configurable={"thread_id": conversation_id})
        run = await self.graph.aget_state(config)
        if run.values.get("run_id") != mine.run_id:
            return False
        standing = await self.conversations.rule(conversation, mine)
        if standing is None or (standing.run_id, standing.ruled) != (mine.run_id, mine.ruled):
            return False
        outcome: Outcome | None = run.values["outcome"]
        # A run that no longer waits has gone on before, and a crash came in between; what was released stays released once.
        if run.next:
            resume: Command[Any] = Command(resume={"ruled": standing.ruled.value, "text": standing.text, "by": standing.by})
            ended = await self.graph.ainvoke(resume, config, context=self.context_of(conversation), durability="exit")
            outcome = ended["outcome"] if ended else None
        if outcome is None:  # somebody else has carried it through meanwhile
            return False
        entry = await self.conversations.release(replace(conversation, ruling=standing), standing.run_id, outcome)
        if entry is not None:
            self.on_outcome(conversation, outcome)
            log.info("draft_ruled", ruled=standing.ruled, decision=outcome.decision, reason=outcome.reason)
            await self.queue.add_delivery(entry.key)
        return entry is not None

    async def expire(self, conversation_id: ConversationId, now: dt.datetime) -> bool:
        """Do what is due where nobody has decided in time, or a decision was not carried through. False if nothing is.

        Raises:
            TransientError: it is due again later.
        """
        try:
            conversation = await self.conversations.read(conversation_id)
        except ConversationMissing:
            conversation = Conversation(conversation_id, "", "", ())
        due = conversation.ruling
        if due is None and _still_waits(conversation):
            assert conversation.approval is not None
            if has_question(conversation) or not _is_late(conversation.approval, now):
                return False  # of a question the turn tells whether anything still waits
            due = DraftRuling(conversation.approval.run_id, Ruled.TIMED_OUT)
        if due is not None and await self.decide(conversation_id, due):
            return True
        # Changes nothing if somebody else has decided just now.
        await self.conversations.forget_approval(conversation)
        return False


def _still_waits(conversation: Conversation) -> bool:
    """A person who has taken over decides for themselves."""
    return conversation.approval is not None and not conversation.handed_off


def _is_late(approval: PendingApproval, now: dt.datetime) -> bool:
    return approval.until is not None and dt.datetime.fromisoformat(approval.until) <= now
