"""Conversations on plain Redis (>= 7.0, or Valkey >= 8): hashes, lists, sets and Lua, no modules. Its keys: `redis_keys`.

What is written, and what is read from the outbox to be delivered, is confirmed by the replicas that the settings ask for:
a reply that a fail-over could take back is not sent.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from agent.adapters import redis_scripts as scripts
from agent.adapters.records import (
    dump_approval,
    dump_entry,
    dump_message,
    dump_proposal,
    dump_ruling,
    load_approval,
    load_entry,
    load_message,
    load_proposal,
    load_ruling,
)
from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import Script
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_keys import (
    APPROVALS,
    CUSTOMERS,
    ENTRIES,
    PENDING,
    UNANSWERED,
    conversation_keys,
    customer_names,
    oldest_first,
    pending_member,
    step_keys,
    waiting_key,
)
from agent.adapters.redis_outbox import make_entry, make_reply
from agent.adapters.redis_shards import shard_key, tag_of
from agent.errors import ConversationMissing
from agent.ports import Ticket
from agent.privacy.handling import PersonalRules, RulesInForce
from agent.types import (
    Author,
    Conversation,
    ConversationId,
    Decision,
    DraftRuling,
    Message,
    MessageId,
    OutboxEntry,
    Outcome,
    Ruled,
    RunId,
    outbox_id,
)

RULED_AGAIN_S = 60
"""A ruling that is not released by then is carried out again: whoever made it may be dead."""


class RedisConversations:
    """`agent.ports.Conversations` on Redis."""

    def __init__(self, client: RedisClient, keep_s: int = 0, privacy: PersonalRules | RulesInForce | None = None) -> None:
        """`keep_s`: so long after its last step a conversation is forgotten, unless something is owed; 0 keeps it for ever.

        `privacy`: what becomes of personal data in a message before it is stored; careful rules if not given.
        """
        self._redis = client
        self._keep_s = keep_s
        self._privacy = privacy or PersonalRules()

    async def append(self, ticket: Ticket, message: Message) -> bool:
        """Add a message. False, and nothing changes, if that id is known."""
        cid = ticket.conversation_id
        message = replace(message, text=self._privacy.at_the_door(message.text))
        unanswered, customers = (shard_key(tag_of(cid), index) for index in (UNANSWERED, CUSTOMERS))
        names, is_person = customer_names(message.customer), message.author is Author.HUMAN_AGENT
        keys = [*conversation_keys(cid)[:3], unanswered, *([waiting_key(cid)] if is_person else [])]
        args = [
            cid,
            message.message_id,
            dump_message(message),
            message.author.value,
            _now_ms(),
            ticket.source,
            ticket.ticket_id,
            self._privacy.at_the_door(ticket.subject or ""),
            " ".join(names),
        ]
        with unavailable("store a message"):
            if names or is_person:
                added = await self._step(scripts.APPEND, [*keys, customers], args)
            else:
                added = await self._step(scripts.APPEND, keys, args, indexed=False)
                if added == -1:  # somebody who is known has written in it
                    added = await self._step(scripts.APPEND, [*keys, customers], args)
        return bool(added)

    async def read(self, conversation_id: ConversationId) -> Conversation:
        """Everything that was said so far, in one consistent read.

        Raises:
            ConversationMissing: nobody has ever written in it.
        """
        meta_key, messages_key, *_ = conversation_keys(conversation_id)
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
            proposal=load_proposal(meta["proposal"]) if "proposal" in meta else None,
            approval=load_approval(meta["approval"]) if "approval" in meta else None,
            ruling=load_ruling(meta["ruling"]) if "ruling" in meta else None,
            tool_failures=int(meta["tool_failures"]) if meta.get("tools_failed_at") == meta["length"] else 0,
        )

    async def commit(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write the one outcome of a run in one atomic step; see the port.

        Committing the same run again gives the entry that is stored, while it is pending.
        """
        entry = None if outcome.decision is Decision.NO_REPLY else make_entry(conversation, run_id, outcome)
        reply = make_reply(entry) if entry else None
        approval = outcome.approval if entry else None
        keeps_draft = approval is not None and outcome.decision is not Decision.DRAFT
        cid = conversation.conversation_id
        with unavailable("commit an outcome"):
            stored = await self._step(
                scripts.COMMIT,
                keys=step_keys(cid, UNANSWERED, ENTRIES, PENDING, APPROVALS),
                args=[
                    cid,
                    conversation.length,
                    conversation.answered,
                    _now_ms(),
                    entry.outbox_id if entry else "",
                    pending_member(entry.key) if entry else "",
                    dump_entry(entry) if entry else "",
                    dump_message(reply) if reply else "",
                    outcome.decision.value,
                    dump_proposal(outcome.proposal) if entry and outcome.proposal else "",
                    dump_approval(approval) if approval else "",
                    _ms(approval.until) if approval and approval.until else "",
                    "1" if keeps_draft else "",
                ],
            )
        return load_entry(stored) if stored else None

    async def rule(self, conversation: Conversation, ruling: DraftRuling) -> DraftRuling | None:
        """Write down what is decided about a draft, in one atomic step; see the port."""
        cid, now_ms = conversation.conversation_id, _now_ms()
        with unavailable("rule on a draft"):
            standing = await self._step(
                scripts.RULE,
                keys=step_keys(cid, APPROVALS),
                args=[
                    cid,
                    conversation.length,
                    outbox_id(ruling.run_id, released=True),
                    dump_ruling(ruling),
                    now_ms + RULED_AGAIN_S * 1000,
                ],
            )
        return load_ruling(standing) if standing else None

    async def note_tool_failure(self, conversation: Conversation) -> int:
        """Count a call that has failed; see the port."""
        with unavailable("count a call that has failed"):
            keys, args = step_keys(conversation.conversation_id), [conversation.length]
            return int(await self._step(scripts.NOTE_TOOL_FAILURE, keys=keys, args=args))

    async def overdue(self, now: datetime) -> list[ConversationId]:
        """Where what waits for a person has waited too long; see the port."""
        with unavailable("list what waits for a person"):
            found = await oldest_first(self._redis, APPROVALS, int(now.timestamp() * 1000))
        return [ConversationId(cid) for cid in found]

    async def forget_approval(self, conversation: Conversation) -> None:
        """Nothing waits for a person here; see the port."""
        cid, ruling = conversation.conversation_id, conversation.ruling
        args = [cid, conversation.length, dump_ruling(ruling) if ruling else ""]
        with unavailable("forget what waited for a person"):
            await self._step(scripts.FORGET_APPROVAL, keys=step_keys(cid, APPROVALS), args=args)

    async def release(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write what a person decided about the draft of `run_id`, in one atomic step, once; see the port."""
        entry = make_entry(conversation, run_id, outcome, released=True)
        reply = make_reply(entry)
        cid, is_handoff = conversation.conversation_id, outcome.decision is Decision.HANDOFF
        is_late = conversation.ruling is not None and conversation.ruling.ruled is Ruled.TIMED_OUT
        with unavailable("release a draft"):
            stored = await self._step(
                scripts.RELEASE,
                keys=step_keys(cid, ENTRIES, PENDING, APPROVALS),
                args=[
                    conversation.length,
                    _now_ms(),
                    entry.outbox_id,
                    pending_member(entry.key),
                    dump_entry(entry),
                    dump_message(reply) if reply else "",
                    "1" if is_handoff else "",
                    "1" if is_handoff and is_late else "",
                    cid,
                ],
            )
        return load_entry(stored) if stored else None

    async def set_owner(self, conversation_id: ConversationId, *, person: bool) -> None:
        """Write down whom the helpdesk shows as the owner; see the port."""
        with unavailable("write down who owns a conversation"):
            await self._step(scripts.SET_OWNER, keys=step_keys(conversation_id), args=["1" if person else ""])

    async def give_back(self, conversation_id: ConversationId, note_id: MessageId) -> bool:
        """Make the conversation ours, once for each note; see the port."""
        with unavailable("give a conversation back"):
            return bool(await self._step(scripts.GIVE_BACK, keys=step_keys(conversation_id), args=[f"given-back:{note_id}"]))

    async def hand_off(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        """Write a hand-off that the customer asked for, in one atomic step, once; see the port."""
        entry = make_entry(conversation, run_id, outcome)
        reply = make_reply(entry)
        cid = conversation.conversation_id
        with unavailable("hand a conversation off"):
            stored = await self._step(
                scripts.HAND_OFF,
                keys=step_keys(cid, UNANSWERED, ENTRIES, PENDING),
                args=[
                    cid,
                    conversation.length,
                    _now_ms(),
                    entry.outbox_id,
                    pending_member(entry.key),
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
            return [ConversationId(cid) for cid in await oldest_first(self._redis, UNANSWERED)]

    async def _step(self, script: Script, keys: Sequence[str], args: Sequence[Any], *, indexed: bool = True) -> Any:
        """One atomic step. It counts once the replicas have it. `indexed`: the last key is the index of customers."""
        (found,) = await confirmed(self._redis, [script(keys, [*args, "1" if indexed else "", self._keep_s])])
        return found


def _ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
