"""The chat widget, put together: its routes' parts for `serve`, its sender and its progress for `worker`."""

from collections.abc import Callable, Mapping

from redis.asyncio import Redis

from agent.adapters.widget_sessions import RedisWidgetSessions
from agent.adapters.widget_store import RedisWakes, RedisWidgetConversations
from agent.channels.widget.deps import WidgetDeps
from agent.channels.widget.events import Streams
from agent.channels.widget.progress import WidgetProgress
from agent.channels.widget.sender import WidgetSender
from agent.channels.widget.states import DISCLOSURE, language_of, note
from agent.graph.options import listed_titles
from agent.ports import PersonRequests, ReplySender
from agent.settings import Settings
from agent.site_settings import WIDGET_SOURCE
from agent.types import OutboxEntry
from policies.engine import PolicyEngine
from policies.types import Facts

__all__ = ["WIDGET_SOURCE", "BySource", "build_progress", "build_sender", "build_widget", "disclosure_of"]


class BySource:
    """Implements `ReplySender` by the sender of each source."""

    def __init__(self, senders: Mapping[str, ReplySender], otherwise: ReplySender) -> None:
        self._senders = senders
        self._otherwise = otherwise

    async def send(self, entry: OutboxEntry) -> None:
        """See `ReplySender`."""
        await self._senders.get(entry.source, self._otherwise).send(entry)


def build_widget(settings: Settings, redis: Redis, policies: PolicyEngine, person: PersonRequests) -> WidgetDeps | None:
    """None if no site has the widget."""
    if not settings.sites:
        return None
    conversations = RedisWidgetConversations(redis)
    return WidgetDeps(
        sessions=RedisWidgetSessions(redis),
        conversations=conversations,
        person=person,
        streams=Streams(conversations, RedisWakes(redis), settings.widget_streams),
        disclosure=disclosure_of(policies),
    )


def build_sender(redis: Redis, otherwise: ReplySender) -> BySource:
    """What a worker delivers with: the widget's entries to the widget, all others as before."""
    widget = WidgetSender(RedisWidgetConversations(redis), listed_titles)
    return BySource({WIDGET_SOURCE: widget}, otherwise)


def build_progress(redis: Redis) -> WidgetProgress:
    """What turns tell their stages to."""
    return WidgetProgress(RedisWidgetConversations(redis))


def disclosure_of(policies: PolicyEngine) -> Callable[[str | None], str]:
    """The policies' own line that a machine answers; ours in languages that they don't have."""

    def disclosure(locale: str | None) -> str:
        language = language_of(locale or policies.locales[0])
        own = policies.disclosure(Facts(text="", language=language, first_message=True, similarity={}))
        return own if own and language in policies.locales else note(DISCLOSURE, language)

    return disclosure
