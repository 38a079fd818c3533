"""One poll of a helpdesk: what is new becomes hints, then the place is written down."""

from datetime import UTC, datetime, timedelta

import structlog

from agent.channels.helpdesks.intake import take
from agent.channels.helpdesks.types import PolledHelpdesk
from agent.helpdesk_settings import PollStart
from agent.ports import TicketHints, TurnQueue

LONGEST_WAIT = timedelta(days=7)
"""Between `innkeeper connect` and the first poll; what came in before is a backlog that people have dealt with."""
_log = structlog.get_logger(__name__)


async def poll_once(
    source: str, helpdesk: PolledHelpdesk, hints: TicketHints, queue: TurnQueue, start: PollStart | None = None
) -> int:
    """How many hints were new. A crash on the way polls the same again, which is harmless.

    The first poll begins at `start`; without it, with what comes in from now on.

    Raises:
        HelpdeskUnavailable, HelpdeskRefused, QueueUnavailable: nothing is lost; poll again later.
    """
    cursor = await hints.cursor(source)
    news = await helpdesk.poll(cursor if cursor is not None else _first(source, start))
    new = [await take(hints, queue, source, hint) for hint in news.hints]
    if news.cursor != cursor:
        await hints.keep_cursor(source, news.cursor)
    return sum(new)


async def poll_start(helpdesk: PolledHelpdesk) -> PollStart:
    """Where a first poll would begin that is made now. Raises as a poll."""
    return PollStart(at=datetime.now(UTC), cursor=(await helpdesk.poll(None)).cursor)


def _first(source: str, start: PollStart | None) -> str | None:
    if start is None:
        return None
    if datetime.now(UTC) - start.at > LONGEST_WAIT:
        _log.warning("first_poll_begins_now", source=source, connected_at=start.at.isoformat())
        return None
    return start.cursor
