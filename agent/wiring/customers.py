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
from agent.types import ConversationId, Customer, Identity
from agent.wiring import rules, shelf
from policies.privacy import days_s

Told = Callable[[int, int, str], None]
"""Progress: done, total, and of what."""


@dataclass(frozen=True, slots=True)
class Named:
    """How a customer is named on the command line."""

    ids: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    conversations: frozenset[str] = frozenset()


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

    @property
    def is_anything(self) -> bool:
        """False if nothing is kept."""
        return bool(self.conversations or self.sessions or self.actions or self.is_in_audit)

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
        wanted = {ConversationId(one) for one in named.conversations}
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
            audit=tuple([entry for one in subjects for entry in await self.audit.of_customer(one)]),
            is_in_audit=any([await self.audit.pseudonyms.find(CUSTOMER, one) for one in subjects]),
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
