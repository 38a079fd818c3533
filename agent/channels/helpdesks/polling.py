"""One poll of a helpdesk: what is new becomes hints, then the place is written down."""

from agent.channels.helpdesks.intake import take
from agent.channels.helpdesks.types import PolledHelpdesk
from agent.ports import TicketHints, TurnQueue


async def poll_once(source: str, helpdesk: PolledHelpdesk, hints: TicketHints, queue: TurnQueue) -> int:
    """How many hints were new. A crash on the way polls the same again, which is harmless.

    Raises:
        HelpdeskUnavailable, HelpdeskRefused, QueueUnavailable: nothing is lost; poll again later.
    """
    cursor = await hints.cursor(source)
    news = await helpdesk.poll(cursor)
    new = [await take(hints, queue, source, hint) for hint in news.hints]
    if news.cursor != cursor:
        await hints.keep_cursor(source, news.cursor)
    return sum(new)
