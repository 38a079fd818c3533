"""What would have been sent in shadow mode, on plain Redis: kept for people to read, never delivered.

    innkeeper:{tag}:shadow:records    hash    run id -> JSON
    innkeeper:{tag}:shadow:times      zset    run id, by the time it was recorded

`tag` is that of the conversation's shard, and each shard keeps its part of them. What is older than conversations are kept
goes when the shard gets another, and all of it once none has come for so long.
"""

import dataclasses
import datetime as dt
import json
from collections.abc import AsyncIterator

from agent.adapters.records import dump_message, dump_outcome, load_message, load_outcome
from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_shards import SHARDS, TAGS, shard_key, tag_of
from agent.ports import ShadowRecord
from agent.privacy.handling import PersonalRules, RulesInForce
from agent.types import ConversationId, RunId

MOST = 10_000
"""So many are kept, the same part of them in each shard; the oldest go first."""
PAGE = 100
_RECORDS = "shadow:records"
_TIMES = "shadow:times"
# A run that is tried again after a crash has decided the same: the first record stays.
_RECORD = Script("""
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
local over, kept_s, gone = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4]), tonumber(ARGV[5]), {}
if over > 0 then gone = redis.call('ZRANGE', KEYS[2], 0, over - 1) end
if kept_s > 0 then
    for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', tonumber(ARGV[3]) - kept_s)) do table.insert(gone, old) end
    for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, kept_s) end
end
for _, old in ipairs(gone) do
    redis.call('HDEL', KEYS[1], old)
    redis.call('ZREM', KEYS[2], old)
end
return 1
""")


class RedisShadowRecords:
    """Implements `ShadowRecords`."""

    def __init__(
        self,
        client: RedisClient,
        most: int = MOST // SHARDS,
        keep_s: int = 0,
        privacy: PersonalRules | RulesInForce | None = None,
    ) -> None:
        """`most`: of each shard. `keep_s`: how long; 0 for ever. `privacy`: of what is kept; careful rules if not given."""
        self._privacy = privacy or PersonalRules()
        self._client = client
        self._most = most
        self._keep_s = keep_s

    async def record(self, record: ShadowRecord) -> None:
        """See `ShadowRecords`."""
        at = record.at.timestamp()
        tag = tag_of(record.conversation_id)
        keys = [shard_key(tag, _RECORDS), shard_key(tag, _TIMES)]
        with unavailable("write a shadow record"):
            args = [record.run_id, _dump(self._cleaned(record)), f"{at:.3f}", self._most, self._keep_s]
            await confirmed(self._client, [_RECORD(keys, args)])

    def _cleaned(self, record: ShadowRecord) -> ShadowRecord:
        clean = self._privacy.for_index
        said = tuple(dataclasses.replace(message, text=clean(message.text)) for message in record.messages)
        summary = None if record.outcome.summary is None else clean(record.outcome.summary)
        # What an answer says of the company's own is nobody's secret, and replaying compares it.
        answer = clean(record.outcome.answer, "\n".join(message.text for message in record.messages))
        outcome = dataclasses.replace(record.outcome, answer=answer, summary=summary)
        return dataclasses.replace(record, messages=said, outcome=outcome)

    async def all(self) -> AsyncIterator[ShadowRecord]:
        """See `ShadowRecords`."""
        with unavailable("list the shadow records"):
            scored = {"withscores": True, "score_cast_func": float}
            asked = [command("ZRANGE", shard_key(tag, _TIMES), 0, -1, "WITHSCORES", **scored) for tag in TAGS]
            listed = await self._client.together(asked)
        times = sorted((at, tag, run_id) for tag, shard in zip(TAGS, listed, strict=True) for run_id, at in shard)
        for begin in range(0, len(times), PAGE):
            page = times[begin : begin + PAGE]
            with unavailable("read the shadow records"):
                found = await self._client.together([command("HGET", shard_key(tag, _RECORDS), one) for _, tag, one in page])
            for text in found:
                if text is not None:  # gone meanwhile
                    yield _load(text)


def _dump(record: ShadowRecord) -> str:
    value = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    value["at"] = record.at.isoformat()
    value["messages"] = [json.loads(dump_message(message)) for message in record.messages]
    value["outcome"] = dump_outcome(record.outcome)
    return json.dumps(value, separators=(",", ":"))


def _load(text: str) -> ShadowRecord:
    value = json.loads(text)
    return ShadowRecord(
        run_id=RunId(value["run_id"]),
        conversation_id=ConversationId(value["conversation_id"]),
        at=dt.datetime.fromisoformat(value["at"]),
        messages=tuple(load_message(json.dumps(message)) for message in value["messages"]),
        outcome=load_outcome(value["outcome"]),
    )
