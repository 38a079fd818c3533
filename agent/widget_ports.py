"""What the chat widget needs from the world: sessions, conversations as a browser sees them, and their events.

Every method of a store raises `QueueUnavailable` when Redis can't be reached.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from agent.types import OutboxEntry


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that talks to us.

    Attributes:
        owner: who a conversation belongs to: this session, or the verified customer. Never a secret.
        customer: the site's own name for a verified customer; None for an anonymous one.
        created_at: seconds since 1970, as `expires_at`.
    """

    site: str
    owner: str
    customer: str | None
    name: str | None
    locale: str | None
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` times in a window of `window_s`, counted under `key`."""

    key: str
    most: int
    window_s: int = 60


class WidgetSessions(Protocol):
    """Who talks to us, and how often."""

    async def open(self, token_hash: str, session: Session) -> None:
        """Remember a new session until `expires_at`."""
        ...

    async def find(self, token_hash: str, now: float) -> Session | None:
        """The session, which lasts longer by this; None if it is unknown or over."""
        ...

    async def claim_once(self, key: str, ttl_s: int) -> bool:
        """False if that key was claimed in the last `ttl_s`."""
        ...

    async def take(self, limits: Sequence[Limit]) -> int:
        """Count one against all of them. Else count none, and return the whole seconds until there is room in all."""
        ...


class PersonState(StrEnum):
    """How far a hand-off is."""

    REQUESTED = "requested"
    JOINED = "joined"


@dataclass(frozen=True, slots=True)
class WidgetConversation:
    """What is known of a widget's conversation beside its messages.

    Attributes:
        name: what the customer is called, as their page says: nobody has verified it.
        note: what happens after "talk to a person", in the customer's language.
        contact: an e-mail address that the customer left for the person.
        told: so many messages were told to a helpdesk that knows the conversation by webhooks alone; None before a hand-off.
    """

    id: str
    site: str
    owner: str
    customer: str | None = None
    locale: str | None = None
    name: str | None = None
    person: PersonState | None = None
    person_name: str | None = None
    closed: bool = False
    note: str | None = None
    contact: str | None = None
    told: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a conversation; `data` is JSON on one line."""

    name: str
    data: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place in the stream, `<ms>-<n>`."""

    event_id: str
    name: str
    data: str


@dataclass(frozen=True, slots=True)
class Publication:
    """What one step adds to a conversation.

    Attributes:
        events: in order.
        key: published once under this key; "" for always.
        messages: JSON of the messages that the history gains.
        changes: fields of `WidgetConversation` to set; None clears one.
        feedback: what was said of messages, by their id.
    """

    events: Sequence[Event]
    key: str = ""
    messages: Sequence[str] = ()
    changes: Mapping[str, str | None] = field(default_factory=dict)
    feedback: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """A conversation in one consistent read: `last_event_id` is the event that `messages` are up to."""

    messages: tuple[dict[str, Any], ...]
    last_event_id: str
    feedback: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Events behind a place.

    Attributes:
        last_id: the place to go on from.
        is_gap: True if events behind that place are kept no more: what is in between is unknown.
    """

    events: tuple[StoredEvent, ...]
    last_id: str
    is_gap: bool = False


class WidgetConversations(Protocol):
    """Conversations as the widget shows them, any replica the same."""

    async def create(self, conversation: WidgetConversation) -> None:
        """Begin one; it is then the newest of its owner."""
        ...

    async def find(self, conversation_id: str) -> WidgetConversation | None:
        """None if it is unknown."""
        ...

    async def newest_of(self, owner: str) -> WidgetConversation | None:
        """The newest conversation of that owner; None if there is none, or it is closed."""
        ...

    async def publish(self, conversation_id: str, publication: Publication) -> bool:
        """Write all of it in one step and wake the streams. False, and nothing written, if the key is known."""
        ...

    async def is_published(self, conversation_id: str, key: str) -> bool:
        """True if something was published under that key."""
        ...

    async def history(self, conversation_id: str) -> History:
        """All messages that were published, oldest first."""
        ...

    async def events_after(self, wanted: Sequence[tuple[str, str | None]], most: int = 100) -> list[Page]:
        """For each conversation and place: what came after it; nothing, and the place of now, for None.

        All in one go, since thousands of streams look at once.
        """
        ...


class Wakes(Protocol):
    """Tells which conversations have new events."""

    async def listen(self, wake: Callable[[str | None], None]) -> None:
        """Call `wake` with each conversation's id, and with None when some may have been missed. Never returns."""
        ...


class Escalation(Protocol):
    """Passes a hand-off on to people."""

    async def open(self, entry: OutboxEntry, contact: str | None) -> str | None:
        """Open a ticket, once for each `entry.outbox_id` however often it is asked.

        Returns its number; None if the helpdesk has taken the request, and what it makes of it can't be known here.

        Args:
            entry: the hand-off; `summary` has the request, and a draft's `answer` is for the person alone.
            contact: an e-mail address that the customer left.

        Raises:
            HelpdeskUnavailable: try again.
            HelpdeskRefused: never.
        """
        ...
