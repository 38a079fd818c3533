"""From a genuine hint to a durable wish to look at a ticket. Waits for no helpdesk and no model."""

import hashlib

from agent.channels.helpdesks.types import Delivery, Hint
from agent.ports import TicketHints, TurnQueue
from agent.telemetry import received, trace_id_of, traced
from agent.types import ConversationId

MAX_TICKET_ID = 200
MAX_DELIVERY = 500


async def take(hints: TicketHints, queue: TurnQueue, source: str, hint: Hint, delivery: Delivery | None = None) -> bool:
    """Keep the hint, then ask for a turn. False if this very delivery was kept before.

    A hint has a trace of its own. It ends with the look at the ticket: each message found there has its own, too, and tells
    from which hint it came.

    A repeat with another body (some systems build it anew at each attempt) counts as news: to look once more is harmless.

    Raises:
        QueueUnavailable: nothing is lost if the sender repeats.
    """
    conversation_id = ConversationId(f"{source}:{hint.ticket_id}")
    trace_id = trace_id_of(conversation_id, hint.delivery)
    digest = hashlib.sha256(delivery.body if delivery else hint.delivery.encode()).hexdigest()
    with traced(trace_id):
        is_new = await hints.add(conversation_id, f"{source}:{hint.delivery}", digest)
        if is_new:
            received(trace_id, conversation_id=conversation_id, hint=True)
            await queue.add_turn(conversation_id, hint.delivery)
    return is_new
