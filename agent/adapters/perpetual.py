"""What a worker does again and again: the sweep that makes a crash lose nothing, overdue approvals, the refresh, polls."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog
from docket import Perpetual
from structlog.contextvars import bound_contextvars

from agent.adapters.jobs import Owed, WorkerOptions, detail_of
from agent.errors import AgentError, ConversationMissing, QueueUnavailable, TransientError
from agent.ports import Conversations, TurnQueue
from agent.telemetry import OUTBOX_PENDING, UNANSWERED
from agent.types import Author, ConversationId

MOST_AT_A_SWEEP = 500
"""Of each kind. When a model has been away for hours thousands wait, and to go through all of them would keep a worker busy."""

log = structlog.get_logger(__name__)
_T = TypeVar("_T")


def sweep_task(queue: TurnQueue, owed: Owed, options: WorkerOptions) -> Callable[..., Awaitable[None]]:
    """The sweep, for ever."""
    always = Perpetual(timedelta(seconds=options.sweep_s), automatic=True)

    async def sweep(perpetual: Perpetual = always) -> None:
        try:
            await _sweep_once(queue, owed)
        except QueueUnavailable as error:
            log.warning("sweep_waits", detail=str(error))

    return sweep


def approvals_task(
    expire: Callable[[ConversationId], Awaitable[object]], conversations: Conversations, options: WorkerOptions
) -> Callable[..., Awaitable[None]]:
    """What waits for a person and is overdue, for ever. Deadlines are in Redis, so a restart finds them."""
    always = Perpetual(timedelta(seconds=options.sweep_s), automatic=True)

    async def approvals(perpetual: Perpetual = always) -> None:
        try:
            overdue = await conversations.overdue(datetime.now(UTC))
        except QueueUnavailable as error:
            log.warning("approvals_wait", detail=str(error))
            return
        for conversation_id in _some(overdue):
            await _expire_once(expire, conversation_id, options.turn_limit_s)

    return approvals


async def _expire_once(
    expire: Callable[[ConversationId], Awaitable[object]], conversation_id: ConversationId, limit_s: float
) -> None:
    with bound_contextvars(conversation_id=conversation_id):
        try:
            async with asyncio.timeout(limit_s):
                await expire(conversation_id)
        except TransientError as error:
            log.warning("approval_waits", error=type(error).__name__, detail=str(error))
        except Exception as error:  # The worker's outer loop: it is due again.
            log.error("approval_failed", detail=detail_of(error), exc_info=error)


def refresh_task(refresh_due: Callable[[], Awaitable[None]], options: WorkerOptions) -> Callable[..., Awaitable[None]]:
    """The refresh of the knowledge base, for ever."""
    always = Perpetual(timedelta(seconds=options.refresh_s), automatic=True)

    async def refresh(perpetual: Perpetual = always) -> None:
        try:
            await refresh_due()
        except Exception as error:  # The worker's outer loop: the next minute tries again.
            log.error("refresh_crashed", exc_info=error)

    return refresh


def poll_task(source: str, every_s: float, ask: Callable[[], Awaitable[object]]) -> Callable[..., Awaitable[None]]:
    """The poll of one helpdesk, for ever."""
    always = Perpetual(timedelta(seconds=every_s), automatic=True)

    async def poll(perpetual: Perpetual = always) -> None:
        with bound_contextvars(source=source):
            try:
                await ask()
            except Exception as error:  # The worker's outer loop: the next poll tries again.
                log.warning("poll_failed", detail=detail_of(error), exc_info=None if isinstance(error, AgentError) else error)

    # docket knows a task by its function's name, whatever it was registered as: two called `poll` would be one.
    poll.__name__ = f"poll:{source}"
    return poll


async def _sweep_once(queue: TurnQueue, owed: Owed) -> None:
    """Ask again for all that is owed. What is waiting or running has its key taken, so that is free of repeats."""
    for conversation_id in _some(await owed.hints.waiting()):
        await queue.add_turn(conversation_id, "hint")
    pending = await owed.outbox.pending()
    OUTBOX_PENDING.set(len(pending))
    for key in _some(pending):
        await queue.add_delivery(key)
    unanswered = await owed.conversations.unanswered()
    UNANSWERED.set(len(unanswered))
    for conversation_id in _some(unanswered):
        with suppress(ConversationMissing):
            conversation = await owed.conversations.read(conversation_id)
            asked = [message.message_id for message in conversation.messages if message.author is Author.CUSTOMER]
            # The newest message's key is the one that its webhook has used.
            await queue.add_turn(conversation_id, asked[-1])


def _some(owed: Sequence[_T]) -> Sequence[_T]:
    """All, or so many by chance: every sweep others, whichever worker sweeps, so that each has its turn before long."""
    return owed if len(owed) <= MOST_AT_A_SWEEP else random.sample(owed, MOST_AT_A_SWEEP)
