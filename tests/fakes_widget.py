"""Fakes of the widget's seams, held to the same contract tests as those on Redis."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from agent.adapters.widget_sessions import IDLE_S, LONGEST_S
from agent.widget_ports import (
    History,
    Limit,
    Page,
    PersonState,
    Publication,
    Session,
    StoredEvent,
    WidgetConversation,
)


class InMemoryWidgetSessions:
    """`agent.widget_ports.WidgetSessions` in dicts; a window never ends by itself."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.claimed: set[str] = set()
        self.counts: dict[str, int] = {}

    async def open(self, token_hash: str, session: Session) -> None:
        self.sessions[token_hash] = session

    async def find(self, token_hash: str, now: float) -> Session | None:
        found = self.sessions.get(token_hash)
        if found is None or min(found.expires_at, found.created_at + LONGEST_S) <= now:
            return None
        self.sessions[token_hash] = replace(found, expires_at=min(now + IDLE_S, found.created_at + LONGEST_S))
        return self.sessions[token_hash]

    async def claim_once(self, key: str, ttl_s: int) -> bool:
        is_new = key not in self.claimed
        self.claimed.add(key)
        return is_new

    async def take(self, limits: Sequence[Limit]) -> int:
        over = [limit.window_s for limit in limits if self.counts.get(limit.key, 0) >= limit.most]
        if over:
            return max(over)
        for limit in limits:
            self.counts[limit.key] = self.counts.get(limit.key, 0) + 1
        return 0


@dataclass
class _Shown:
    about: WidgetConversation | None = None
    events: list[StoredEvent] = field(default_factory=list)
    added: int = 0
    keys: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    feedback: dict[str, str] = field(default_factory=dict)


class InMemoryWidgetConversations:
    """`agent.widget_ports.WidgetConversations` in dicts, and `Wakes` beside it."""

    def __init__(self, most_events: int = 1000) -> None:
        self.shown: dict[str, _Shown] = {}
        self.newest: dict[str, str] = {}
        self.most_events = most_events
        self._listeners: list[Callable[[str | None], None]] = []

    async def create(self, conversation: WidgetConversation) -> None:
        self.shown[conversation.id] = _Shown(conversation)
        self.newest[conversation.owner] = conversation.id

    async def find(self, conversation_id: str) -> WidgetConversation | None:
        shown = self.shown.get(conversation_id)
        return shown.about if shown else None

    async def newest_of(self, owner: str) -> WidgetConversation | None:
        found = await self.find(self.newest.get(owner, ""))
        return found if found and not found.closed else None

    async def publish(self, conversation_id: str, publication: Publication) -> bool:
        shown = self.shown.setdefault(conversation_id, _Shown())
        if publication.key:
            if publication.key in shown.keys:
                return False
            shown.keys.add(publication.key)
        for event in publication.events:
            shown.added += 1
            shown.events.append(StoredEvent(f"{shown.added}-0", event.name, event.data))
        del shown.events[: -self.most_events]
        shown.messages += publication.messages
        shown.feedback |= publication.feedback
        if shown.about is not None:
            shown.about = replace(shown.about, **{name: _value(name, value) for name, value in publication.changes.items()})
        for listener in self._listeners:
            listener(conversation_id)
        return True

    async def is_published(self, conversation_id: str, key: str) -> bool:
        return conversation_id in self.shown and key in self.shown[conversation_id].keys

    async def history(self, conversation_id: str) -> History:
        shown = self.shown.get(conversation_id, _Shown())
        last = shown.events[-1].event_id if shown.events else "0-0"
        return History(tuple(json.loads(text) for text in shown.messages), last, dict(shown.feedback))

    async def events_after(self, wanted: Sequence[tuple[str, str | None]], most: int = 100) -> list[Page]:
        return [self._events_after(conversation_id, after, most) for conversation_id, after in wanted]

    def _events_after(self, conversation_id: str, after: str | None, most: int) -> Page:
        shown = self.shown.get(conversation_id, _Shown())
        last = shown.events[-1].event_id if shown.events else "0-0"
        if after is None:
            return Page((), last)
        is_dropped = shown.added > len(shown.events) and _place(after) < _place(shown.events[0].event_id)
        if is_dropped or _place(last) < _place(after):
            return Page((), last, is_gap=True)
        found = tuple(event for event in shown.events if _place(event.event_id) > _place(after))[:most]
        return Page(found, found[-1].event_id if found else after)

    async def listen(self, wake: Callable[[str | None], None]) -> None:
        self._listeners.append(wake)
        wake(None)
        await asyncio.Event().wait()


def _place(event_id: str) -> tuple[int, ...]:
    return tuple(int(number) for number in event_id.split("-"))


def _value(name: str, value: str | None) -> object:
    if name == "closed":
        return value == "1"
    if name == "told":
        return int(value) if value else None
    return PersonState(value) if name == "person" and value else value or None
