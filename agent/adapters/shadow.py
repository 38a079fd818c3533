"""What would have been sent in shadow mode, on plain Redis: kept for people to read, never delivered.

innkeeper:shadow:records    hash    run id -> JSON
innkeeper:shadow:times      zset    run id, by the time it was recorded
"""

import dataclasses
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import cast

from redis.asyncio import Redis

from agent.adapters.records import dump_message, dump_outcome, load_message, load_outcome
from agent.adapters.redis_store import PREFIX, unavailable
from agent.ports import ShadowRecord
from agent.types import ConversationId, RunId

MOST = 10_000
"""So many are kept; the oldest go first."""
PAGE = 100
_RECORDS = PREFIX + "shadow:records"
_TIMES = PREFIX + "shadow:times"
# A run that is tried again after a crash has decided the same: the first record stays.
_RECORD = """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if over > 0 then
    for _, old in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
        redis.call('HDEL', KEYS[1], old)
        redis.call('ZREM', KEYS[2], old)
    end
end
return 1
"""


class RedisShadowRecords:
    """Implements `ShadowRecords`."""

    def __init__(self, client: Redis, most: int = MOST) -> None:
        self._client = client
        self._most = most
        self._record = client.register_script(_RECORD)

    async def record(self, record: ShadowRecord) -> None:
        """See `ShadowRecords`."""
        at = record.at.timestamp()
        with unavailable("write a shadow record"):
            await self._record(keys=[_RECORDS, _TIMES], args=[record.run_id, _dump(record), f"{at:.3f}", self._most])

    async def all(self) -> AsyncIterator[ShadowRecord]:
        """See `ShadowRecords`."""
        at = 0
        while True:
            with unavailable("read the shadow records"):
                run_ids = cast(list[str], await self._client.zrange(_TIMES, at, at + PAGE - 1))
                found = cast(list[str | None], await self._client.hmget(_RECORDS, run_ids)) if run_ids else []
            for text in found:
                if text is not None:  # gone meanwhile
                    yield _load(text)
            if len(run_ids) < PAGE:
                return
            at += PAGE


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
