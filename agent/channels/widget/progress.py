"""Tells a widget what its turn is doing. A turn never fails or waits long for that."""

import asyncio
import json

import structlog

from agent.errors import QueueUnavailable
from agent.ports import Stage
from agent.site_settings import WIDGET_SOURCE
from agent.types import ConversationId
from agent.widget_ports import Event, Publication, WidgetConversations

TIMEOUT_S = 0.5

log = structlog.get_logger(__name__)


def conversation_id_of(widget_id: str) -> ConversationId:
    """What a widget's conversation is called everywhere else."""
    return ConversationId(f"{WIDGET_SOURCE}:{widget_id}")


def progress_event(stage: Stage) -> Event:
    """The event for a stage."""
    return Event("progress", json.dumps({"stage": stage.value}))


class WidgetProgress:
    """Publishes stages of the conversations that are held in a widget, and no others. Implements `Progress`."""

    def __init__(self, conversations: WidgetConversations) -> None:
        self._conversations = conversations

    async def tell(self, conversation_id: ConversationId, stage: Stage) -> None:
        """See `Progress`."""
        source, _, widget_id = conversation_id.partition(":")
        if source != WIDGET_SOURCE:
            return
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._conversations.publish(widget_id, Publication((progress_event(stage),)))
        except (QueueUnavailable, TimeoutError) as error:
            log.warning("progress_not_told", stage=stage.value, error=type(error).__name__)
