"""How a conversation stands: what waits in it, since when, and under which ids a turn answers it. Pure."""

import datetime as dt
import uuid
from collections.abc import Sequence

from agent.telemetry import trace_id_of
from agent.types import NOBODY, Author, Conversation, Customer, Message, RunId, run_of

RUN_NAMESPACE = uuid.UUID("5d1c1f0e-6f0b-4f0c-9d1a-3a6f4c1f7a11")


def run_id_of(conversation: Conversation) -> RunId:
    """The same for every try at the same state of a conversation, so that a try done twice counts once.

    Never that of a conversation of the same id that is forgotten by now: the helpdesk would drop its reply as a repeat.
    """
    of = f"{conversation.conversation_id}:{conversation.begun}" if conversation.begun else conversation.conversation_id
    return RunId(str(uuid.uuid5(RUN_NAMESPACE, f"{of}:{conversation.length}")))


def has_question(conversation: Conversation) -> bool:
    """True if the customer wrote something that no outcome has seen."""
    return any(m.author is Author.CUSTOMER for m in conversation.messages[conversation.answered :])


def waited_s(conversation: Conversation, now: dt.datetime) -> float | None:
    """How long the customer has waited for an answer, by the first message that no outcome has seen; None if there is none."""
    waiting = (m for m in conversation.messages[conversation.answered :] if m.author is Author.CUSTOMER)
    oldest = next(waiting, None)
    return None if oldest is None else (now - dt.datetime.fromisoformat(oldest.sent_at)).total_seconds()


def trace_of(conversation: Conversation) -> str:
    """The trace of what answers the customer's newest message: that message's own. A delivery's is the same one."""
    asked = [message.message_id for message in conversation.messages if message.author is Author.CUSTOMER]
    return trace_id_of(conversation.conversation_id, asked[-1] if asked else "")


def other_traces(conversation: Conversation, asked_by: str | None) -> list[str]:
    """The traces that a turn ends beside its own: of the messages that it answers as well, and of what has asked for it."""
    waiting = [m.message_id for m in conversation.messages[conversation.answered :] if m.author is Author.CUSTOMER]
    found = [*(trace_id_of(conversation.conversation_id, one) for one in waiting), *([asked_by] if asked_by else [])]
    return [trace_id for trace_id in dict.fromkeys(found) if trace_id != trace_of(conversation)]


def proposed_run(conversation: Conversation) -> RunId | None:
    """The run whose outcome is a draft that waits: an action's, or the last that we have written. None if none does."""
    if conversation.approval is not None:
        return conversation.approval.run_id
    ours = [m for m in conversation.messages if m.author is Author.ASSISTANT]
    return run_of(ours[-1].message_id) if ours and not ours[-1].visible else None


def visible(messages: Sequence[Message]) -> tuple[Message, ...]:
    """What the customer can see, up to their last message: internal notes never reach the graph."""
    shown = [m for m in messages if m.visible]
    last = max(i for i, m in enumerate(shown) if m.author is Author.CUSTOMER)
    return tuple(shown[: last + 1])


def customer_of(messages: Sequence[Message]) -> Customer:
    """Who has written since anybody else has. Nobody is known where several have: what one of them may, another may not."""
    found: set[Customer] = set()
    for message in reversed(messages):
        if message.author is not Author.CUSTOMER:
            break
        found.add(message.customer)
    return found.pop() if len(found) == 1 else NOBODY
