"""`innkeeper customer erase`: removes everything that is kept of a customer.

What an erasure has found is written down before anything goes, and forgotten at its end: a conversation that is gone leads to no
other one any more. So after a crash the same command goes on, whatever it names the customer by.
"""

import asyncio
import json
import secrets
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from agent.adapters.redis_audit import CONVERSATION, CUSTOMER
from agent.adapters.redis_clients import confirmed
from agent.adapters.redis_commands import command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_files import Rewritten, rewrite_files
from agent.adapters.redis_shards import PREFIX
from agent.adapters.widget_store import newest_key
from agent.channels.desk_store import DeskStore
from agent.errors import ErasureFailed
from agent.ports import AuditEvent, AuditKind
from agent.privacy.traces import blacken, files_with
from agent.types import ConversationId, RunId, outbox_id
from agent.wiring.customers import Known, Named, Stores, Told

_BEGUN = PREFIX + "{innkeeper-customers}:erasures"
"""A hash: the place of each erasure that was begun and not ended -> JSON of what it has found."""
_FOUND = ("ids", "emails", "named", "conversations", "runs")
_ROUNDS = 3
"""Something may be written while we erase, as by an approval that runs in the API; after so many times it is told."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done.

    Attributes:
        unsent: replies and hand-offs that were not delivered, and never will be.
        tickets: of the demo desk.
        files: what became of Redis' own files.
        still_named: files of the data folder that hold the customer's name, address, a conversation's id or a turn's.
    """

    conversations: int
    unsent: int
    sessions: int
    actions: int
    tickets: int
    files: tuple[Rewritten, ...]
    still_named: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure that was begun, by its random `place`, and what it has found; nothing any more if only files are left to do.

    Attributes:
        pseudonym: of the customer in the audit log when it was begun; empty if they have no name.
        named: conversations that it was given.
        conversations: all that it has found.
        runs: turns of the customer.
    """

    place: str
    pseudonym: str = ""
    ids: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    conversations: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()

    @property
    def words(self) -> list[str]:
        """What names the customer in files."""
        sent = {outbox_id(RunId(run), released=released) for run in self.runs for released in (False, True)}
        return sorted(self.ids | self.emails | self.conversations | self.runs | sent)

    def is_of(self, named: Named) -> bool:
        """True if who is named so was to be erased. One in which somebody else wrote, too, says nothing."""
        emails = {one.strip().casefold() for one in named.emails}
        return not self.words or bool(self.ids & named.ids or self.emails & emails or self.named & named.conversations)


async def unfinished(stores: Stores, named: Named) -> list[Begun]:
    """Erasures of this customer that were begun and not ended. Raises `QueueUnavailable`."""
    with unavailable("look for an erasure that did not end"):
        (found,) = await stores.redis.together([command("HGETALL", _BEGUN)])
    return [one for one in (_read(place, text) for place, text in sorted(found.items())) if one.is_of(named)]


def with_found(named: Named, earlier: Iterable[Begun]) -> Named:
    """The same with all that earlier erasures had found."""
    for one in earlier:
        named = replace(named, ids=named.ids | one.ids, emails=named.emails | one.emails, found=named.found | one.conversations)
    return named


async def erase(stores: Stores, known: Known, who: str, wait_s: float, step: Told, earlier: Sequence[Begun] = ()) -> Erased:
    """Remove all of it; safe to repeat.

    Args:
        stores: what to remove it from.
        known: what `Stores.find` has found.
        who: who does it, for the audit log.
        wait_s: for a turn or a delivery that is running, and for Redis to write its files.
        step: progress.
        earlier: those that did not end, whose finds are among what is known. They end with this one.

    Raises:
        ErasureFailed: something runs for too long, or was written again and again meanwhile.
        QueueUnavailable: Redis can't be reached.
    """
    begun = [*earlier, await _begin(stores, known, who)]
    words = sorted({word for one in begun for word in one.words})
    async with AsyncExitStack() as stack:
        for number, one in enumerate(known.conversations):
            step(number, 2 * len(known.conversations), one)
            await stack.enter_async_context(stores.jobs.kept_out(one, wait_s))
        unsent = 0
        for one in known.conversations:
            unsent += len(await stores.kept.silence(one))
        tickets = await asyncio.to_thread(_forget_tickets, stores.desk_file, known.conversations)
        await stores.sessions.forget([*known.sessions, *(newest_key(owner) for owner in known.owners)])
        for number, one in enumerate(known.conversations, len(known.conversations)):
            step(number, 2 * len(known.conversations), one)
            await _remove(stores, one, wait_s)
        # Behind all conversations, since an approval that ran meanwhile has written under these names.
        await _forget_names(stores, begun)
    files = await _close(stores, begun, who, wait_s)
    still = await asyncio.to_thread(files_with, stores.settings.data_dir, words)
    counts = (len(known.conversations), unsent, len(known.sessions), len(known.actions), tickets)
    return Erased(*counts, files, tuple(still))


async def finish(stores: Stores, begun: Sequence[Begun], who: str, wait_s: float) -> tuple[Rewritten, ...]:
    """End erasures of which no conversation is left. Safe to repeat. Raises as `erase`."""
    await _forget_names(stores, begun)
    return await _close(stores, begun, who, wait_s)


async def _begin(stores: Stores, known: Known, who: str) -> Begun:
    subject = known.subjects[0] if known.subjects else ""
    pseudonym = await stores.audit.pseudonym_of(subject) if subject else ""
    conversations = frozenset[str](known.conversations)
    begun = Begun(secrets.token_hex(16), pseudonym, known.ids, known.emails, known.named, conversations, known.runs)
    await _write_down(stores, begun)
    await stores.audit.record(AuditEvent(AuditKind.ERASING, f"erasing:{begun.place}", pseudonym=pseudonym, who=who))
    return begun


async def _close(stores: Stores, begun: Sequence[Begun], who: str, wait_s: float) -> tuple[Rewritten, ...]:
    """In the audit log, the logs and Redis' own files, which must not have what was found either."""
    for one in begun:
        ended = AuditEvent(AuditKind.ERASED, f"erased:{one.place}", pseudonym=one.pseudonym, who=who)
        await stores.audit.record(ended)
        await asyncio.to_thread(blacken, stores.settings.data_dir / "logs", one.words)
        await _write_down(stores, Begun(one.place, one.pseudonym))
    files = tuple(await rewrite_files(stores.redis, wait_s))
    if begun:
        with unavailable("end an erasure"):
            await confirmed(stores.redis, [command("HDEL", _BEGUN, *(one.place for one in begun))])
    return files


async def _write_down(stores: Stores, begun: Begun) -> None:
    kept = {name: sorted(getattr(begun, name)) for name in _FOUND} | {"pseudonym": begun.pseudonym}
    with unavailable("write down how far an erasure is"):
        await confirmed(stores.redis, [command("HSET", _BEGUN, begun.place, json.dumps(kept))])


def _read(place: str, text: str) -> Begun:
    kept = json.loads(text)
    return Begun(place, kept["pseudonym"], *(frozenset(kept[name]) for name in _FOUND))


async def _forget_names(stores: Stores, begun: Iterable[Begun]) -> None:
    for one in begun:
        for whose in sorted(one.ids):
            await stores.ledger.erase(whose)
        for whose in sorted(one.conversations):
            await stores.audit.pseudonyms.forget(CONVERSATION, whose)
        for whose in sorted(one.ids | one.emails):
            await stores.audit.pseudonyms.forget(CUSTOMER, whose)


async def _remove(stores: Stores, conversation_id: ConversationId, wait_s: float) -> None:
    for _ in range(_ROUNDS):
        await stores.jobs.remove(conversation_id, wait_s)
        await stores.kept.remove(conversation_id)
        await stores.kept.sweep(conversation_id)
        if not await stores.kept.read(conversation_id):
            return
    raise ErasureFailed(
        f"something is written into {conversation_id} again and again, so it could not be erased: the customer writes, or a "
        "person approves, at this moment. Give the command again: it goes on where it was"
    )


def _forget_tickets(file: Path, conversations: tuple[ConversationId, ...]) -> int:
    """The demo desk is ours. Its tickets are called as their conversations are, and as those of the widget that it was handed."""
    if not file.is_file():
        return 0
    store = DeskStore(file)
    try:
        return store.forget([one.partition(":")[2] for one in conversations])
    finally:
        store.close()
