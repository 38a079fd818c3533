"""What every store of the widget must do."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.widget_sessions import IDLE_S, LONGEST_S, RedisWidgetSessions
from agent.adapters.widget_store import RedisWakes, RedisWidgetConversations
from agent.errors import QueueUnavailable
from agent.widget_ports import (
    Event,
    Limit,
    Page,
    PersonState,
    Publication,
    Session,
    WidgetConversation,
    WidgetConversations,
    WidgetSessions,
)
from tests.fakes_widget import InMemoryWidgetConversations, InMemoryWidgetSessions
from tests.redis_groups import PASSWORD, Group
from tests.servers import RedisServer, free_port, has_debian_redis

NOW = time.time()
SESSION = Session("shop", "owner-1", "user-42", 'Ünï "x"', "de", NOW, NOW + IDLE_S)
ABOUT = WidgetConversation("c" * 24, "shop", "owner-1", "user-42", "pt-BR")
REAL = [
    pytest.param("redis_cluster", marks=pytest.mark.slow),
    pytest.param("redis_server", marks=pytest.mark.slow),
    pytest.param(
        "debian_redis_server",
        marks=[pytest.mark.slow, pytest.mark.skipif(not has_debian_redis(), reason="redis-server is not installed")],
    ),
]


@pytest.fixture(params=["memory", *REAL])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[tuple[WidgetSessions, WidgetConversations]]:
    if request.param == "memory":
        yield InMemoryWidgetSessions(), InMemoryWidgetConversations()
        return
    server: RedisServer | Group = request.getfixturevalue(request.param)
    server.flush()
    async with redis_client(server.url) as client:
        yield RedisWidgetSessions(client), RedisWidgetConversations(client)


@pytest.fixture
def sessions(both: tuple[WidgetSessions, WidgetConversations]) -> WidgetSessions:
    return both[0]


@pytest.fixture
def store(both: tuple[WidgetSessions, WidgetConversations]) -> WidgetConversations:
    return both[1]


def said(*texts: str, key: str = "") -> Publication:
    messages = [json.dumps({"id": text, "text": text}) for text in texts]
    return Publication([Event("message.created", message) for message in messages], key, messages)


async def after(store: WidgetConversations, conversation_id: str, place: str | None, most: int = 100) -> Page:
    (page,) = await store.events_after([(conversation_id, place)], most)
    return page


async def test_a_session_is_found_and_lasts_longer_by_that(sessions: WidgetSessions) -> None:
    await sessions.open("hash", SESSION)
    later = NOW + IDLE_S - 60
    found = await sessions.find("hash", later)
    assert found is not None
    assert replace(found, created_at=0, expires_at=0) == replace(SESSION, created_at=0, expires_at=0)
    assert found.created_at == pytest.approx(NOW, abs=0.01)
    assert found.expires_at == pytest.approx(later + IDLE_S, abs=0.01)
    assert await sessions.find("hush", NOW) is None


async def test_an_anonymous_session_has_no_customer(sessions: WidgetSessions) -> None:
    await sessions.open("hash", replace(SESSION, customer=None, name=None, locale=None))
    found = await sessions.find("hash", NOW)
    assert found is not None
    assert (found.customer, found.name, found.locale) == (None, None, None)


async def test_a_session_ends_after_thirty_days_however_much_it_is_used(sessions: WidgetSessions) -> None:
    await sessions.open("hash", replace(SESSION, created_at=NOW - LONGEST_S + 60))
    found = await sessions.find("hash", NOW)
    assert found is not None
    assert found.expires_at == pytest.approx(NOW + 60, abs=0.01)
    assert await sessions.find("hash", NOW + 61) is None


async def test_a_key_is_claimed_once(sessions: WidgetSessions) -> None:
    claims = await asyncio.gather(*(sessions.claim_once("jti", 60) for _ in range(5)))
    assert sorted(claims) == [False] * 4 + [True]
    assert await sessions.claim_once("other", 60)


async def test_limits_count_together_or_not_at_all(sessions: WidgetSessions) -> None:
    narrow, wide = Limit("narrow", 2), Limit("wide", 3)
    assert [await sessions.take([narrow, wide]) for _ in range(2)] == [0, 0]
    assert 0 < await sessions.take([narrow, wide]) <= 60
    assert await sessions.take([wide]) == 0
    assert 0 < await sessions.take([wide]) <= 60


async def test_no_more_get_through_at_once(sessions: WidgetSessions) -> None:
    waits = await asyncio.gather(*(sessions.take([Limit("all", 5)]) for _ in range(20)))
    assert sum(wait == 0 for wait in waits) == 5


async def test_a_conversation_is_found_with_all_that_is_known(store: WidgetConversations) -> None:
    await store.create(ABOUT)
    assert await store.find(ABOUT.id) == ABOUT
    assert await store.find("d" * 24) is None
    assert await store.newest_of("owner-1") == ABOUT
    assert await store.newest_of("owner-2") is None
    newer = replace(ABOUT, id="e" * 24, customer=None, locale=None)
    await store.create(newer)
    assert await store.newest_of("owner-1") == newer


async def test_what_changes_is_kept_and_cleared(store: WidgetConversations) -> None:
    await store.create(ABOUT)
    changes = {"person": PersonState.REQUESTED, "note": "wait ☕", "contact": "a@b.example"}
    await store.publish(ABOUT.id, Publication((), changes=changes))
    found = await store.find(ABOUT.id)
    assert found == replace(ABOUT, person=PersonState.REQUESTED, note="wait ☕", contact="a@b.example")
    await store.publish(ABOUT.id, Publication((), changes={"person": None, "note": None, "closed": "1"}))
    assert await store.find(ABOUT.id) == replace(ABOUT, closed=True, contact="a@b.example")
    assert await store.newest_of("owner-1") is None


async def test_one_key_is_published_once(store: WidgetConversations) -> None:
    await store.create(ABOUT)
    done = await asyncio.gather(*(store.publish(ABOUT.id, said("hello", "again", key="m1")) for _ in range(5)))
    assert sorted(done) == [False] * 4 + [True]
    assert [m["text"] for m in (await store.history(ABOUT.id)).messages] == ["hello", "again"]
    assert [event.name for event in (await after(store, ABOUT.id, "0-0")).events] == ["message.created"] * 2
    assert await store.is_published(ABOUT.id, "m1")
    assert not await store.is_published(ABOUT.id, "m2")


async def test_the_history_ends_where_its_events_begin(store: WidgetConversations) -> None:
    await store.create(ABOUT)
    assert (await store.history(ABOUT.id)).last_event_id == "0-0"
    await store.publish(ABOUT.id, said("one \ud83d \u2028"))
    history = await store.history(ABOUT.id)
    await store.publish(ABOUT.id, said("two"))
    page = await after(store, ABOUT.id, history.last_event_id)
    assert [json.loads(event.data)["text"] for event in page.events] == ["two"]
    assert page.last_id == (await store.history(ABOUT.id)).last_event_id


async def test_now_is_where_only_new_events_follow(store: WidgetConversations) -> None:
    await store.create(ABOUT)
    await store.publish(ABOUT.id, said("old"))
    now = await after(store, ABOUT.id, None)
    assert (now.events, now.is_gap) == ((), False)
    await store.publish(ABOUT.id, said("new"))
    assert [event.data for event in (await after(store, ABOUT.id, now.last_id)).events] == [said("new").messages[0]]


async def test_events_come_in_pages(store: WidgetConversations) -> None:
    await store.create(ABOUT)
    await store.publish(ABOUT.id, said(*"abcde"))
    found, place = "", "0-0"
    for _ in range(4):
        page = await after(store, ABOUT.id, place, 2)
        found, place = found + "".join(json.loads(event.data)["text"] for event in page.events), page.last_id
    assert found == "abcde"


async def test_many_are_read_in_one_go(store: WidgetConversations) -> None:
    ids = [f"{n:024}" for n in range(5)]
    for one in ids:
        await store.publish(one, said(one))
    pages = await store.events_after([*((one, "0-0") for one in ids), (ids[0], None), ("unknown" * 4, "0-0")])
    assert [[json.loads(event.data)["text"] for event in page.events] for page in pages] == [*([one] for one in ids), [], []]
    assert await store.events_after([]) == []


async def test_what_was_said_of_a_reply_can_change(store: WidgetConversations) -> None:
    await store.create(ABOUT)
    for value in ("up", "down"):
        await store.publish(ABOUT.id, Publication((), feedback={"out_1": value}))
    assert (await store.history(ABOUT.id)).feedback == {"out_1": "down"}


async def test_a_place_that_was_never_reached_is_a_gap(store: WidgetConversations) -> None:
    await store.create(ABOUT)
    await store.publish(ABOUT.id, said("one"))
    page = await after(store, ABOUT.id, "999999999999999-0")
    assert (page.is_gap, page.last_id) == (True, (await store.history(ABOUT.id)).last_event_id)
    assert (await after(store, "f" * 24, "1-0")).is_gap


@pytest.mark.slow
async def test_one_stream_that_cannot_be_read_is_a_gap_and_hinders_no_other(redis_url: str) -> None:
    """Thousands are read in one go: what one of them asks for must not be the others' error."""
    async with redis_client(redis_url) as client:
        store = RedisWidgetConversations(client)
        await store.publish(ABOUT.id, said("one"))
        emptied = "e" * 24
        await store.publish(emptied, said("lost"))
        await client.delete(*[key async for key in client.scan_iter(f"innkeeper:*:widget:{emptied}:events")])
        fine, odd, *empty = await store.events_after([(ABOUT.id, "0-0"), (ABOUT.id, "١-١"), (emptied, "0-0"), (emptied, "5-0")])
        assert [json.loads(event.data)["text"] for event in fine.events] == ["one"]
        assert (odd.is_gap, odd.last_id) == (True, fine.last_id)
        # Nothing is there to go on from, and asking for it again and again would never end.
        assert [(page.events, page.last_id, page.is_gap) for page in empty] == [((), "0-0", False), ((), "0-0", True)]


@pytest.mark.parametrize("kind", ["memory", pytest.param("redis", marks=pytest.mark.slow)])
async def test_events_that_are_kept_no_more_are_a_gap(kind: str, request: pytest.FixtureRequest) -> None:
    async with redis_client(request.getfixturevalue("redis_url") if kind == "redis" else "redis://127.0.0.1:1") as client:
        store = InMemoryWidgetConversations(100) if kind == "memory" else RedisWidgetConversations(client, 100)
        await store.create(ABOUT)
        await store.publish(ABOUT.id, said("first"))
        first = (await store.history(ABOUT.id)).last_event_id
        for n in range(10):
            await store.publish(ABOUT.id, said(*(f"{n}.{m}" for m in range(50))))
        gap = await after(store, ABOUT.id, first)
        assert (gap.is_gap, gap.events) == (True, ())
        await store.publish(ABOUT.id, said("last"))
        page = await after(store, ABOUT.id, gap.last_id)
        assert [json.loads(event.data)["text"] for event in page.events] == ["last"]
        assert not page.is_gap


@pytest.mark.slow
async def test_everything_ends_thirty_days_after_the_last_thing_was_said(redis_url: str) -> None:
    async with redis_client(redis_url) as client:
        store, sessions = RedisWidgetConversations(client), RedisWidgetSessions(client)
        await store.create(ABOUT)
        await store.publish(ABOUT.id, replace(said("hello", key="k"), feedback={"m": "up"}))
        await sessions.open("hash", SESSION)
        await sessions.claim_once("jti", 60)
        await sessions.take([Limit("all", 5)])
        keys = [key async for key in client.scan_iter()]
        assert len(keys) == 10
        assert all([await client.ttl(key) > 0 for key in keys])
        assert not any("\x00" in key for key in keys)


@pytest.mark.slow
async def test_what_is_kept_for_less_ends_sooner_unless_a_person_is_waited_for(redis_url: str) -> None:
    async with redis_client(redis_url) as client:
        store = RedisWidgetConversations(client, keep_s=600)
        await store.create(ABOUT)
        await store.publish(ABOUT.id, said("hello", key="k"))

        async def lasts() -> set[bool]:
            return {0 < await client.ttl(key) <= 600 async for key in client.scan_iter(f"innkeeper:*:widget:{ABOUT.id}:*")}

        assert await lasts() == {True}
        await store.publish(ABOUT.id, Publication([], "a", changes={"person": PersonState.REQUESTED}))
        assert await lasts() == {False}
        await store.publish(ABOUT.id, Publication([], "b", changes={"person": PersonState.JOINED}))
        assert await lasts() == {True}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["redis_server", "redis_cluster"])
async def test_streams_are_woken_by_what_is_published_and_after_every_lost_connection(
    kind: str, request: pytest.FixtureRequest
) -> None:
    group: RedisServer | Group = request.getfixturevalue(kind)
    group.flush()
    urls = [f"redis://:{PASSWORD}@{node.address}" for node in group.members] if isinstance(group, Group) else [group.url]
    woken: asyncio.Queue[str | None] = asyncio.Queue()
    # On a cluster, whichever node is listened to: it tells all what one of them is told.
    async with redis_client(group.url) as client, asyncio.timeout(60):
        store = RedisWidgetConversations(client)
        listening = asyncio.create_task(RedisWakes(client).listen(woken.put_nowait))
        try:
            assert await woken.get() is None
            await store.publish(ABOUT.id, said("hello", key="k"))
            assert await woken.get() == ABOUT.id
            await store.publish(ABOUT.id, said("hello", key="k"))
            for url in urls:
                async with redis_client(url) as node:
                    await node.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            assert await woken.get() is None
            for other in ("a" * 24, "b" * 24, "d" * 24):  # of other shards, so of other nodes
                await store.publish(other, said("again"))
                assert await woken.get() == other
        finally:
            listening.cancel()
            await asyncio.wait([listening])


async def test_no_redis_is_told_and_waking_waits_for_it() -> None:
    async with redis_client(f"redis://127.0.0.1:{free_port()}/0", timeout_s=0.5) as client:
        with pytest.raises(QueueUnavailable, match="find a widget's session"):
            await RedisWidgetSessions(client).find("hash", NOW)
        with pytest.raises(QueueUnavailable, match="publish to a widget"):
            await RedisWidgetConversations(client).publish(ABOUT.id, said("hello"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await RedisWakes(client).listen(lambda woken: None)


@pytest.mark.slow
async def test_hundreds_at_once_wait_for_one_another(redis_url: str) -> None:
    async with redis_client(redis_url) as client:
        store = RedisWidgetConversations(client)
        await asyncio.gather(*(store.publish(ABOUT.id, said(str(n))) for n in range(500)))
        assert len((await store.history(ABOUT.id)).messages) == 500
