"""Fakes of the seams, held to the same contract tests as the real adapters."""

import datetime as dt
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np

from agent.adapters.redis_outbox import make_entry, make_reply
from agent.adapters.redis_store import RULED_AGAIN_S
from agent.errors import ConversationMissing
from agent.ports import ShadowRecord, Ticket
from agent.types import (
    Author,
    Conversation,
    ConversationId,
    Decision,
    DraftRuling,
    Message,
    MessageId,
    OutboxEntry,
    OutboxKey,
    Outcome,
    RunId,
    outbox_id,
)
from knowledge.terms import content_terms
from knowledge.types import Audience, Hit, Passage, Query, TokenStates, Vectors


class InMemoryShadowRecords:
    """`agent.ports.ShadowRecords` in a dict."""

    def __init__(self) -> None:
        self.records: dict[RunId, ShadowRecord] = {}

    async def record(self, record: ShadowRecord) -> None:
        self.records.setdefault(record.run_id, record)

    async def all(self) -> AsyncIterator[ShadowRecord]:
        for record in sorted(self.records.values(), key=lambda one: one.at):
            yield record


class InMemoryOutbox:
    """`agent.ports.Outbox` in a dict."""

    def __init__(self) -> None:
        self.entries: dict[OutboxKey, OutboxEntry] = {}
        self.delivered: list[OutboxEntry] = []
        self.given_up: list[tuple[OutboxEntry, str]] = []

    async def pending(self) -> list[OutboxKey]:
        return list(self.entries)

    async def get(self, key: OutboxKey) -> OutboxEntry | None:
        return self.entries.get(key)

    async def settle(self, key: OutboxKey, *, delivered: bool, detail: str = "") -> None:
        entry = self.entries.pop(key, None)
        if entry is None:
            return
        if delivered:
            self.delivered.append(entry)
        else:
            self.given_up.append((entry, detail))


class InMemoryConversations:
    """`agent.ports.Conversations` in a dict, committing to an `InMemoryOutbox`."""

    def __init__(self, outbox: InMemoryOutbox | None = None) -> None:
        self.outbox = outbox or InMemoryOutbox()
        self.conversations: dict[ConversationId, Conversation] = {}
        self.seen_at_person: set[ConversationId] = set()
        self.heeded: set[tuple[ConversationId, MessageId]] = set()
        self.again: dict[ConversationId, dt.datetime] = {}
        self.tool_failures: dict[ConversationId, tuple[int, int]] = {}

    async def append(self, ticket: Ticket, message: Message) -> bool:
        before = self.conversations.get(ticket.conversation_id) or Conversation(
            ticket.conversation_id, ticket.source, ticket.ticket_id, ()
        )
        if any(known.message_id == message.message_id for known in before.messages):
            return False
        self.conversations[ticket.conversation_id] = replace(
            before,
            messages=(*before.messages, message),
            length=before.length + 1,
            handed_off=before.handed_off or message.author is Author.HUMAN_AGENT,
            proposal=None if message.author is Author.HUMAN_AGENT else before.proposal,
            approval=None if message.author is Author.HUMAN_AGENT else before.approval,
            subject=before.subject or ticket.subject,
        )
        return True

    async def read(self, conversation_id: ConversationId) -> Conversation:
        if conversation_id not in self.conversations:
            raise ConversationMissing(f"there is no conversation {conversation_id!r}")
        known = self.conversations[conversation_id]
        count, length = self.tool_failures.get(conversation_id, (0, 0))
        return replace(known, tool_failures=count if length == known.length else 0)

    async def commit(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        entry = make_entry(conversation, run_id, outcome)
        if entry.key in self.outbox.entries:
            return self.outbox.entries[entry.key]
        now = await self.read(conversation.conversation_id)
        if (now.length, now.answered) != (conversation.length, conversation.answered) or not _waits(now):
            return None
        now = replace(now, answered=now.length, handed_off=now.handed_off or outcome.decision is Decision.HANDOFF)
        no_reply = outcome.decision is Decision.NO_REPLY
        if outcome.decision is Decision.HANDOFF:
            self.tool_failures.pop(now.conversation_id, None)
        if not no_reply:
            now = replace(now, approval=outcome.approval, ruling=None)
            self.again.pop(now.conversation_id, None)
        now = replace(now, proposal=None if no_reply else outcome.proposal)
        reply = None if no_reply else make_reply(entry)
        if reply:
            now = replace(now, messages=(*now.messages, reply), length=now.length + 1)
        self.conversations[now.conversation_id] = now
        if no_reply:
            return None
        self.outbox.entries[entry.key] = entry
        return entry

    async def release(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        entry = make_entry(conversation, run_id, outcome, released=True)
        now = await self.read(conversation.conversation_id)
        reply = make_reply(entry)
        is_newest = now.length == conversation.length
        if not (is_newest or now.ruling) or reply is None or any(m.message_id == entry.outbox_id for m in now.messages):
            return None
        answered = now.answered if _waits(now) else now.length + 1
        now = replace(now, messages=(*now.messages, reply), length=now.length + 1, answered=answered)
        self.again.pop(now.conversation_id, None)
        now = replace(now, proposal=None, approval=None, ruling=None)
        now = replace(now, handed_off=now.handed_off or outcome.decision is Decision.HANDOFF)
        self.conversations[now.conversation_id] = now
        self.outbox.entries[entry.key] = entry
        return entry

    async def rule(self, conversation: Conversation, ruling: DraftRuling) -> DraftRuling | None:
        now = await self.read(conversation.conversation_id)
        released = outbox_id(ruling.run_id, released=True)
        if now.ruling is None:
            if now.length != conversation.length or any(m.message_id == released for m in now.messages):
                return None
            now = self.conversations[now.conversation_id] = replace(now, ruling=ruling)
        self.again[now.conversation_id] = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=RULED_AGAIN_S)
        return now.ruling

    async def note_tool_failure(self, conversation: Conversation) -> int:
        cid = conversation.conversation_id
        if cid not in self.conversations:
            return 0
        count, _ = self.tool_failures.get(cid, (0, 0))
        self.tool_failures[cid] = (count + 1, conversation.length)
        return count + 1

    async def overdue(self, now: dt.datetime) -> list[ConversationId]:
        waits = {cid: one.approval for cid, one in self.conversations.items() if one.approval}
        due = {cid: dt.datetime.fromisoformat(one.until) for cid, one in waits.items() if one.until}
        due |= self.again
        return [cid for cid, at in sorted(due.items(), key=lambda one: one[1]) if at <= now]

    async def forget_approval(self, conversation: Conversation) -> None:
        now = self.conversations.get(conversation.conversation_id)
        if now and (now.length, now.ruling) == (conversation.length, conversation.ruling):
            self.conversations[now.conversation_id] = replace(now, approval=None, ruling=None)
            self.again.pop(now.conversation_id, None)

    async def set_owner(self, conversation_id: ConversationId, *, person: bool) -> None:
        now = self.conversations.get(conversation_id)
        if now is None or (not person and conversation_id not in self.seen_at_person):
            return
        (self.seen_at_person.add if person else self.seen_at_person.discard)(conversation_id)
        now = replace(now, proposal=None, approval=None) if person else now
        self.conversations[conversation_id] = replace(now, handed_off=person)

    async def give_back(self, conversation_id: ConversationId, note_id: MessageId) -> bool:
        now = self.conversations.get(conversation_id)
        if now is None or (conversation_id, note_id) in self.heeded:
            return False
        self.heeded.add((conversation_id, note_id))
        self.seen_at_person.discard(conversation_id)
        self.conversations[conversation_id] = replace(now, handed_off=False, approval=None)
        return True

    async def hand_off(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        entry = make_entry(conversation, run_id, outcome)
        now = self.conversations.get(conversation.conversation_id) or replace(conversation, messages=(), length=0)
        if now.handed_off or now.length != conversation.length:
            return None
        now = replace(now, handed_off=True, answered=now.length, proposal=None, approval=None)
        if reply := make_reply(entry):
            now = replace(now, messages=(*now.messages, reply), length=now.length + 1)
        self.conversations[now.conversation_id] = now
        self.outbox.entries[entry.key] = entry
        return entry

    async def unanswered(self) -> list[ConversationId]:
        return [cid for cid, conversation in self.conversations.items() if _waits(conversation)]


class InMemoryTicketHints:
    """`agent.ports.TicketHints` in dicts."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        self.hints: dict[ConversationId, int] = {}
        self.cursors: dict[str, str] = {}
        self.count = 0

    async def add(self, conversation_id: ConversationId, delivery: str, digest: str) -> bool:
        if self.seen.get(delivery) == digest:
            return False
        self.seen[delivery] = digest
        self.count += 1
        self.hints[conversation_id] = self.count
        return True

    async def waiting(self) -> list[ConversationId]:
        return sorted(self.hints, key=lambda one: self.hints[one])

    async def stamp(self, conversation_id: ConversationId) -> str | None:
        return str(self.hints[conversation_id]) if conversation_id in self.hints else None

    async def done(self, conversation_id: ConversationId, stamp: str | None) -> None:
        if conversation_id in self.hints and str(self.hints[conversation_id]) == stamp:
            del self.hints[conversation_id]

    async def cursor(self, source: str) -> str | None:
        return self.cursors.get(source)

    async def keep_cursor(self, source: str, cursor: str) -> None:
        self.cursors[source] = cursor


class InMemoryQueue:
    """`agent.ports.TurnQueue` that only remembers what it was asked for."""

    def __init__(self) -> None:
        self.turns: list[tuple[ConversationId, str]] = []
        self.deliveries: list[OutboxKey] = []

    async def add_turn(self, conversation_id: ConversationId, message_id: str) -> None:
        if (conversation_id, message_id) not in self.turns:
            self.turns.append((conversation_id, message_id))

    async def add_delivery(self, key: OutboxKey) -> None:
        if key not in self.deliveries:
            self.deliveries.append(key)


def _waits(conversation: Conversation) -> bool:
    return any(message.author is Author.CUSTOMER for message in conversation.messages[conversation.answered :])


class HashedWordsEmbedder:
    """`agent.ports.Embedder` without a model: texts that share content words are near each other."""

    name = "hashed-words"

    def __init__(self, size: int = 512) -> None:
        self.size = size

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), self.size), np.float32)
        for row, text in zip(found, texts, strict=True):
            for term in content_terms(text) or [text]:
                row[zlib.crc32(term.encode()) % self.size] += 1.0
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


class HashedPiecesEmbedder(HashedWordsEmbedder):
    """`knowledge.types.TokenReader` beside it: a piece is a word or a mark, and has a little of its neighbours."""

    def __init__(self, token_model: str = "hashed-pieces", size: int = 512) -> None:
        super().__init__(size)
        self.model = token_model
        self.read: list[str] = []

    def token_model(self) -> str:
        return self.model

    def token_states(self, texts: Sequence[str]) -> list[TokenStates]:
        self.read += texts
        return [self._states(text) for text in texts]

    def _states(self, text: str) -> TokenStates:
        found = list(re.finditer(r"\w+|[^\w\s]", text))
        ids = tuple(zlib.crc32(match[0].lower().encode()) % self.size for match in found)
        own = np.eye(self.size, dtype=np.float32)[list(ids)]
        states = own.copy()
        states[1:] += 0.2 * own[:-1]
        states[:-1] += 0.2 * own[1:]
        states /= np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-9)
        return TokenStates(states, tuple(match.span() for match in found), ids)


class InMemoryRetriever:
    """`agent.ports.Retriever` over a few passages, by likeness alone."""

    def __init__(self, embedder: HashedWordsEmbedder, passages: Sequence[Passage]) -> None:
        self.embedder = embedder
        self.passages = passages
        self.queries: list[Query] = []

    def search(self, query: Query) -> list[Hit]:
        self.queries.append(query)
        shown = [p for p in self.passages if p.audience in query.audiences]
        if not shown:
            return []
        vectors = self.embedder.embed([query.text, *(f"{p.title} {p.text}" for p in shown)])
        near = [max(0.0, float(v)) for v in vectors[1:] @ vectors[0]]
        hits = [Hit(p, score=n, dense=n, lexical=10 * n, nearest=n) for p, n in zip(shown, near, strict=True)]
        return sorted(hits, key=lambda hit: -hit.score)[: query.k]

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        own = [p for p in self.passages if p.doc_id == passage.doc_id and p.audience in audiences]
        return sorted(own, key=lambda p: p.ordinal)
