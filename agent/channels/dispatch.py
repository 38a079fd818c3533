"""Each outbox entry to the sender of its source."""

from collections.abc import Mapping

from agent.ports import ReplySender
from agent.types import OutboxEntry


class SenderBySource:
    """Implements `ReplySender` by others."""

    def __init__(self, senders: Mapping[str, ReplySender], *, otherwise: ReplySender) -> None:
        self._senders = senders
        self._otherwise = otherwise

    async def send(self, entry: OutboxEntry) -> None:
        """Raises as the sender that it goes to."""
        await self._senders.get(entry.source, self._otherwise).send(entry)
