"""The chat widget, put together: its routes' parts for `serve`, its sender and its progress for `worker`."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from agent.adapters.redis_clients import RedisClient
from agent.adapters.widget_sessions import RedisWidgetSessions
from agent.adapters.widget_store import RedisWakes, RedisWidgetConversations
from agent.channels.widget.by_webhook import ByWebhook
from agent.channels.widget.deps import WidgetDeps
from agent.channels.widget.events import Streams
from agent.channels.widget.people import WidgetPeople
from agent.channels.widget.progress import WidgetProgress
from agent.channels.widget.sender import WidgetSender
from agent.channels.widget.states import DISCLOSURE, NOTED, UNKNOWN, language_of, note
from agent.errors import ConversationMissing
from agent.graph.options import offered
from agent.helpdesk_settings import HelpdeskSettings
from agent.ports import Conversations, PersonRequests, ReplySender
from agent.privacy.handling import RulesInForce
from agent.settings import Settings
from agent.types import ConversationId, PolicyTrace
from agent.widget_ports import Escalation
from agent.wiring import rules
from policies.engine import PolicyEngine
from policies.types import Facts


def build_widget(
    settings: Settings,
    redis: RedisClient,
    policies: Callable[[], PolicyEngine],
    person: PersonRequests,
    privacy: RulesInForce,
) -> WidgetDeps | None:
    """None if no site has the widget. `policies`: those that hold now."""
    if not settings.sites:
        return None
    conversations = RedisWidgetConversations(redis, keep_s=rules.kept_s(settings, policies()))
    return WidgetDeps(
        sessions=RedisWidgetSessions(redis),
        conversations=conversations,
        person=person,
        streams=Streams(conversations, RedisWakes(redis), settings.widget_streams),
        disclosure=lambda locale: disclosure_of(policies())(locale),
        clean=privacy.at_the_door,
    )


def promises_of(policies: PolicyEngine) -> dict[str, str]:
    """The policies' words that a person is told, and the line that stands in their place where nobody is."""
    return {text: NOTED for text in policies.texts("handoff")} | {text: UNKNOWN for text in policies.texts("dont_know")}


def build_sender(
    redis: RedisClient, escalations: Mapping[str, Escalation], promises: Mapping[str, str], keep_s: int = 0
) -> WidgetSender:
    """What a worker shows outcomes with. `escalations`: who is told of a hand-off, by site. `promises`: see `promises_of`."""
    return WidgetSender(RedisWidgetConversations(redis, keep_s=keep_s), offered, escalations, promises)


def build_by_webhook(
    settings: Settings, redis: RedisClient, sender: ReplySender, conversations: Conversations, policies: PolicyEngine
) -> ByWebhook:
    """What a worker passes hand-offs on with to helpdesks that are known by the generic webhook."""
    sources = {
        site: one.handoff
        for site, one in settings.sites.items()
        if one.handoff is not None and isinstance(settings.helpdesks[one.handoff], HelpdeskSettings)
    }
    policy = PolicyTrace(policies.stamp.version, policies.stamp.sha256)
    shown = RedisWidgetConversations(redis, keep_s=rules.kept_s(settings, policies))
    return ByWebhook(sources, sender, conversations, shown, policy)


@dataclass(frozen=True, slots=True)
class PeopleRelay:
    """Shows in the widget what people write in a helpdesk."""

    people: WidgetPeople

    async def say(self, conversation_id: ConversationId, message_id: str, text: str, at: str) -> bool:
        """False if it was shown before. Raises `ConversationMissing` or `QueueUnavailable`."""
        return await self.people.say(conversation_id.partition(":")[2], message_id, text, at, None)

    async def leave(self, conversation_id: ConversationId) -> None:
        """Nothing, if the widget keeps it no more. Raises `QueueUnavailable`."""
        with suppress(ConversationMissing):
            await self.people.leave(conversation_id.partition(":")[2])


def build_people(redis: RedisClient, conversations: Conversations, keep_s: int = 0) -> PeopleRelay:
    """What a worker carries people's words back with."""
    return PeopleRelay(WidgetPeople(conversations, RedisWidgetConversations(redis, keep_s=keep_s)))


def build_progress(redis: RedisClient, keep_s: int = 0) -> WidgetProgress:
    """What turns tell their stages to."""
    return WidgetProgress(RedisWidgetConversations(redis, keep_s=keep_s))


def disclosure_of(policies: PolicyEngine) -> Callable[[str | None], str]:
    """The policies' own line that a machine answers; ours in languages that they don't have."""

    def disclosure(locale: str | None) -> str:
        language = language_of(locale or policies.locales[0])
        own = policies.disclosure(Facts(text="", language=language, first_message=True, similarity={}))
        return own if own and language in policies.locales else note(DISCLOSURE, language)

    return disclosure
