"""The outbox on Redis: what was decided and is still to be delivered, and what was given up."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.adapters import redis_scripts as scripts
from agent.adapters.records import dump_entry, load_entry
from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_keys import DEAD, ENTRIES, PENDING, oldest_first, pending_member, step_keys
from agent.adapters.redis_shards import TAGS, shard_key, tag_of
from agent.types import (
    Author,
    Conversation,
    ConversationId,
    Decision,
    Message,
    MessageId,
    OutboxEntry,
    OutboxId,
    OutboxKey,
    Outcome,
    RunId,
    outbox_id,
)


@dataclass(frozen=True, slots=True)
class DeadEntry:
    """An outcome that the helpdesk never took, and why. A person has to look at it."""

    entry: OutboxEntry
    reason: str
    at: str


class RedisOutbox:
    """`agent.ports.Outbox` on Redis."""

    def __init__(self, client: RedisClient, keep_s: int = 0) -> None:
        """`keep_s`: as of `RedisConversations`, whose time begins anew once nothing is owed."""
        self._redis = client
        self._keep_s = keep_s

    async def pending(self) -> list[OutboxKey]:
        """Oldest first."""
        with unavailable("list the outbox"):
            found = [member.partition("\n") for member in await oldest_first(self._redis, PENDING)]
        return [OutboxKey(ConversationId(conversation_id), OutboxId(one)) for one, _, conversation_id in found]

    async def get(self, key: OutboxKey) -> OutboxEntry | None:
        """None once it is delivered or given up."""
        entries = shard_key(tag_of(key.conversation_id), ENTRIES)
        with unavailable("read the outbox"):
            # Confirmed, since it is read to be sent: the sweep finds what was committed, confirmed or not.
            (text,) = await confirmed(self._redis, [command("HGET", entries, key.outbox_id)])
        return load_entry(text) if text else None

    async def settle(self, key: OutboxKey, *, delivered: bool, detail: str = "") -> None:
        """Confirmed, or given up for good and kept in `dead()`. Settling again changes nothing."""
        dead = ""
        if not delivered:
            entry = await self.get(key)
            if entry is None:
                return
            dead = json.dumps({"entry": dump_entry(entry), "reason": detail, "at": _now()})
        keys = step_keys(key.conversation_id, ENTRIES, PENDING, DEAD)
        args = [key.outbox_id, pending_member(key), dead, "1", self._keep_s]
        with unavailable("settle an outbox entry"):
            await confirmed(self._redis, [scripts.SETTLE(keys, args)])

    async def sizes(self) -> tuple[int, int]:
        """How many are pending, and how many were given up."""
        with unavailable("count the outbox entries"):
            pending = [command("ZCARD", shard_key(tag, PENDING)) for tag in TAGS]
            found = await self._redis.together([*pending, *(command("HLEN", shard_key(tag, DEAD)) for tag in TAGS)])
        return sum(found[: len(TAGS)]), sum(found[len(TAGS) :])

    async def dead(self) -> list[DeadEntry]:
        """What was given up, for a person to look at; oldest first."""
        with unavailable("list the dead outbox entries"):
            found = await self._redis.together([command("HVALS", shard_key(tag, DEAD)) for tag in TAGS])
        values: list[dict[str, Any]] = [json.loads(text) for shard in found for text in shard]
        entries = [DeadEntry(load_entry(value["entry"]), value["reason"], value["at"]) for value in values]
        return sorted(entries, key=lambda dead: dead.at)


def make_entry(conversation: Conversation, run_id: RunId, outcome: Outcome, *, released: bool = False) -> OutboxEntry:
    """The outbox entry of a run."""
    asked = [message for message in conversation.messages if message.author is Author.CUSTOMER]
    return OutboxEntry(
        outbox_id=outbox_id(run_id, released=released),
        conversation_id=conversation.conversation_id,
        source=conversation.source,
        ticket_id=conversation.ticket_id,
        run_id=run_id,
        in_reply_to=asked[-1].message_id if asked else MessageId(""),
        outcome=outcome,
        created_at=_now(),
    )


def make_reply(entry: OutboxEntry) -> Message | None:
    """What the conversation remembers of an outcome. None if it has no words; a draft is not visible."""
    if not entry.outcome.answer:
        return None
    return Message(
        message_id=MessageId(entry.outbox_id),
        author=Author.ASSISTANT,
        text=entry.outcome.answer,
        sent_at=entry.created_at,
        visible=entry.outcome.decision is not Decision.DRAFT,
        rules=entry.outcome.policy.rules,
        unanswered=entry.outcome.leaves_open,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()
