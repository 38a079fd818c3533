"""`innkeeper customer erase`: removes everything that is kept of a customer.

What is found last by its own names goes last, so after a crash the same command goes on: first what leads to nobody else (jobs,
sessions, calls, pseudonyms), then each conversation with its place in the index of customers, in one step.
"""

import asyncio
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
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
from agent.types import ConversationId
from agent.wiring.customers import Known, Stores, Told

_UNFINISHED = PREFIX + "{innkeeper-customers}:erasure"
_ROUNDS = 3
"""Something may be written while we erase, as by an approval that runs in the API; after so many times it is told."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done.

    Attributes:
        unsent: replies and hand-offs that were not delivered, and never will be.
        tickets: of the demo desk.
        files: what became of Redis' own files.
        still_named: files of the data folder that hold the customer's name, address or a conversation's id.
    """

    conversations: int
    unsent: int
    sessions: int
    actions: int
    tickets: int
    files: tuple[Rewritten, ...]
    still_named: tuple[Path, ...]


async def is_unfinished(stores: Stores) -> bool:
    """True if an erasure was begun and not ended, with Redis' files still to be written anew."""
    with unavailable("look for an erasure that did not end"):
        (found,) = await stores.redis.together([command("EXISTS", _UNFINISHED)])
    return bool(found)


async def erase(stores: Stores, known: Known, who: str, wait_s: float, step: Told) -> Erased:
    """Remove all of it; safe to repeat.

    Args:
        stores: what to remove it from.
        known: what `Stores.find` has found.
        who: who does it, for the audit log.
        wait_s: for a turn or a delivery that is running, and for Redis to write its files.
        step: progress.

    Raises:
        ErasureFailed: something runs for too long, or was written again and again meanwhile.
        QueueUnavailable: Redis can't be reached.
    """
    subject = known.subjects[0] if known.subjects else ""
    pseudonym = await stores.audit.pseudonym_of(subject) if subject else ""
    place = secrets.token_hex(16)
    with unavailable("begin an erasure"):
        await confirmed(stores.redis, [command("SET", _UNFINISHED, f"{place}:{pseudonym}")])
    await stores.audit.record(AuditEvent(AuditKind.ERASING, f"erasing:{place}", pseudonym=pseudonym, who=who))
    async with AsyncExitStack() as stack:
        for number, one in enumerate(known.conversations):
            step(number, 2 * len(known.conversations), one)
            await stack.enter_async_context(stores.jobs.kept_out(one, wait_s))
        unsent = 0
        for one in known.conversations:
            unsent += len(await stores.kept.silence(one))
        tickets = await asyncio.to_thread(_forget_tickets, stores.desk_file, known.conversations)
        await _forget_person(stores, known)
        for number, one in enumerate(known.conversations, len(known.conversations)):
            step(number, 2 * len(known.conversations), one)
            await _remove(stores, one, wait_s)
    files = await finish(stores, who, wait_s)
    names = [*known.ids, *known.emails, *known.conversations]
    await asyncio.to_thread(blacken, stores.settings.data_dir / "logs", names)
    still = await asyncio.to_thread(files_with, stores.settings.data_dir, names)
    counts = (len(known.conversations), unsent, len(known.sessions), len(known.actions), tickets)
    return Erased(*counts, files, tuple(still))


async def finish(stores: Stores, who: str, wait_s: float) -> tuple[Rewritten, ...]:
    """Write down that an erasure has ended, and have Redis write its files anew. Safe to repeat. Raises as `erase`."""
    with unavailable("end an erasure"):
        (begun,) = await stores.redis.together([command("GET", _UNFINISHED)])
    place, _, pseudonym = (begun or "").partition(":")
    await stores.audit.record(AuditEvent(AuditKind.ERASED, f"erased:{place}", pseudonym=pseudonym, who=who))
    files = tuple(await rewrite_files(stores.redis, wait_s))
    with unavailable("end an erasure"):
        await stores.redis.together([command("DEL", _UNFINISHED)])
    return files


async def _forget_person(stores: Stores, known: Known) -> None:
    for one in sorted(known.ids):
        await stores.ledger.erase(one)
    await stores.sessions.forget([*known.sessions, *(newest_key(owner) for owner in known.owners)])
    for one in known.conversations:
        await stores.audit.pseudonyms.forget(CONVERSATION, one)
    for one in known.subjects:
        await stores.audit.pseudonyms.forget(CUSTOMER, one)


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
