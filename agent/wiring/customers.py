"""What is kept of a customer: found in every store. `erasing` removes it, `exporting` tells it."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.adapters.conversation_jobs import ConversationJobs
from agent.adapters.queue import DocketQueue
from agent.adapters.redis_audit import CUSTOMER, RedisAuditLog
from agent.adapters.redis_clients import RedisClient, redis_client
from agent.adapters.redis_customers import conversations_of, index_all
from agent.adapters.redis_kept import RedisKept
from agent.adapters.redis_ledger import RedisLedger
from agent.adapters.widget_sessions import RedisWidgetSessions
from agent.settings import Settings
from agent.types import Author, ConversationId, Customer, Identity, RunId, outbox_id
from agent.wiring import rules, shelf
from policies.privacy import days_s

Told = Callable[[int, int, str], None]
"""Progress: done, total, and of what."""
_OURS = outbox_id(RunId(""))
_RELEASED = outbox_id(RunId(""), released=True).removeprefix(_OURS)


@dataclass(frozen=True, slots=True)
class Named:
    """How a customer is named on the command line. `found`: conversations of theirs that an earlier search has led to."""

    ids: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    conversations: frozenset[str] = frozenset()
    found: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """Who it is, and where something is kept of them.

    Attributes:
        ids: the company's own names for them: those that were given, and those that the channel vouches for as theirs.
        emails: addresses that were given, in small letters.
        also: addresses of messages in these conversations, and names that nobody vouches for: told, and not followed.
        shared: conversations in which somebody else who is known has written, too.
        sessions: of the widget, by their keys.
        actions: calls in the company's systems.
        audit: entries about them.
        kept: what is kept of each conversation, see `RedisKept.read`.
        named: conversations that were given.
    """

    ids: frozenset[str]
    emails: frozenset[str]
    conversations: tuple[ConversationId, ...]
    also: frozenset[str] = frozenset()
    shared: tuple[ConversationId, ...] = ()
    owners: frozenset[str] = frozenset()
    sessions: dict[str, dict[str, str]] = field(default_factory=dict)
    actions: tuple[dict[str, Any], ...] = ()
    audit: tuple[dict[str, Any], ...] = ()
    is_in_audit: bool = False
    kept: dict[ConversationId, dict[str, Any]] = field(default_factory=dict)
    named: frozenset[str] = frozenset()

    @property
    def is_anything(self) -> bool:
        """False if nothing is kept."""
        return bool(self.conversations or self.sessions or self.actions or self.is_in_audit)

    @property
    def runs(self) -> frozenset[str]:
        """Turns of theirs that are on record, as log lines and run files of `replay` name them."""
        return frozenset(run for kept in self.kept.values() for run in _runs(kept))

    @property
    def subjects(self) -> list[str]:
        """Names by which the audit log may know them; the first stands for them in what is written now."""
        return [*sorted(self.ids), *sorted(self.emails)]


@dataclass(frozen=True, slots=True)
class Stores:
    """Every store that may keep something of a customer."""

    settings: Settings
    redis: RedisClient
    redis_url: str
    kept: RedisKept
    jobs: ConversationJobs
    ledger: RedisLedger
    sessions: RedisWidgetSessions
    audit: RedisAuditLog

    @property
    def desk_file(self) -> Path:
        """The demo desk's, if it was ever started."""
        return self.settings.data_dir / "demo-desk.sqlite3"

    async def find(self, named: Named, step: Told, *, scan: bool = False) -> Known:
        """Who it is, and where something is kept. Raises `QueueUnavailable`.

        Args:
            named: who is asked for.
            step: progress of going through all conversations, which is done once.
            scan: do it again.
        """
        await index_all(self.redis, step, again=scan)
        emails = frozenset(one.strip().casefold() for one in named.emails)
        ids, found = set(named.ids), dict[ConversationId, dict[str, Any]]()
        wanted = {ConversationId(one) for one in named.conversations | named.found}
        while True:
            known = [*(Customer(customer_id=one) for one in ids), *(Customer(email=one) for one in emails)]
            wanted |= await conversations_of(self.redis, known)
            new = [one for one in sorted(wanted) if one not in found]
            if not new:
                break
            for conversation_id in new:
                found[conversation_id] = await self.kept.read(conversation_id)
                wanted |= set(await self.kept.linked(conversation_id))
                ids |= _same_person(found[conversation_id], emails)
                if conversation_id in named.conversations and len(vouched := _vouched_for(found[conversation_id])) == 1:
                    ids |= vouched
        there = {one: kept for one, kept in found.items() if kept}
        customers = {one: set(_customers(kept)) for one, kept in there.items()}
        also = {name for names in customers.values() for name in names} - ids - emails
        shared = tuple(sorted(one for one, names in customers.items() if names - ids - emails))
        owners = frozenset(kept["widget"]["about"]["owner"] for kept in there.values() if _owner(kept))
        subjects = [*sorted(ids), *sorted(emails)]
        return Known(
            ids=frozenset(ids),
            emails=emails,
            conversations=tuple(sorted(there)),
            also=frozenset(also),
            shared=shared,
            owners=owners,
            sessions=await self.sessions.of(owners, ids),
            actions=tuple([call for one in sorted(ids) for call in await self.ledger.of_customer(one)]),
            audit=tuple(await self.audit.about(subjects, there)),
            is_in_audit=any([await self.audit.pseudonyms.find(CUSTOMER, one) for one in subjects]),
            kept=there,
            named=named.conversations,
        )


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """All of them.

    Raises:
        ServiceFailed: no Redis is configured, and no `innkeeper up` runs.
        RulesInvalid: the policy pack, which says for how long the audit log is kept, can't be used.
    """
    url = shelf.redis_url(settings)
    shelf.guard_egress(settings, url)
    kept_s = days_s(rules.build_policies(settings).privacy.retention.audit)
    async with redis_client(url, replicas=settings.redis_replicas) as client, DocketQueue(url) as queue:
        yield Stores(
            settings,
            client,
            url,
            RedisKept(client),
            ConversationJobs(client, queue, settings.redelivery_s),
            RedisLedger(client),
            RedisWidgetSessions(client),
            RedisAuditLog(client, kept_s),
        )


def _written(kept: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The customers of its messages, as they are stored."""
    return (message["customer"] for message in kept.get("messages", ()) if message.get("customer"))


def _vouched_for(kept: dict[str, Any]) -> set[str]:
    vouched = {one["customer_id"] for one in _written(kept) if one["identity"] == Identity.VERIFIED.value and one["customer_id"]}
    about = kept.get("widget", {}).get("about", {})
    return vouched | ({about["customer"]} if about.get("customer") else set())


def _same_person(kept: dict[str, Any], emails: frozenset[str]) -> set[str]:
    """Names that the channel vouches for beside one of these addresses; never those of who else is in the conversation."""
    vouched = (one for one in _written(kept) if one["identity"] == Identity.VERIFIED.value and one["customer_id"])
    return {one["customer_id"] for one in vouched if one["email"] and one["email"].strip().casefold() in emails}


def _customers(kept: dict[str, Any]) -> Iterable[str]:
    about = kept.get("widget", {}).get("about", {})
    yield from ([about["customer"]] if about.get("customer") else [])
    for one in _written(kept):
        yield from ([one["customer_id"]] if one["customer_id"] else [])
        yield from ([one["email"].strip().casefold()] if one["email"] and not one["customer_id"] else [])


def _runs(kept: dict[str, Any]) -> Iterable[str]:
    yield from (one["run_id"] for part in ("outbox", "shadow") for one in kept.get(part, ()))
    yield from (one["entry"]["run_id"] for one in kept.get("undelivered", ()))
    said = (message["message_id"] for message in kept.get("messages", ()) if message["author"] == Author.ASSISTANT.value)
    yield from (one.removeprefix(_OURS).removesuffix(_RELEASED) for one in said if one.startswith(_OURS))


def _owner(kept: dict[str, Any]) -> str | None:
    owner: str | None = kept.get("widget", {}).get("about", {}).get("owner")
    return owner


NOT_HERE: Sequence[str] = (
    "the helpdesk: its tickets, and what was sent to it; erase them there first, since a ticket that stirs is read again",
    "your own systems, such as bookings and orders that the agent looked up or changed",
    "logs and traces that are collected elsewhere; they hold ids, and no words of a customer",
    "backups of Redis and of the data folder, and Redis' replicas' files unless they are named above",
    "what the model server logs of its prompts, if it does",
    "files that you have made yourself: exports, run files of `replay`, `shadow --json`, reports",
)
"""What Innkeeper can't reach."""
