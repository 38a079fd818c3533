"""Conversations and the outbox on plain Redis (>= 7.0, or Valkey >= 8): hashes, lists, sets and Lua, no modules.

Keys, all under `innkeeper:`. Those of one conversation share the hash tag `{conversation_id}`:

    innkeeper:{id}:meta         hash    source, ticket_id, subject, length, answered, last_customer, handed_off, seen_at_person
    innkeeper:{id}:messages     list    one JSON each, oldest first
    innkeeper:{id}:ids          set     message ids that are known
    innkeeper:unanswered        zset    conversation id, by the time of the first message no outcome has seen
    innkeeper:outbox:entries    hash    outbox id -> JSON
    innkeeper:outbox:pending    zset    outbox id, by the time of its commit
    innkeeper:outbox:dead       hash    outbox id -> JSON with the reason; kept for a person

A commit touches a conversation and the indexes in one script, so all of it lives on one node: a single
server, or one with replicas. It does not run on Redis Cluster.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from agent.adapters import redis_scripts as scripts
from agent.adapters.records import dump_entry, dump_message, load_entry, load_message
from agent.errors import ConversationMissing, QueueUnavailable
from agent.ports import Ticket
from agent.types import (
    Author,
    Conversation,
    ConversationId,
    Decision,
    Message,
    MessageId,
    OutboxEntry,
    OutboxId,
    Outcome,
    RunId,
    outbox_id,
)

PREFIX = "innkeeper:"
MOST_CONNECTIONS = 64
_UNANSWERED = PREFIX + "unanswered"
_ENTRIES = PREFIX + "outbox:entries"
_PENDING = PREFIX + "outbox:pending"
_DEAD = PREFIX + "outbox:dead"


@dataclass(frozen=True, slots=True)
class DeadEntry:
    """An outcome that the helpdesk never took, and why. A person has to look at it."""

    entry: OutboxEntry
    reason: str
    at: str


@asynccontextmanager
async def redis_client(url: str, *, timeout_s: float = 5.0) -> AsyncIterator[Redis]:
    """A client for the stores: text replies, every call bounded, one quick retry for a stale connection.

    Many callers at once wait for one another's connections; the library's own pool would refuse the 101st.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=timeout_s,
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.02), 1),
    )
    client = Redis.from_pool(pool)
    try:
        yield client
    finally:
        await client.aclose()


async def is_ready(client: Redis) -> bool:
    """True if Redis answers now and takes writes. Never raises."""
    try:
        await client.set(PREFIX + "ready", "1", ex=60)
    except (RedisError, OSError, TimeoutError):
        return False
    return True


class RedisConversations:
    """`agent.ports.Conversations` on Redis."""

    def __init__(self, client: Redis) -> None:
        self._redis = client
        self._append = client.register_script(scripts.APPEND)
        self._commit = client.register_script(scripts.COMMIT)
        self._release = client.register_script(scripts.RELEASE)
        self._set_owner = client.register_script(scripts.SET_OWNER)
        self._give_back = client.register_script(scripts.GIVE_BACK)
        self._hand_off = client.register_script(scripts.HAND_OFF)

    async def append(self, ticket: Ticket, message: Message) -> bool:
        """Add a message. False, and nothing changes, if that id is known."""
        cid = ticket.conversation_id
        with unavailable("store a message"):
            added = await self._append(
                keys=[*_keys(cid), _UNANSWERED],
                args=[
                    cid,
                    message.message_id,
                    dump_message(message),
                    message.author.value,
                    _now_ms(),
                    ticket.source,
                    ticket.ticket_id,
                    ticket.subject or "",
                ],
            )
        return bool(added)

    async def read(self, conversation_id: ConversationId) -> Conversation:
        """Everything that was said so far, in one consistent read.

        Raises:
            ConversationMissing: nobody has ever written in it.
        """
        meta_key, messages_key, _ = _keys(conversation_id)
        with unavailable("read a conversation"):
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hgetall(meta_key)
                pipeline.lrange(messages_key, 0, -1)
                meta, messages = cast(tuple[dict[str, str], list[str]], await pipeline.execute())
        if not meta:
            raise ConversationMissing(f"there is no conversation {conversation_id!r}")
        return Conversation(
            conversation_id=conversation_id,
            source=meta["source"],
            ticket_id=meta["ticket_id"],
            messages=tuple(load_message(text) for text in messages),
            length=int(meta["length"]),
            answered=int(meta.get("answered", 0)),
            handed_off=meta.get("handed_off") == "1",
            subject=meta.get("subject"),
        )

    async def commit(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write the one outcome of a run in one atomic step; see the port.

        Committing the same run again gives the entry that is stored, while it is pending.
        """
        entry = None if outcome.decision is Decision.NO_REPLY else make_entry(conversation, run_id, outcome)
        reply = make_reply(entry) if entry else None
        cid = conversation.conversation_id
        with unavailable("commit an outcome"):
            stored = await self._commit(
                keys=[*_keys(cid), _UNANSWERED, _ENTRIES, _PENDING],
                args=[
                    cid,
                    conversation.length,
                    conversation.answered,
                    _now_ms(),
                    entry.outbox_id if entry else "",
                    dump_entry(entry) if entry else "",
                    dump_message(reply) if reply else "",
                    "1" if outcome.decision is Decision.HANDOFF else "",
                ],
            )
        return load_entry(stored) if stored else None

    async def release(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write what a person decided about the draft of `run_id`, in one atomic step, once; see the port."""
        entry = make_entry(conversation, run_id, outcome, released=True)
        reply = make_reply(entry)
        cid = conversation.conversation_id
        with unavailable("release a draft"):
            stored = await self._release(
                keys=[*_keys(cid), _ENTRIES, _PENDING],
                args=[
                    conversation.length,
                    _now_ms(),
                    entry.outbox_id,
                    dump_entry(entry),
                    dump_message(reply) if reply else "",
                    "1" if outcome.decision is Decision.HANDOFF else "",
                ],
            )
        return load_entry(stored) if stored else None

    async def set_owner(self, conversation_id: ConversationId, *, person: bool) -> None:
        """Write down whom the helpdesk shows as the owner; see the port."""
        with unavailable("write down who owns a conversation"):
            await self._set_owner(keys=[_keys(conversation_id)[0]], args=["1" if person else ""])

    async def give_back(self, conversation_id: ConversationId, note_id: MessageId) -> bool:
        """Make the conversation ours, once for each note; see the port."""
        meta, _, ids = _keys(conversation_id)
        with unavailable("give a conversation back"):
            return bool(await self._give_back(keys=[meta, ids], args=[f"given-back:{note_id}"]))

    async def hand_off(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write a hand-off that the customer asked for, in one atomic step, once; see the port."""
        entry = make_entry(conversation, run_id, outcome)
        reply = make_reply(entry)
        cid = conversation.conversation_id
        with unavailable("hand a conversation off"):
            stored = await self._hand_off(
                keys=[*_keys(cid), _UNANSWERED, _ENTRIES, _PENDING],
                args=[
                    cid,
                    conversation.length,
                    _now_ms(),
                    entry.outbox_id,
                    dump_entry(entry),
                    dump_message(reply) if reply else "",
                    conversation.source,
                    conversation.ticket_id,
                ],
            )
        return load_entry(stored) if stored else None

    async def unanswered(self) -> list[ConversationId]:
        """Conversations with a customer's message that no outcome has seen; longest waiting first."""
        with unavailable("list unanswered conversations"):
            found = cast(list[str], await self._redis.zrange(_UNANSWERED, 0, -1))
        return [ConversationId(cid) for cid in found]


class RedisOutbox:
    """`agent.ports.Outbox` on Redis."""

    def __init__(self, client: Redis) -> None:
        self._redis = client
        self._settle = client.register_script(scripts.SETTLE)

    async def pending(self) -> list[OutboxId]:
        """Oldest first."""
        with unavailable("list the outbox"):
            found = cast(list[str], await self._redis.zrange(_PENDING, 0, -1))
        return [OutboxId(outbox_id) for outbox_id in found]

    async def get(self, outbox_id: OutboxId) -> OutboxEntry | None:
        """None once it is delivered or given up."""
        with unavailable("read the outbox"):
            text = await cast(Awaitable[str | None], self._redis.hget(_ENTRIES, outbox_id))
        return load_entry(text) if text else None

    async def settle(self, outbox_id: OutboxId, *, delivered: bool, detail: str = "") -> None:
        """Confirmed, or given up for good and kept in `dead()`. Settling again changes nothing."""
        dead = ""
        if not delivered:
            entry = await self.get(outbox_id)
            if entry is None:
                return
            dead = json.dumps({"entry": dump_entry(entry), "reason": detail, "at": _now()})
        with unavailable("settle an outbox entry"):
            await self._settle(keys=[_ENTRIES, _PENDING, _DEAD], args=[outbox_id, dead])

    async def dead(self) -> list[DeadEntry]:
        """What was given up, for a person to look at; oldest first."""
        with unavailable("list the dead outbox entries"):
            found = await cast(Awaitable[dict[str, str]], self._redis.hgetall(_DEAD))
        values: list[dict[str, Any]] = [json.loads(text) for text in found.values()]
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
    )


def _keys(conversation_id: ConversationId) -> list[str]:
    return [f"{PREFIX}{{{conversation_id}}}:{part}" for part in ("meta", "messages", "ids")]


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Turn an error of Redis into `QueueUnavailable`."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise QueueUnavailable(
            f"Redis failed while trying to {what}: {error or type(error).__name__}. "
            "Nothing is lost; check that the server at INNKEEPER_REDIS_URL runs and takes writes."
        ) from error
