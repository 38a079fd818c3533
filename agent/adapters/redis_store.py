"""Conversations and the outbox on plain Redis (>= 7.0, or Valkey >= 8): hashes, lists, sets and Lua, no modules.

Keys, all under `innkeeper:`. Those of one conversation share the tag of its shard, and so do the indexes that the shard
has of its own, so each step is one script in one slot of a cluster:

    innkeeper:{tag}:conversation:<id>:meta      hash  source, ticket_id, subject, begun, length, answered, last_customer,
                                                      handed_off, seen_at_person, waits_for_person, undelivered
    innkeeper:{tag}:conversation:<id>:messages  list  one JSON each, oldest first
    innkeeper:{tag}:conversation:<id>:ids       set   message ids that are known
    innkeeper:{tag}:conversation:<id>:waiting   hash  the turn whose draft waits for a person, see `checkpoints`
    innkeeper:{tag}:unanswered                  zset  conversation id, by the time of the first message no outcome has seen
    innkeeper:{tag}:outbox:entries              hash  outbox id -> JSON
    innkeeper:{tag}:outbox:pending              zset  outbox id, line end, conversation id, by the time of its commit
    innkeeper:{tag}:outbox:dead                 hash  outbox id -> JSON with the reason; kept for a person

A conversation's keys go together, so long after the last thing that happened in it. None goes while something is owed: a
message that no outcome has seen, an entry in the outbox, a draft or a hand-off that no person has taken up.

What is written, and what is read from the outbox to be delivered, is confirmed by the replicas that the settings ask for:
a reply that a fail-over could take back is not sent.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.adapters import redis_scripts as scripts
from agent.adapters.records import dump_entry, dump_message, load_entry, load_message
from agent.adapters.redis_clients import FAILURES, RedisClient, Script, command, confirmed, is_ready, redis_client
from agent.adapters.redis_shards import PREFIX, TAGS, shard_key, tag_of
from agent.errors import ConversationMissing, EgressRefused, QueueUnavailable
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
    OutboxKey,
    Outcome,
    RunId,
    outbox_id,
)

__all__ = [
    "PREFIX",
    "DeadEntry",
    "RedisConversations",
    "RedisOutbox",
    "is_ready",
    "make_entry",
    "make_reply",
    "redis_client",
    "unavailable",
]

_UNANSWERED = "unanswered"
_ENTRIES = "outbox:entries"
_PENDING = "outbox:pending"
_DEAD = "outbox:dead"


@dataclass(frozen=True, slots=True)
class DeadEntry:
    """An outcome that the helpdesk never took, and why. A person has to look at it."""

    entry: OutboxEntry
    reason: str
    at: str


class RedisConversations:
    """`agent.ports.Conversations` on Redis."""

    def __init__(self, client: RedisClient, keep_s: int = 0) -> None:
        """`keep_s`: so long after its last step a conversation is forgotten, unless something is owed; 0 keeps it for ever."""
        self._redis = client
        self._keep_s = keep_s

    async def append(self, ticket: Ticket, message: Message) -> bool:
        """Add a message. False, and nothing changes, if that id is known."""
        cid = ticket.conversation_id
        unanswered = shard_key(tag_of(cid), _UNANSWERED)
        with unavailable("store a message"):
            added = await self._step(
                scripts.APPEND,
                keys=[*_keys(cid)[:3], unanswered, *([waiting_key(cid)] if message.author is Author.HUMAN_AGENT else [])],
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
        meta_key, messages_key, *_ = _keys(conversation_id)
        with unavailable("read a conversation"):
            ((flat, messages),) = await self._redis.together([scripts.READ([meta_key, messages_key])])
        meta: dict[str, str] = dict(zip(flat[::2], flat[1::2], strict=True))
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
            begun=meta.get("begun", ""),
        )

    async def commit(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write the one outcome of a run in one atomic step; see the port.

        Committing the same run again gives the entry that is stored, while it is pending.
        """
        entry = None if outcome.decision is Decision.NO_REPLY else make_entry(conversation, run_id, outcome)
        reply = make_reply(entry) if entry else None
        cid = conversation.conversation_id
        with unavailable("commit an outcome"):
            stored = await self._step(
                scripts.COMMIT,
                keys=_step_keys(cid, _UNANSWERED, _ENTRIES, _PENDING),
                args=[
                    cid,
                    conversation.length,
                    conversation.answered,
                    _now_ms(),
                    entry.outbox_id if entry else "",
                    _pending_member(entry.key) if entry else "",
                    dump_entry(entry) if entry else "",
                    dump_message(reply) if reply else "",
                    outcome.decision.value,
                ],
            )
        return load_entry(stored) if stored else None

    async def release(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write what a person decided about the draft of `run_id`, in one atomic step, once; see the port."""
        entry = make_entry(conversation, run_id, outcome, released=True)
        reply = make_reply(entry)
        cid = conversation.conversation_id
        with unavailable("release a draft"):
            stored = await self._step(
                scripts.RELEASE,
                keys=_step_keys(cid, _ENTRIES, _PENDING),
                args=[
                    conversation.length,
                    _now_ms(),
                    entry.outbox_id,
                    _pending_member(entry.key),
                    dump_entry(entry),
                    dump_message(reply) if reply else "",
                    "1" if outcome.decision is Decision.HANDOFF else "",
                ],
            )
        return load_entry(stored) if stored else None

    async def set_owner(self, conversation_id: ConversationId, *, person: bool) -> None:
        """Write down whom the helpdesk shows as the owner; see the port."""
        with unavailable("write down who owns a conversation"):
            await self._step(scripts.SET_OWNER, keys=_keys(conversation_id), args=["1" if person else ""])

    async def give_back(self, conversation_id: ConversationId, note_id: MessageId) -> bool:
        """Make the conversation ours, once for each note; see the port."""
        with unavailable("give a conversation back"):
            return bool(await self._step(scripts.GIVE_BACK, keys=_keys(conversation_id), args=[f"given-back:{note_id}"]))

    async def hand_off(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write a hand-off that the customer asked for, in one atomic step, once; see the port."""
        entry = make_entry(conversation, run_id, outcome)
        reply = make_reply(entry)
        cid = conversation.conversation_id
        with unavailable("hand a conversation off"):
            stored = await self._step(
                scripts.HAND_OFF,
                keys=_step_keys(cid, _UNANSWERED, _ENTRIES, _PENDING),
                args=[
                    cid,
                    conversation.length,
                    _now_ms(),
                    entry.outbox_id,
                    _pending_member(entry.key),
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
            return [ConversationId(cid) for cid in await oldest_first(self._redis, _UNANSWERED)]

    async def _step(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """One atomic step. It counts once the replicas have it."""
        (found,) = await confirmed(self._redis, [script(keys, [*args, self._keep_s])])
        return found


class RedisOutbox:
    """`agent.ports.Outbox` on Redis."""

    def __init__(self, client: RedisClient, keep_s: int = 0) -> None:
        """`keep_s`: as of `RedisConversations`, whose time begins anew once nothing is owed."""
        self._redis = client
        self._keep_s = keep_s

    async def pending(self) -> list[OutboxKey]:
        """Oldest first."""
        with unavailable("list the outbox"):
            found = [member.partition("\n") for member in await oldest_first(self._redis, _PENDING)]
        return [OutboxKey(ConversationId(conversation_id), OutboxId(one)) for one, _, conversation_id in found]

    async def get(self, key: OutboxKey) -> OutboxEntry | None:
        """None once it is delivered or given up."""
        entries = shard_key(tag_of(key.conversation_id), _ENTRIES)
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
        keys = _step_keys(key.conversation_id, _ENTRIES, _PENDING, _DEAD)
        args = [key.outbox_id, _pending_member(key), dead, self._keep_s]
        with unavailable("settle an outbox entry"):
            await confirmed(self._redis, [scripts.SETTLE(keys, args)])

    async def sizes(self) -> tuple[int, int]:
        """How many are pending, and how many were given up."""
        with unavailable("count the outbox entries"):
            pending = [command("ZCARD", shard_key(tag, _PENDING)) for tag in TAGS]
            found = await self._redis.together([*pending, *(command("HLEN", shard_key(tag, _DEAD)) for tag in TAGS)])
        return sum(found[: len(TAGS)]), sum(found[len(TAGS) :])

    async def dead(self) -> list[DeadEntry]:
        """What was given up, for a person to look at; oldest first."""
        with unavailable("list the dead outbox entries"):
            found = await self._redis.together([command("HVALS", shard_key(tag, _DEAD)) for tag in TAGS])
        values: list[dict[str, Any]] = [json.loads(text) for shard in found for text in shard]
        entries = [DeadEntry(load_entry(value["entry"]), value["reason"], value["at"]) for value in values]
        return sorted(entries, key=lambda dead: dead.at)


async def oldest_first(client: RedisClient, name: str) -> list[str]:
    """The members of such a sorted set of every shard, by their scores."""
    scored = {"withscores": True, "score_cast_func": float}
    asked = [command("ZRANGE", shard_key(tag, name), 0, -1, "WITHSCORES", **scored) for tag in TAGS]
    found = [pair for shard in await client.together(asked) for pair in shard]
    return [str(member) for member, _ in sorted(found, key=lambda pair: pair[1])]


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


def waiting_key(conversation_id: str) -> str:
    """Where the turn of a conversation is kept whose draft waits for a person."""
    return shard_key(tag_of(conversation_id), f"conversation:{conversation_id}:waiting")


def _keys(conversation_id: ConversationId) -> list[str]:
    name = shard_key(tag_of(conversation_id), f"conversation:{conversation_id}")
    return [*(f"{name}:{part}" for part in ("meta", "messages", "ids")), waiting_key(conversation_id)]


def _step_keys(conversation_id: ConversationId, *indexes: str) -> list[str]:
    tag = tag_of(conversation_id)
    return [*_keys(conversation_id), *(shard_key(tag, index) for index in indexes)]


def _pending_member(key: OutboxKey) -> str:
    return f"{key.outbox_id}\n{key.conversation_id}"


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Turn an error of Redis into `QueueUnavailable`."""
    try:
        yield
    except FAILURES as error:
        if refused := _refusal(error):
            raise QueueUnavailable(
                f"Redis was not reached while trying to {what}: {refused}. Nothing is lost. If it is a node of your cluster, or "
                "a server that your sentinels have named, add it to INNKEEPER_REDIS_NODES and start again."
            ) from error
        raise QueueUnavailable(
            f"Redis failed while trying to {what}: {error or type(error).__name__}. "
            "Nothing is lost; check that the server at INNKEEPER_REDIS_URL runs and takes writes."
        ) from error


def _refusal(error: BaseException | None) -> str:
    """What the egress guard has said, if it was the guard: the library makes its refusal an error of a connection."""
    while error is not None:
        if isinstance(error, EgressRefused):
            return str(error).partition(": only ")[0]
        error = error.__cause__ or error.__context__
    return ""
