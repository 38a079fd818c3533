"""Is a machine at the other end? Two that answer each other never stop by themselves. Pure."""

import datetime as dt
import re

from agent.types import Author, Conversation

MOST_REPLIES: tuple[tuple[dt.timedelta, int], ...] = ((dt.timedelta(minutes=10), 3), (dt.timedelta(days=1), 10))
"""So many of our replies within so long, and the customer has said nothing new: a person had better look."""
_VARYING = re.compile(r"[\d\W_]+")


def is_loop(conversation: Conversation, now: dt.datetime) -> bool:
    """True if the newest message says what was said before, but for its numbers, and we have replied often of late."""
    said = [_gist(m.text) for m in conversation.messages if m.author is Author.CUSTOMER and m.visible]
    if not said or said[-1] not in said[:-1]:
        return False
    ours = [dt.datetime.fromisoformat(m.sent_at) for m in conversation.messages if m.author is Author.ASSISTANT and m.visible]
    return any(sum(now - at < span for at in ours) >= most for span, most in MOST_REPLIES)


def _gist(text: str) -> str:
    # What is nothing but a number or a sign ("2", then "3") is told apart by it.
    return _VARYING.sub(" ", text).casefold().strip() or text.strip()
