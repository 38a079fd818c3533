"""The widget's conversations and their events on plain Redis (>= 7.0, or Valkey >= 8).

Those of one conversation share its shard's tag, and last 30 days from the last thing that was published, or less if
conversations are kept for less and no person is waited for:

    innkeeper:{tag}:widget:<id>:about     hash    fields of `WidgetConversation`, and `added`: events ever added
    innkeeper:{tag}:widget:<id>:events    stream  e: name, d: JSON; the last 1,000 or so
    innkeeper:{tag}:widget:<id>:keys      set     keys that were published
    innkeeper:{tag}:widget:<id>:messages  list    JSON of each message, oldest first; the last 1,000
    innkeeper:{tag}:widget:<id>:feedback  hash    message id -> up or down with its reason, as JSON
    innkeeper:{tag}:widget:newest:<owner> string  id of the owner's newest conversation; the tag is the owner's
    innkeeper:widget:wake                 channel ids of conversations with new events; a cluster tells it all its nodes
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, cast

import structlog

from agent.adapters.redis_clients import FAILURES, RedisClient, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_customers import note_customer
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_shards import PREFIX, shard_key, tag_of
from agent.site_settings import WIDGET_SOURCE
from agent.types import ConversationId, Customer
from agent.widget_ports import History, Page, PersonState, Publication, StoredEvent, WidgetConversation

KEPT_S = 30 * 24 * 3600
MOST_EVENTS = 1000
MOST_MESSAGES = 1000
WAKE = PREFIX + "widget:wake"
LISTEN_S = 5.0
LONGEST_WAIT_S = 5.0
_TEXTS = ("site", "owner", "customer", "locale", "name", "person_name", "note", "contact")
_START = "0-0"

_CREATE = Script("""
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
""")

_LAST_LONGER = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 1
""")

_PUBLISH = Script("""
local about, events, keys, messages, feedback = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local given = cjson.decode(ARGV[3])
if ARGV[2] ~= '' and redis.call('SADD', keys, ARGV[2]) == 0 then return {0, ''} end
for _, event in ipairs(given.events) do
    redis.call('XADD', events, 'MAXLEN', '~', ARGV[5], '*', 'e', event[1], 'd', event[2])
end
redis.call('HINCRBY', about, 'added', #given.events)
for _, message in ipairs(given.messages) do redis.call('RPUSH', messages, message) end
if #given.messages > 0 then redis.call('LTRIM', messages, -tonumber(ARGV[6]), -1) end
for _, change in ipairs(given.changes) do
    if change[2] == '' then redis.call('HDEL', about, change[1]) else redis.call('HSET', about, change[1], change[2]) end
end
for _, said in ipairs(given.feedback) do redis.call('HSET', feedback, said[1], said[2]) end
local kept = redis.call('HGET', about, 'person') == ARGV[8] and ARGV[9] or ARGV[4]
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, kept) end
redis.call('PUBLISH', ARGV[7], ARGV[1])
return {1, redis.call('HGET', about, 'owner') or ''}
""")

# Something is missing between `after` and what is kept if any event was dropped and the oldest that is kept is newer. That
# the oldest may be the very next one can't be told, so one reload too many is possible. No place makes it fail: it runs for
# many streams in one go, and would fail for them all.
_AFTER = Script("""
local events, about, after, most = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)
local last = '0-0'
if #newest > 0 then last = newest[1][1] end
if after == '' then return {0, last, {}} end
if not string.find(after, '^%d+%-%d+$') then return {1, last, {}} end
local function place(id)
    local dash = string.find(id, '-', 1, true)
    return tonumber(string.sub(id, 1, dash - 1)), tonumber(string.sub(id, dash + 1))
end
local function before(a, b)
    local ams, an = place(a)
    local bms, bn = place(b)
    return ams < bms or (ams == bms and an < bn)
end
if before(last, after) then return {1, last, {}} end
local dropped = tonumber(redis.call('HGET', about, 'added') or '0') > redis.call('XLEN', events)
local oldest = redis.call('XRANGE', events, '-', '+', 'COUNT', 1)
if dropped and #oldest > 0 and before(after, oldest[1][1]) then return {1, last, {}} end
return {0, after, redis.call('XRANGE', events, '(' .. after, '+', 'COUNT', most)}
""")

# In one step, so that the place fits the messages.
_HISTORY = Script("""
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
return {redis.call('LRANGE', KEYS[1], 0, -1), newest, redis.call('HGETALL', KEYS[3])}
""")

log = structlog.get_logger(__name__)


class RedisWidgetConversations:
    """Implements `WidgetConversations`."""

    def __init__(self, client: RedisClient, most_events: int = MOST_EVENTS, keep_s: int = 0) -> None:
        """`keep_s`: how long conversations are kept; 0 for ever, which here is 30 days."""
        self._redis = client
        self._most_events = most_events
        self._kept_s = min(keep_s, KEPT_S) if keep_s else KEPT_S

    async def create(self, conversation: WidgetConversation) -> None:
        """See `WidgetConversations`."""
        key = _keys(conversation.id)[0]
        values = {field.name: getattr(conversation, field.name) for field in fields(conversation) if field.name != "id"}
        stored = {name: "1" if value is True else str(value) for name, value in values.items() if value not in (None, False)}
        pairs = [word for pair in stored.items() for word in pair]
        newest = command("SET", newest_key(conversation.owner), conversation.id, "EX", self._kept_s)
        if conversation.customer is not None:
            await self._note(conversation.id, Customer(customer_id=conversation.customer))
        with unavailable("begin a widget's conversation"):
            # In this order: what is the newest of its owner is there.
            await confirmed(self._redis, [_CREATE([key], [self._kept_s, *pairs])])
            await confirmed(self._redis, [newest])

    async def find(self, conversation_id: str) -> WidgetConversation | None:
        """See `WidgetConversations`."""
        with unavailable("find a widget's conversation"):
            (found,) = await self._redis.together([command("HGETALL", _keys(conversation_id)[0])])
        return _conversation(conversation_id, found)

    async def newest_of(self, owner: str) -> WidgetConversation | None:
        """See `WidgetConversations`."""
        with unavailable("find a customer's conversation"):
            (conversation_id,) = cast(list[str | None], await self._redis.together([command("GET", newest_key(owner))]))
        found = await self.find(conversation_id) if conversation_id else None
        return found if found and found.owner == owner and not found.closed else None

    async def publish(self, conversation_id: str, publication: Publication) -> bool:
        """See `WidgetConversations`."""
        given = {
            "events": [[event.name, event.data] for event in publication.events],
            "messages": list(publication.messages),
            "changes": [[name, value or ""] for name, value in publication.changes.items()],
            "feedback": list(publication.feedback.items()),
        }
        args: list[Any] = [
            conversation_id,
            publication.key,
            json.dumps(given),
            self._kept_s,
            self._most_events,
            MOST_MESSAGES,
            WAKE,
            PersonState.REQUESTED.value,
            KEPT_S,
        ]
        if contact := publication.changes.get("contact"):
            await self._note(conversation_id, Customer(email=contact))
        step = _PUBLISH(_keys(conversation_id), args)
        with unavailable("publish to a widget"):
            if not (publication.messages or publication.changes or publication.feedback or publication.key):
                await self._redis.together([step])  # what is being done at the moment; nothing to keep
                return True
            ((is_new, owner),) = await confirmed(self._redis, [step])
            if owner and publication.messages:
                await self._redis.together([_LAST_LONGER([newest_key(owner)], [conversation_id, self._kept_s])])
        return bool(is_new)

    async def _note(self, conversation_id: str, customer: Customer) -> None:
        """In the index first: what a crash leaves behind is found."""
        await note_customer(self._redis, ConversationId(f"{WIDGET_SOURCE}:{conversation_id}"), customer, KEPT_S)

    async def is_published(self, conversation_id: str, key: str) -> bool:
        """See `WidgetConversations`."""
        with unavailable("look for a widget's message"):
            (found,) = await self._redis.together([command("SISMEMBER", _keys(conversation_id)[2], key)])
        return bool(found)

    async def history(self, conversation_id: str) -> History:
        """See `WidgetConversations`."""
        _, events, _, messages, feedback = _keys(conversation_id)
        with unavailable("read a widget's conversation"):
            ((shown, newest, flat),) = await self._redis.together([_HISTORY([messages, events, feedback])])
        said = dict(zip(flat[::2], flat[1::2], strict=True))
        return History(tuple(json.loads(text) for text in shown), newest[0][0] if newest else _START, said)

    async def events_after(self, wanted: Sequence[tuple[str, str | None]], most: int = 100) -> list[Page]:
        """See `WidgetConversations`. A place is an id in Redis's form."""
        with unavailable("read the widgets' events"):
            asked = []
            for conversation_id, after in wanted:
                about, events, *_ = _keys(conversation_id)
                asked.append(_AFTER([events, about], [after or "", most]))
            return [_page(*found) for found in await self._redis.together(asked)]


class RedisWakes:
    """Implements `Wakes` on one connection."""

    def __init__(self, client: RedisClient) -> None:
        self._redis = client

    async def listen(self, wake: Callable[[str | None], None]) -> None:
        """See `Wakes`. While Redis is away it tries again, after five seconds at most."""
        wait_s = 0.1
        while True:
            try:
                await self._redis.initialize()
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(WAKE)
                    while True:
                        message = await channel.get_message(timeout=LISTEN_S)
                        if message is None:
                            continue
                        # The client subscribes by itself after it has lost the connection; what came meanwhile is lost.
                        wake(message["data"] if message["type"] == "message" else None)
                        wait_s = 0.1
            except FAILURES as error:
                log.warning("widget_wakes_lost", error=type(error).__name__, wait_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)


def _keys(conversation_id: str) -> list[str]:
    name = shard_key(tag_of(f"{WIDGET_SOURCE}:{conversation_id}"), f"widget:{conversation_id}")
    return [f"{name}:{part}" for part in ("about", "events", "keys", "messages", "feedback")]


def newest_key(owner: str) -> str:
    """Where it is kept which conversation is the newest of its owner."""
    return shard_key(tag_of(owner), f"widget:newest:{owner}")


def _conversation(conversation_id: str, found: dict[str, str]) -> WidgetConversation | None:
    if "owner" not in found:  # unknown, or published to after it had expired
        return None
    texts: dict[str, Any] = {name: found.get(name) for name in _TEXTS}
    person = PersonState(found["person"]) if found.get("person") else None
    told = int(found["told"]) if "told" in found else None
    return WidgetConversation(id=conversation_id, person=person, closed=found.get("closed") == "1", told=told, **texts)


def _page(is_gap: int, last_id: str, found: list[tuple[str, list[str]]]) -> Page:
    stored = tuple(_stored(event_id, pairs) for event_id, pairs in found)
    return Page(stored, stored[-1].event_id if stored else last_id, bool(is_gap))


def _stored(event_id: str, pairs: list[str]) -> StoredEvent:
    values = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return StoredEvent(event_id, values["e"], values["d"])
