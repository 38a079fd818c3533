"""The policies of a running process: a changed folder is read, tested and taken over between two turns.

A turn keeps the pack that it began with. A pack that can't be used, or fails its own tests, is told and left alone: the last
good one stays.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from agent.adapters.language import LanguageDetector
from agent.errors import AgentError, QueueUnavailable
from agent.graph.examples import embed_examples
from agent.graph.state import TurnContext
from agent.grounding.second import SecondVerifier
from agent.ports import AuditEvent, AuditKind, AuditLog, Ticket
from agent.privacy.handling import rules_of
from agent.telemetry import POLICY_INFO, POLICY_RELOADS
from agent.turns import Turns
from agent.types import ConversationId, OutboxEntry, PolicyTrace, RunId
from agent.wiring.pack_reader import PackReader
from agent.wiring.parts import wish_table
from knowledge.errors import KnowledgeError
from policies.engine import PolicyEngine
from policies.errors import PolicyError, RulesInvalid
from policies.load import load_pack, pack_digest
from policies.testing import run_cases
from policies.types import Verifier

log = structlog.get_logger(__name__)

MOST_TOLD = 20
"""Of a pack's problems so many are logged."""

Verifiers = Callable[[PolicyEngine], Mapping[Verifier, SecondVerifier]]
"""What checks answers under a pack. Raises what makes the pack unusable here."""


class LivePolicies:
    """What turns work with now.

    Attributes:
        current: the context of turns that begin now.
    """

    def __init__(self, folder: Path, context: TurnContext, verifiers: Verifiers, audit: AuditLog | None = None) -> None:
        """Begin with a context that is built already.

        Args:
            folder: of the pack; may be swapped as a whole, or file by file.
            context: with the pack as it was read at the start.
            verifiers: see `Verifiers`.
            audit: told of each pack that is taken over, once however many processes do.
        """
        self.current = context
        self._folder = folder
        self._verifiers = verifiers
        self._seen: str | None = context.policies.stamp.sha256
        self._judged: str | None = self._seen
        self._audit = audit
        self._noted: str | None = None
        self._told: list[Callable[[PolicyEngine], None]] = []
        _show(context.policies, None)

    def on_swap(self, tell: Callable[[PolicyEngine], None]) -> None:
        """Have somebody told of each pack that is taken over."""
        self._told.append(tell)

    async def look(self) -> bool:
        """Take a changed folder over. True if that was done. Raises nothing of ours.

        A folder is read once it is the same in two looks one after the other: who copies files one by one isn't done before.
        """
        await self.note()
        digest = await asyncio.to_thread(pack_digest, self._folder)
        settled, self._seen = digest == self._seen, digest
        if not settled or digest == self._judged:
            return False
        if digest == self.current.policies.stamp.sha256:
            self._judged = digest  # a change was taken back
            return False
        try:
            context = await asyncio.to_thread(self._read)
        except (AgentError, KnowledgeError, PolicyError) as error:
            self._judged = digest
            self._reject(error)
            return False
        if context.policies.stamp.sha256 != digest:
            return False  # it has changed again meanwhile; the next look sees it
        self._judged = digest
        self._swap(context)
        await self.note()
        return True

    async def note(self) -> None:
        """Have the audit log know which pack decides. If Redis is away, the next look does it. Raises nothing of ours."""
        stamp = self.current.policies.stamp
        if self._audit is None or self._noted == stamp.sha256:
            return
        # Its id says when, since a pack may come back; that it is told once is the log's own care.
        event_id = f"pack:{stamp.sha256}:{time.time_ns()}"
        try:
            trace = PolicyTrace(stamp.version, stamp.sha256)
            await self._audit.record(AuditEvent(AuditKind.PACK, event_id, policy=trace))
        except QueueUnavailable as error:
            log.warning("policies_not_noted", detail=str(error))
            return
        self._noted = stamp.sha256

    async def watch(self, every_s: float) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self.look()

    def _read(self) -> TurnContext:
        pack = load_pack(self._folder)
        policies = PolicyEngine(pack)
        second = self._verifiers(policies)
        reader = PackReader(self.current.embedder, policies)
        failed = [result for result in run_cases(policies, pack.cases, reader) if not result.passed]
        if failed:
            raise RulesInvalid(tuple(f"{one.place}: the test {one.name!r} fails; see `innkeeper policy test`" for one in failed))
        examples: Any = embed_examples(self.current.embedder, policies.examples())
        wishes = wish_table(self.current.embedder, policies, self.current.profile)
        detect = LanguageDetector(policies.locales)
        now = replace(self.current, policies=policies, second=second, detect_language=detect)
        return replace(now, examples=examples, wishes=wishes, privacy=rules_of(policies.privacy, policies.locales))

    def _swap(self, context: TurnContext) -> None:
        before, self.current = self.current, context
        for tell in self._told:
            tell(context.policies)
        stamp = context.policies.stamp
        POLICY_RELOADS.labels("swapped").inc()
        _show(context.policies, before.policies)
        log.info("policies_swapped", version=stamp.version, sha256=stamp.sha256, before=before.policies.stamp.sha256)

    def _reject(self, error: Exception) -> None:
        POLICY_RELOADS.labels("rejected").inc()
        problems = error.problems if isinstance(error, RulesInvalid) else (str(error),)
        stays = self.current.policies.stamp
        log.error(
            "policies_rejected", problems=problems[:MOST_TOLD], count=len(problems), stays=stays.version, sha256=stays.sha256
        )


@dataclass(frozen=True, slots=True)
class LiveTurns:
    """Turns, each with the policies that hold when it begins. Has the methods of `Turns` that others call."""

    turns: Turns
    live: LivePolicies

    def now(self) -> Turns:
        """What a turn that begins now runs with, to its end."""
        return replace(self.turns, context=replace(self.live.current, desk=self.turns.context.desk))

    async def run_turn(self, conversation_id: ConversationId) -> OutboxEntry | None:
        """See `Turns.run_turn`."""
        return await self.now().run_turn(conversation_id)

    async def hand_over(self, conversation_id: ConversationId) -> None:
        """See `Turns.hand_over`."""
        await self.now().hand_over(conversation_id)

    async def request_person(self, ticket: Ticket, request_id: str, language: str | None) -> bool:
        """See `PersonRequests`."""
        return await self.now().request_person(ticket, request_id, language)

    async def approve(self, conversation_id: ConversationId, run_id: RunId, text: str | None, by: str = "") -> bool:
        """See `Approvals`."""
        return await self.now().approve(conversation_id, run_id, text, by)

    async def decline(self, conversation_id: ConversationId, run_id: RunId, by: str = "") -> bool:
        """See `Approvals`."""
        return await self.now().decline(conversation_id, run_id, by)

    async def expire(self, conversation_id: ConversationId) -> bool:
        """See `Turns.expire`."""
        return await self.now().expire(conversation_id)


@asynccontextmanager
async def watched(live: LivePolicies, every_s: float) -> AsyncIterator[None]:
    """Look at the folder every so many seconds while this is open; never for 0."""
    if every_s <= 0:
        yield
        return
    task = asyncio.create_task(live.watch(every_s))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _show(now: PolicyEngine, before: PolicyEngine | None) -> None:
    if before is not None:
        POLICY_INFO.labels(before.stamp.version, before.stamp.sha256).set(0)
    POLICY_INFO.labels(now.stamp.version, now.stamp.sha256).set(1)
