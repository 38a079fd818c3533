"""How much waits, asked of Redis at the moment that metrics are read: any process shows it, whoever does the work."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.adapters.queue import DocketQueue
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.errors import ConversationMissing
from agent.standing import waited_s
from agent.telemetry import OLDEST_UNANSWERED, OUTBOX_DEAD, OUTBOX_PENDING, QUEUE_JOBS, UNANSWERED
from agent.types import ConversationId


@dataclass(frozen=True, slots=True)
class Backlog:
    """Sets the gauges. Raises `QueueUnavailable`: they then keep what they had."""

    conversations: RedisConversations
    outbox: RedisOutbox
    queue: DocketQueue

    async def __call__(self) -> None:
        """Ask."""
        pending, dead = await self.outbox.sizes()
        OUTBOX_PENDING.set(pending)
        OUTBOX_DEAD.set(dead)
        unanswered = await self.conversations.unanswered()
        UNANSWERED.set(len(unanswered))
        OLDEST_UNANSWERED.set(await self._longest_wait_s(unanswered))
        for name, jobs in (await self.queue.sizes()).items():
            QUEUE_JOBS.labels(name).set(jobs)

    async def _longest_wait_s(self, unanswered: Iterable[ConversationId]) -> float:
        for conversation_id in unanswered:  # longest waiting first
            try:
                conversation = await self.conversations.read(conversation_id)
            except ConversationMissing:
                continue  # erased meanwhile
            return max(0.0, waited_s(conversation, datetime.now(UTC)) or 0.0)
        return 0.0
