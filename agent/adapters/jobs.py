"""What each job of a worker does: a turn, a delivery. What it does again and again stands in `perpetual`.

Whatever goes wrong in one ends here: it is tried again, or set aside for a person. How jobs are queued stands in `queue`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import structlog
from docket import ConcurrencyLimit, ExponentialRetry, Retry
from structlog.contextvars import bind_contextvars, bound_contextvars

from agent.errors import AgentError, ConversationMissing, HelpdeskRefused, QueueUnavailable, ReplyWithheld, TransientError
from agent.ports import Conversations, Outbox, ReplySender, TicketHints
from agent.telemetry import (
    DELIVERIES,
    DELIVERY_SECONDS,
    TURN_FAILURES,
    bind_trace,
    exemplar,
    span,
    trace_id_of,
    traced,
)
from agent.types import ConversationId, OutboxEntry, OutboxId, OutboxKey

GIVE_UP_AFTER = timedelta(hours=24)
"""How long a helpdesk may be away before a reply is set aside for a person."""
MAX_BACKOFF = timedelta(seconds=60)
MOST_FAILURES = 4
"""So many times a turn may fail by an error that is no `TransientError`: 1 + 2 + 4 seconds of waiting."""

log = structlog.get_logger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the worker does, built by wiring.

    Attributes:
        turn: answers a conversation's unseen messages and commits one outcome, `NO_REPLY` included: a
            conversation that is left unanswered is asked for again. A `TransientError` is tried again
            later, for ever; when to hand off instead is the handler's decision.
        sender: gives an outcome to the helpdesk.
        refresh: brings the knowledge base in line with the sources that are due; called every `refresh_s`, by one
            worker at a time. None if this worker does not.
        on_stop: called when the worker begins to drain: what runs in a thread can't be cancelled.
        polls: by name, how often in seconds, and how: what helpdesks that send no webhooks have news of.
        expire: does what is due in a conversation in which nobody has decided about a draft in time. A `TransientError`: it is
            due again later.
        hand_over: gives a conversation to a person without a turn. Called after `MOST_FAILURES` turns that failed by an
            error that time doesn't heal. None: they are tried again for ever.
    """

    turn: Callable[[ConversationId], Awaitable[None]]
    sender: ReplySender
    refresh: Callable[[], Awaitable[None]] | None = None
    on_stop: Callable[[], None] | None = None
    hand_over: Callable[[ConversationId], Awaitable[None]] | None = None
    polls: Mapping[str, tuple[float, Callable[[], Awaitable[object]]]] = field(default_factory=dict)
    expire: Callable[[ConversationId], Awaitable[object]] | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """Where the sweep looks for what is owed."""

    conversations: Conversations
    outbox: Outbox
    hints: TicketHints


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Limits of one worker process.

    Attributes:
        concurrency: turns at the same time.
        deliveries: deliveries at the same time.
        redelivery_s: without a sign of life for so long, a dead worker's job goes to another. A living
            worker renews its claim four times in that time, however long the job takes.
        grace_s: how long running jobs may go on after a stop; what is not done by then is redelivered. Keep
            it under `redelivery_s`: claims are not renewed while stopping.
        turn_limit_s: a turn that takes longer is cancelled and tried again.
        sweep_s: how often the sweep looks for work that was lost on the way.
        refresh_s: how often it is asked which sources are due.
    """

    concurrency: int = 2
    deliveries: int = 8
    redelivery_s: float = 20.0
    grace_s: float = 15.0
    turn_limit_s: float = 600.0
    sweep_s: float = 5.0
    refresh_s: float = 60.0


def turn_task(handlers: Handlers, options: WorkerOptions) -> Callable[..., Awaitable[None]]:
    """A turn of a conversation, one at a time, until it has an end."""
    forever = ExponentialRetry.forever(timedelta(seconds=1), MAX_BACKOFF)

    async def turn(conversation_id: Annotated[str, ConcurrencyLimit(1)], message_id: str, retry: Retry = forever) -> None:
        with (
            bound_contextvars(conversation_id=conversation_id, message_id=message_id),
            traced(trace_id_of(conversation_id, message_id)),
        ):
            try:
                async with asyncio.timeout(options.turn_limit_s):
                    await handlers.turn(ConversationId(conversation_id))
                return
            except ConversationMissing:
                log.info("turn_without_conversation")  # erased since it was asked for
                return
            except TransientError as error:
                TURN_FAILURES.labels("transient").inc()
                log.warning("turn_waits", error=type(error).__name__, detail=str(error), attempt=retry.attempt)
            except Exception as error:  # The worker's outer loop: nobody else would try again.
                TURN_FAILURES.labels("error").inc()
                log.error("turn_failed", detail=detail_of(error), attempt=retry.attempt, exc_info=error)
                if retry.attempt >= MOST_FAILURES and await _handed_over(handlers, ConversationId(conversation_id)):
                    return
        # Out here, so that what docket logs carries no exception of ours.
        retry.after(retry.delay)

    return turn


async def _handed_over(handlers: Handlers, conversation_id: ConversationId) -> bool:
    """Give a conversation that no turn can be run on to a person. False if that fails, too: it is tried again."""
    if handlers.hand_over is None:
        return False
    try:
        await handlers.hand_over(conversation_id)
    except Exception as error:  # The worker's outer loop.
        log.error("hand_over_failed", detail=detail_of(error), exc_info=error)
        return False
    return True


def deliver_task(sender: ReplySender, outbox: Outbox) -> Callable[..., Awaitable[None]]:
    """The delivery of an outbox entry, until it has an end."""
    forever = ExponentialRetry.forever(timedelta(seconds=1), MAX_BACKOFF)

    async def deliver(outbox_id: str, conversation_id: str, retry: Retry = forever) -> None:
        key = OutboxKey(ConversationId(conversation_id), OutboxId(outbox_id))
        with bound_contextvars(delivery_id=outbox_id):
            if not await deliver_once(sender, outbox, key, retry.attempt):
                retry.after(retry.delay)

    return deliver


async def deliver_once(sender: ReplySender, outbox: Outbox, key: OutboxKey, attempt: int) -> bool:
    """One attempt; True if there is nothing left to do.

    A crash before settling is harmless: the helpdesk drops a repeated outbox id, or the sender finds what it has sent.
    """
    entry: OutboxEntry | None = None
    try:
        entry = await outbox.get(key)
        if entry is None:
            return True
        bind_trace(trace_id_of(entry.conversation_id, entry.in_reply_to))
        bind_contextvars(conversation_id=entry.conversation_id, run_id=entry.run_id)
        with span("delivery", conversation_id=entry.conversation_id, run_id=entry.run_id, attempt=attempt):
            await sender.send(entry)
            await outbox.settle(key, delivered=True)
        DELIVERIES.labels("out", "delivered").inc()
        waited = datetime.now(UTC) - datetime.fromisoformat(entry.created_at)
        DELIVERY_SECONDS.observe(max(0.0, waited.total_seconds()), exemplar())
        log.info("delivered", attempt=attempt)
        return True
    except HelpdeskRefused as error:
        result, detail = "refused", str(error)
    except ReplyWithheld as error:
        result, detail = "withheld", str(error)
    except QueueUnavailable as error:
        log.warning("delivery_waits", detail=str(error), attempt=attempt)
        return False
    except Exception as error:  # The worker's outer loop: nobody else would try again.
        result, detail = "retried", detail_of(error)
        log.warning("delivery_waits", detail=detail, attempt=attempt, exc_info=None if isinstance(error, AgentError) else error)
    if result == "retried" and entry and datetime.now(UTC) - datetime.fromisoformat(entry.created_at) > GIVE_UP_AFTER:
        result, detail = "expired", f"not delivered within {GIVE_UP_AFTER}; the last try: {detail}"
    DELIVERIES.labels("out", result).inc()
    if result == "retried":
        return False
    with suppress(QueueUnavailable):
        await outbox.settle(key, delivered=False, detail=detail)
        (log.info if result == "withheld" else log.error)("delivery_given_up", result=result, detail=detail)
        return True
    return False


def detail_of(error: Exception) -> str:
    """What of an error may stand in a log."""
    # Only our own errors are known to be free of a customer's words.
    return str(error) if isinstance(error, AgentError) else type(error).__name__
