"""What is on record to be replayed, for the command line."""

import datetime as dt

from agent.adapters.redis_clients import redis_client
from agent.adapters.tickets import recorded_turns
from agent.ports import RecordedTurn
from agent.settings import Settings
from agent.wiring import shelf


async def turns_since(settings: Settings, since: dt.datetime | None) -> list[RecordedTurn]:
    """The turns answered from then on, all of them if it is None; oldest first.

    Raises:
        ServiceFailed: no Redis is configured, and no `innkeeper up` runs.
        QueueUnavailable: Redis can't be reached.
    """
    url = shelf.redis_url(settings)
    shelf.guard_egress(settings, url)
    async with redis_client(url) as client:
        found = [turn async for turn in recorded_turns(client) if since is None or _at(turn) >= since]
    return sorted(found, key=lambda turn: (turn.at, turn.run_id))


def _at(turn: RecordedTurn) -> dt.datetime:
    at = dt.datetime.fromisoformat(turn.at)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
