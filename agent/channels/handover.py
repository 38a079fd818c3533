"""What a person who takes over is told of a conversation that is held elsewhere, as in the chat widget."""

from collections.abc import Sequence

from agent.errors import ConversationMissing
from agent.ports import Conversations
from agent.types import Author, ConversationId, Message, OutboxEntry

MOST_SAID = 20_000
"""Characters; helpdesks take no notes of any length, and cut them at their end."""
_NAMES = {Author.CUSTOMER: "Customer", Author.HUMAN_AGENT: "Colleague"}


async def what_was_said(conversations: Conversations, conversation_id: ConversationId) -> tuple[Message, ...]:
    """Nothing, if a person was asked for before the first word. Raises `QueueUnavailable`."""
    try:
        return (await conversations.read(conversation_id)).messages
    except ConversationMissing:
        return ()


def summary(entry: OutboxEntry, said: Sequence[Message]) -> str:
    """The hand-off's own, and what was said, for a person who can't read it elsewhere; of a very long talk its end."""
    told: list[str] = []
    room = MOST_SAID
    for message in reversed([m for m in said if m.visible]):
        line = f"**{_NAMES.get(message.author, 'Assistant')}:** {message.text}"
        room -= len(line)
        told.insert(0, line if room >= 0 else "…")
        if room < 0:
            break
    return "\n\n".join([entry.outcome.summary or "", *(["What was said:", *told] if told else [])])
