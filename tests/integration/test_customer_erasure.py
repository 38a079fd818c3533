"""What is kept of a customer, store by store, on one server and on a cluster: indexed as it is written, removed whole."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.conversation_jobs import ConversationJobs
from agent.adapters.hints import RedisTicketHints
from agent.adapters.links import RedisTicketLinks
from agent.adapters.queue import DocketQueue
from agent.adapters.redis_audit import RedisAuditLog
from agent.adapters.redis_clients import RedisClient, binary_client, redis_client
from agent.adapters.redis_commands import command
from agent.adapters.redis_customers import conversations_of, index_all
from agent.adapters.redis_files import rewrite_files
from agent.adapters.redis_kept import RedisKept
from agent.adapters.redis_keys import CUSTOMERS
from agent.adapters.redis_ledger import RedisLedger
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_shards import shard_key, tag_of
from agent.adapters.redis_store import RedisConversations
from agent.adapters.shadow import RedisShadowRecords
from agent.adapters.widget_sessions import RedisWidgetSessions
from agent.adapters.widget_store import RedisWidgetConversations
from agent.errors import ErasureFailed
from agent.ports import AuditEvent, AuditKind, LedgerStage, Link, ShadowRecord, Taking, Ticket
from agent.settings import Settings
from agent.types import Author, ConversationId, Customer, Identity, Message, OutboxKey, RunId, outbox_id
from agent.widget_ports import Event, PersonState, Publication, Session, WidgetConversation
from agent.wiring import erasing
from agent.wiring.customers import Named, Stores
from policies.action_parts import Limits
from tests.redis_groups import Group
from tests.samples import message, outcome, ticket
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

ANNA = Customer(Identity.VERIFIED, "guest-anna", "Anna@Marks.example")
BEN = Customer(Identity.VERIFIED, "guest-ben", "ben@other.example")
MAIL_ONLY = Customer(Identity.CLAIMED, None, "anna@marks.example")
KEPT_S = 5000
LIMITS = Limits.model_validate({"per_customer": {"amount": 200, "window": "30d"}})


def by(customer: Customer, message_id: str, text: str = "hello") -> Message:
    return replace(message(message_id, text=text), customer=customer)


def quiet(done: int, total: int, name: str) -> None:
    """No progress is shown."""


@pytest.fixture(params=["redis_server", "redis_cluster"])
def server(request: pytest.FixtureRequest) -> RedisServer | Group:
    found: RedisServer | Group = request.getfixturevalue(request.param)
    found.flush()
    return found


@pytest.fixture
async def stores(server: RedisServer | Group, tmp_path: Path) -> AsyncIterator[Stores]:
    settings = Settings(data_dir=tmp_path, redis_url=server.url)
    async with redis_client(server.url) as client, DocketQueue(server.url) as queue:
        yield Stores(
            settings,
            client,
            server.url,
            RedisKept(client),
            ConversationJobs(client, queue, 5),
            RedisLedger(client),
            RedisWidgetSessions(client),
            RedisAuditLog(client),
        )


async def everything(url: str) -> str:
    """All keys with all that is in them."""
    read = {
        "string": ("GET",),
        "hash": ("HGETALL",),
        "list": ("LRANGE", 0, -1),
        "set": ("SMEMBERS",),
        "zset": ("ZRANGE", 0, -1),
        "stream": ("XRANGE", "-", "+"),
    }
    told = []
    async with binary_client(url) as client:
        async for key in client.scan_iter(count=1000):
            (kind,) = await client.together([command("TYPE", key)])
            if kind == b"none":
                continue  # its time was over just now
            name, *words = read[kind.decode()]
            (value,) = await client.together([command(name, key, *words)])
            told.append(f"{key}: {value}")
    return "\n".join(told)


async def index_ttl(client: RedisClient, conversation_id: str) -> int:
    (left,) = await client.together([command("TTL", shard_key(tag_of(conversation_id), CUSTOMERS))])
    return int(left)


async def test_a_conversation_is_in_the_index_as_long_as_it_is_kept(stores: Stores) -> None:
    client, cid = stores.redis, ticket(1).conversation_id
    conversations, outbox = RedisConversations(client, KEPT_S), RedisOutbox(client, KEPT_S)
    await conversations.append(ticket(1), by(ANNA, "m1"))
    assert await conversations_of(client, [Customer(customer_id="guest-anna")]) == {cid}
    assert await conversations_of(client, [Customer(email="ANNA@marks.example ")]) == {cid}
    assert await conversations_of(client, [BEN]) == set()
    assert await index_ttl(client, cid) == -1, "an answer is owed"
    entry = await conversations.commit(await conversations.read(cid), RunId("r1"), outcome())
    assert entry is not None
    await outbox.settle(entry.key, delivered=True)
    assert 0 < await index_ttl(client, cid) <= KEPT_S + 2
    await conversations.append(ticket(1), message("m2"))
    assert await index_ttl(client, cid) == -1, "whoever writes"
    await conversations.append(ticket(1), message("m3", Author.HUMAN_AGENT))
    await conversations.append(ticket(1), by(BEN, "m4"))
    assert await conversations_of(client, [BEN]) == await conversations_of(client, [ANNA]) == {cid}


async def test_what_was_there_before_the_index_is_found_by_going_through_all_once(stores: Stores) -> None:
    client, cid = stores.redis, ticket(1).conversation_id
    await RedisConversations(client, KEPT_S).append(ticket(1), by(ANNA, "m1"))
    key = shard_key(tag_of(cid), CUSTOMERS)
    await client.together([command("DEL", key)])
    assert await conversations_of(client, [ANNA]) == set()
    await index_all(client, quiet)
    assert await conversations_of(client, [ANNA]) == {cid}
    await client.together([command("DEL", key)])
    await index_all(client, quiet)
    assert await conversations_of(client, [ANNA]) == set(), "it was done"
    assert (await stores.find(Named(ids=frozenset({"guest-anna"})), quiet, scan=True)).conversations == (cid,)


async def lived(stores: Stores) -> tuple[ConversationId, ConversationId]:
    """Anna in two channels with something in every store, and Ben beside her. Anna's conversations."""
    client = stores.redis
    conversations, widget = RedisConversations(client), RedisWidgetConversations(client)
    cid, wid = ConversationId("desk:anna-1"), ConversationId("widget:anna-chat")
    for who, number in ((ANNA, "anna-1"), (BEN, "ben-1")):
        place = Ticket(ConversationId(f"desk:{number}"), "desk", number, f"About {who.customer_id}")
        for n in range(3):
            await conversations.append(place, by(who, f"m{n}", f"heron of {who.customer_id}"))
            read = await conversations.read(place.conversation_id)
            run = RunId(f"{number}-run-{n}")
            entry = await conversations.commit(read, run, outcome(answer=f"Hello {who.customer_id}"))
            assert entry is not None
            if n == 1:
                await RedisOutbox(client).settle(entry.key, delivered=False, detail="gone")
        said = (by(who, "m9", f"heron of {who.customer_id}"),)
        record = ShadowRecord(RunId(f"shadow-{number}"), place.conversation_id, dt.datetime.now(dt.UTC), said, outcome())
        await RedisShadowRecords(client).record(record)
        await RedisTicketHints(client).add(place.conversation_id, f"delivery-of-{who.customer_id}", "abc")
        taking = Taking(
            f"order-{number}", "refund", str(who.customer_id), 150, LIMITS, "2026-11-27", 1_795_780_800_000, f"p-{number}"
        )
        await stores.ledger.take(replace(taking, plan={"call": {"order": f"order-{number}"}}))
        await stores.ledger.settle(taking, LedgerStage.DONE)
        await stores.jobs._queue.add_turn(place.conversation_id, "m9")
        await stores.jobs._queue.add_delivery(OutboxKey(place.conversation_id, outbox_id(RunId(f"{number}-run-2"))))
    await widget.create(WidgetConversation("anna-chat", "shop", "0wner", "guest-anna", "en", "Anna Marks"))
    said_there = Publication(
        [Event("message.created", '{"text":"heron"}')], "k", ['{"text":"heron"}'], feedback={"m": '{"v":"up"}'}
    )
    await widget.publish("anna-chat", said_there)
    await widget.publish("anna-chat", Publication((), changes={"contact": MAIL_ONLY.email, "person": PersonState.REQUESTED}))
    await conversations.append(Ticket(wid, "widget", "anna-chat"), by(Customer(Identity.VERIFIED, "guest-anna"), "w1"))
    await RedisTicketLinks(client).keep(Link(wid, ConversationId("desk:of-the-chat"), 1))
    await stores.sessions.open("hash-1", Session("shop", "0wner", "guest-anna", "Anna Marks", "en", 1.0, 9e9))
    return cid, wid


MARKS = ("guest-anna", "anna-1", "anna-chat", "Anna Marks", "marks.example", "0wner", "of-the-chat")


async def test_all_of_a_customer_goes_and_nothing_of_another(stores: Stores) -> None:
    cid, wid = await lived(stores)
    before = await everything(stores.redis_url)
    assert [one for one in MARKS if one.lower() not in before.lower()] == []
    known = await stores.find(Named(emails=frozenset({"anna@marks.example"})), quiet)
    assert set(known.conversations) == {cid, wid, "desk:of-the-chat"}
    assert known.ids == {"guest-anna"}, "the channel vouches for it"
    assert (len(known.sessions), len(known.actions)) == (1, 1)
    told = {one: await stores.kept.read(one) for one in known.conversations}
    assert {"messages", "outbox", "undelivered", "shadow"} <= set(told[cid])
    assert {"widget", "ticket", "messages"} <= set(told[wid])
    assert "guest-ben" not in json.dumps(told)
    replayed = stores.settings.data_dir / "evaluations" / "replay.jsonl"
    replayed.parent.mkdir()
    replayed.write_text('{"id": "anna-1-run-1", "said": [{"text": "a heron"}]}\n')
    done = await erasing.erase(stores, known, "a test", 60, quiet)
    assert done.still_named == (replayed,), "a file of hers, though it has no name"
    assert (done.conversations, done.unsent, done.sessions, done.actions) == (3, 2, 1, 1)
    after = await everything(stores.redis_url)
    assert [one for one in MARKS if one.lower() in after.lower()] == []
    bens = [line for line in before.splitlines() if "ben" in line and "innkeeper-" in line]
    assert sum("ben-1" in line for line in after.splitlines()) >= len([one for one in bens if "anna" not in one]) > 5
    assert not (await stores.find(Named(ids=frozenset({"guest-anna"})), quiet)).is_anything
    assert (await stores.audit.verify()).wrong is None
    assert {one.server for one in done.files if one.ok}
    assert (await RedisConversations(stores.redis).read(ConversationId("desk:ben-1"))).length == 6


async def test_who_else_wrote_in_a_conversation_is_told_and_keeps_all_of_theirs(stores: Stores) -> None:
    cid, _ = await lived(stores)
    conversations = RedisConversations(stores.redis)
    await conversations.append(Ticket(cid, "desk", "anna-1"), by(BEN, "m20"))
    for named in (Named(ids=frozenset({"guest-anna"})), Named(emails=frozenset({"anna@marks.example"}))):
        known = await stores.find(named, quiet)
        assert known.ids == {"guest-anna"}
        assert known.shared == (cid,)
        assert known.also == {"guest-ben"}
        assert "desk:ben-1" not in known.conversations
    known = await stores.find(Named(conversations=frozenset({cid})), quiet)
    assert (known.ids, known.conversations) == (frozenset(), (cid,)), "whose it is can't be told"
    alone = await stores.find(Named(conversations=frozenset({"desk:ben-1"})), quiet)
    assert alone.ids == {"guest-ben"}


async def test_an_erasure_that_dies_on_the_way_goes_on(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    await lived(stores)
    named = Named(ids=frozenset({"guest-anna"}))
    known = await stores.find(named, quiet)
    remove = RedisKept.remove
    for left in range(2):
        count = iter(range(10))

        async def dies(self: RedisKept, one: ConversationId, left: int = left, count: Any = count) -> None:
            if next(count) == left:
                raise ConnectionError("killed")
            await remove(self, one)

        monkeypatch.setattr(RedisKept, "remove", dies)
        with pytest.raises(ConnectionError):
            await erasing.erase(stores, known, "a test", 60, quiet)
        known = await stores.find(named, quiet)
        assert known.conversations, "what is left is found by the same name"
        assert await erasing.unfinished(stores, named)
    monkeypatch.setattr(RedisKept, "remove", remove)
    await erasing.erase(stores, known, "a test", 60, quiet, await erasing.unfinished(stores, named))
    after = await everything(stores.redis_url)
    assert [one for one in MARKS if one.lower() in after.lower()] == []
    assert not await erasing.unfinished(stores, named)


@pytest.mark.parametrize(
    "named",
    [
        Named(ids=frozenset({"guest-anna"})),
        Named(emails=frozenset({"Anna@Marks.example"})),
        Named(conversations=frozenset({"desk:anna-1"})),
        Named(conversations=frozenset({"widget:anna-chat"})),
    ],
    ids=["id", "address", "ticket", "chat"],
)
@pytest.mark.parametrize("gone", [1, 2, 3])
async def test_what_is_gone_led_to_the_rest_and_it_is_erased_all_the_same(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, named: Named, gone: int
) -> None:
    await lived(stores)
    logs = stores.settings.data_dir / "logs"
    logs.mkdir()
    (logs / "worker.log").write_text('{"conversation_id": "desk:anna-1"} {"conversation_id": "widget:anna-chat"} desk:ben-1')
    count, sweep = iter(range(10)), RedisKept.sweep

    async def dies(self: RedisKept, one: ConversationId) -> None:
        await sweep(self, one)
        if next(count) == gone - 1:
            raise ConnectionError("killed")

    monkeypatch.setattr(RedisKept, "sweep", dies)
    with pytest.raises(ConnectionError):
        await erasing.erase(stores, await stores.find(named, quiet), "a test", 60, quiet)
    monkeypatch.setattr(RedisKept, "sweep", sweep)

    earlier = await erasing.unfinished(stores, named)
    known = await stores.find(erasing.with_found(named, earlier), quiet)
    await erasing.erase(stores, known, "a test", 60, quiet, earlier)
    after = await everything(stores.redis_url)
    assert [one for one in MARKS if one.lower() in after.lower()] == []
    assert "ben-1" in after
    told = (logs / "worker.log").read_text()
    assert "anna" not in told
    assert "desk:ben-1" in told
    assert not await erasing.unfinished(stores, named)
    ends = [one["subject"] for one in [one async for one in stores.audit.entries()] if one["kind"] == "customer_erased"]
    begins = [one["subject"] for one in [one async for one in stores.audit.entries()] if one["kind"] == "customer_erasure_begun"]
    assert sorted(ends) == sorted(begins), "each that was begun has an end"
    assert len(ends) == 2


async def test_an_erasure_that_did_not_end_is_not_followed_to_who_else_wrote_there(stores: Stores) -> None:
    cid, _ = await lived(stores)
    await RedisConversations(stores.redis).append(Ticket(cid, "desk", "anna-1"), by(BEN, "m20"))
    known = await stores.find(Named(ids=frozenset({"guest-anna"})), quiet)
    await erasing._begin(stores, known, "a test")
    for named in (Named(ids=frozenset({"guest-ben"})), Named(conversations=frozenset({cid}))):
        assert await erasing.unfinished(stores, named) == []
    (found,) = await erasing.unfinished(stores, Named(ids=frozenset({"guest-anna"})))
    again = await stores.find(erasing.with_found(Named(ids=frozenset({"guest-anna"})), [found]), quiet)
    assert (again.ids, again.conversations) == (known.ids, known.conversations), "a find is no name that was given"


async def test_two_at_once_have_an_end_each(stores: Stores) -> None:
    await lived(stores)
    found = [await stores.find(Named(ids=frozenset({one})), quiet) for one in ("guest-anna", "guest-ben")]
    await asyncio.gather(*(erasing.erase(stores, one, "a test", 60, quiet) for one in found))
    entries = [one async for one in stores.audit.entries()]
    for kind in ("customer_erasure_begun", "customer_erased"):
        assert len({one["subject"] for one in entries if one["kind"] == kind}) == 2, kind


async def test_what_an_approval_writes_meanwhile_goes_too(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    await lived(stores)
    remove, written = RedisKept.remove, []

    async def meanwhile(self: RedisKept, one: ConversationId) -> None:
        if not written:
            late = Taking("late", "refund", "guest-anna", 10, LIMITS, "2026-11-27", 1_795_780_800_001, "p-late")
            written.append(await stores.ledger.take(replace(late, plan={"call": {"a": 1}})))
            await stores.audit.record(AuditEvent(AuditKind.DONE, "late", customer="guest-anna", conversation_id=str(one)))
        await remove(self, one)

    monkeypatch.setattr(RedisKept, "remove", meanwhile)
    named = Named(ids=frozenset({"guest-anna"}))
    await erasing.erase(stores, await stores.find(named, quiet), "a test", 60, quiet)
    assert written
    assert not (await stores.find(named, quiet)).is_anything


async def test_to_be_forgotten_is_no_way_to_a_second_refund(stores: Stores) -> None:
    first = Taking("order-1", "refund", "guest-anna", 15_000, LIMITS, "2026-11-27", 1_795_780_800_000, "p-1", {"call": {"id": 1}})
    await stores.ledger.take(first)
    await stores.ledger.settle(first, LedgerStage.DONE)
    await stores.ledger.erase("guest-anna")
    await stores.ledger.erase("guest-anna")
    assert await stores.ledger.of_customer("guest-anna") == []
    assert await stores.ledger.find("refund", "p-1") is None
    second = replace(first, key="order-2", proposal_id="p-2", amount=5_001)
    assert (await stores.ledger.spent(second)).customer == 15_000
    assert (await stores.ledger.take(second)).full == "per_customer"
    assert (await stores.ledger.take(replace(first, proposal_id="p-3"))).full == "erased", "the same call is not made again"
    assert (await stores.ledger.take(replace(second, amount=5_000))).full is None


async def test_a_turn_that_runs_is_waited_for_and_none_begins_meanwhile(stores: Stores) -> None:
    cid = ticket(1).conversation_id
    async with stores.jobs.kept_out(cid, 60):
        with pytest.raises(ErasureFailed, match="still running"):
            async with stores.jobs.kept_out(cid, 0.5):
                pass
    async with stores.jobs.kept_out(cid, 60):
        pass


async def test_redis_files_are_written_anew(tmp_path: Path) -> None:
    from tests.servers import valkey

    with valkey(tmp_path) as own:
        async with redis_client(own.url) as client:
            await client.together([command("SET", "innkeeper:x", "a-secret-heron"), command("DEL", "innkeeper:x")])

            def has_it() -> bool:
                return any(b"a-secret-heron" in one.read_bytes() for one in tmp_path.rglob("*.aof"))

            async with asyncio.timeout(60):
                while not has_it():  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            (told,) = await rewrite_files(client, 60)
            assert told.ok, told
            assert "append-only" in told.detail
            assert not has_it()
