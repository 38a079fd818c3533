"""Everything that Redis keeps of one conversation, to be read for its customer or removed. See `redis_keys` and its siblings."""

import json
from typing import Any, cast

from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_keys import CUSTOMERS, DEAD, ENTRIES, PENDING, UNANSWERED, conversation_keys
from agent.adapters.redis_shards import literally, shard_key, tag_of
from agent.site_settings import WIDGET_SOURCE
from agent.types import ConversationId

_WIDGET = ("about", "events", "keys", "messages", "feedback")
_SHADOW, _SHADOW_TIMES = "shadow:records", "shadow:times"
_HINTS, _DUE, _SAID = "hints:waiting", "links:due", "links:said"

_OURS = """
local function drop_fields(key, text, times)
    local gone, all = {}, redis.call('HGETALL', key)
    for i = 1, #all, 2 do
        if string.find(all[i + 1], text, 1, true) then
            table.insert(gone, all[i])
            redis.call('HDEL', key, all[i])
            if times then redis.call('ZREM', times, all[i]) end
        end
    end
    return gone
end
local function drop_members(key, ending)
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
        if string.sub(member, -#ending) == ending then redis.call('ZREM', key, member) end
    end
end
"""

# From now on nothing is sent, and nobody asks for a turn.
_SILENCE = Script(
    _OURS
    + """
local unanswered, entries, pending, hints = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
drop_members(pending, string.char(10) .. ARGV[1])
redis.call('ZREM', unanswered, ARGV[1])
redis.call('ZREM', hints, ARGV[1])
return drop_fields(entries, ARGV[2])
"""
)

# The index of customers last, and in the same step: what a crash leaves behind is found again.
_REMOVE = Script(
    _OURS
    + """
drop_fields(KEYS[1], ARGV[3])
drop_fields(KEYS[2], ARGV[2], KEYS[3])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('HDEL', KEYS[5], ARGV[1])
for place = 7, #KEYS do redis.call('DEL', KEYS[place]) end
drop_members(KEYS[6], string.char(10) .. ARGV[1])
return 1
"""
)


class RedisKept:
    """One conversation at a time. Every method raises `QueueUnavailable` when Redis can't be reached."""

    def __init__(self, client: RedisClient) -> None:
        self._redis = client

    async def linked(self, conversation_id: ConversationId) -> list[ConversationId]:
        """What stands for it, or what it stands for: a widget's conversation and its ticket."""
        with unavailable("read a link"):
            found = await self._redis.together([command("GET", key) for key in _links(conversation_id)])
        links = [json.loads(one) for one in found if one]
        both = {ConversationId(one[name]) for one in links for name in ("conversation_id", "ticket")}
        return sorted(both - {conversation_id})

    async def read(self, conversation_id: ConversationId) -> dict[str, Any]:
        """JSON values by what they are. Empty parts are left out."""
        meta, messages, *_ = conversation_keys(conversation_id)
        names = (ENTRIES, DEAD, _SHADOW)
        asked = [command("HGETALL", meta), command("LRANGE", messages, 0, -1)]
        asked += [command("HVALS", _key(conversation_id, name)) for name in names]
        about, events, _, shown, feedback = self._widget(conversation_id)
        asked += [command("HGETALL", about), command("LRANGE", shown, 0, -1), command("HGETALL", feedback)]
        asked += [command("XRANGE", events, "-", "+")]
        asked += [command("GET", key) for key in _links(conversation_id)]
        with unavailable("read what is kept of a conversation"):
            facts, said, entries, dead, shadow, about_it, shown_, said_of, stream, *links = await self._redis.together(asked)
        facts = dict(cast(dict[str, str], facts))
        proposal = facts.pop("proposal", None)
        facts.pop("customers", None)
        widget = {
            "about": about_it,
            "messages": [json.loads(one) for one in shown_],
            "feedback": {name: json.loads(one) for name, one in said_of.items()},
            "events": [_event(event_id, pairs) for event_id, pairs in stream],
        }
        kept = {
            "about": facts,
            "messages": [json.loads(one) for one in said],
            "proposal": json.loads(proposal) if proposal else None,
            "outbox": [json.loads(one) for one in entries if _text(conversation_id) in one],
            "undelivered": [_dead(one) for one in dead if _nested(conversation_id) in one],
            "shadow": [json.loads(one) for one in shadow if _text(conversation_id) in one],
            "widget": {name: value for name, value in widget.items() if value},
            "ticket": next((json.loads(one) for one in links if one), None),
        }
        return {name: value for name, value in kept.items() if value}

    async def silence(self, conversation_id: ConversationId) -> list[str]:
        """Take what waits to be sent out of the outbox, and the conversation out of what is owed. The ids of what was there."""
        keys = [_key(conversation_id, name) for name in (UNANSWERED, ENTRIES, PENDING, _HINTS)]
        with unavailable("empty a conversation's outbox"):
            (gone,) = await confirmed(self._redis, [_SILENCE(keys, [conversation_id, _text(conversation_id)])])
        return [str(one) for one in gone]

    async def remove(self, conversation_id: ConversationId) -> None:
        """Remove all of it, in one atomic step. Idempotent."""
        names = (DEAD, _SHADOW, _SHADOW_TIMES, _DUE, _SAID, CUSTOMERS)
        keys = [*(_key(conversation_id, name) for name in names), *_links(conversation_id)]
        keys += [*conversation_keys(conversation_id), *self._widget(conversation_id)]
        with unavailable("remove a conversation"):
            await confirmed(self._redis, [_REMOVE(keys, [conversation_id, _text(conversation_id), _nested(conversation_id)])])

    async def sweep(self, conversation_id: ConversationId) -> None:
        """Remove what is named after it beside all that: which of a helpdesk's deliveries were seen. Goes through all keys."""
        seen = _key(conversation_id, f"hints:seen:{conversation_id}:")
        with unavailable("remove what is left of a conversation"):
            keys = [str(key) async for key in self._redis.scan_iter(match=f"{literally(seen)}*", count=1000)]
            if keys:
                await self._redis.together([command("DEL", key) for key in keys])

    def _widget(self, conversation_id: ConversationId) -> list[str]:
        """Of a conversation elsewhere there are no such keys."""
        source, _, widget_id = conversation_id.partition(":")
        name = f"widget:{widget_id if source == WIDGET_SOURCE else ''}"
        return [_key(conversation_id, f"{name}:{part}") for part in _WIDGET]


def _key(conversation_id: ConversationId, name: str) -> str:
    return shard_key(tag_of(conversation_id), name)


def _links(conversation_id: ConversationId) -> list[str]:
    """Of a conversation that a ticket stands for, and of a ticket that stands for one."""
    return [_key(conversation_id, f"links:{kind}:{conversation_id}") for kind in ("conversation", "ticket")]


def _text(conversation_id: ConversationId) -> str:
    """As it stands in an entry's JSON. In what somebody wrote the quotes would be escaped."""
    return f'"conversation_id":{json.dumps(conversation_id)}'


def _nested(conversation_id: ConversationId) -> str:
    """As it stands in an entry that is a text in another."""
    return json.dumps(_text(conversation_id))[1:-1]


def _event(event_id: Any, pairs: Any) -> dict[str, Any]:
    values = pairs if isinstance(pairs, dict) else dict(zip(pairs[::2], pairs[1::2], strict=True))
    return {"id": str(event_id), "name": values["e"], "data": json.loads(values["d"])}


def _dead(text: str) -> dict[str, Any]:
    value = json.loads(text)
    return {**value, "entry": json.loads(value["entry"])}
