"""Open event streams without a server: what is sent, and that nobody waits for ever."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from agent.channels.widget.events import MOST_PER_SESSION, Streams
from agent.errors import QueueUnavailable, TooManyStreams
from agent.widget_ports import Event, Page, Publication
from tests.fakes_widget import InMemoryWidgetConversations

CID = "c" * 24


class Flaky(InMemoryWidgetConversations):
    def __init__(self) -> None:
        super().__init__()
        self.errors: list[Exception] = []
        self.sizes: list[int] = []

    async def events_after(self, wanted: Sequence[tuple[str, str | None]], most: int = 100) -> list[Page]:
        await asyncio.sleep(0)
        self.sizes.append(len(wanted))
        if self.errors:
            raise self.errors.pop(0)
        return await super().events_after(wanted, most)


class Browser:
    """One ASGI connection."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def body(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def opened(streams: Streams, browser: Browser, after: str | None = None, owner: str = "o") -> "asyncio.Task[None]":
    return asyncio.create_task(streams.open(owner, CID, after)({}, browser.receive, browser.send))


async def say(store: InMemoryWidgetConversations, text: str) -> None:
    await store.publish(CID, Publication((Event("progress", f'"{text}"'),)))


async def test_new_events_are_sent_and_old_ones_are_not() -> None:
    store, browser = Flaky(), Browser()
    streams = Streams(store, store, 5)
    async with streams.running():
        await say(store, "old")
        task = opened(streams, browser)
        await until(lambda: store.sizes)
        await say(store, "new")
        await until(lambda: "new" in browser.body)
        assert browser.body == 'retry: 2000\n\nid: 2-0\nevent: progress\ndata: "new"\n\n'
        browser.gone.set()
        await task
    assert browser.sent[-1].get("more_body", False)  # who has gone is told nothing


async def test_streams_that_are_woken_together_are_read_together() -> None:
    store, browsers = Flaky(), [Browser() for _ in range(19)]
    streams = Streams(store, store, 50)
    async with streams.running():
        tasks = [opened(streams, browser) for browser in browsers]
        await until(lambda: sum(store.sizes) == 19)
        store.sizes.clear()
        await say(store, "new")
        await until(lambda: all("new" in browser.body for browser in browsers))
        assert len(store.sizes) <= 4
    for task in tasks:
        await task
    assert all(browser.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False} for browser in browsers)


@pytest.mark.parametrize("error", [QueueUnavailable("away"), ZeroDivisionError("a mistake of ours")])
async def test_the_next_look_brings_what_a_failed_one_did_not(error: Exception) -> None:
    store, browser = Flaky(), Browser()
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context))
    streams = Streams(store, store, 5, heartbeat_s=0.05)
    async with streams.running():
        task = opened(streams, browser, "0-0")
        await until(lambda: store.sizes)
        store.errors.append(error)
        await say(store, "new")
        await until(lambda: "new" in browser.body)
        await until(lambda: ": hb" in browser.body)
        browser.gone.set()
        await task
    assert browser.body.count("new") == 1


async def test_a_gap_is_told_once_and_the_stream_goes_on() -> None:
    store, browser = Flaky(), Browser()
    streams = Streams(store, store, 5)
    async with streams.running():
        await say(store, "old")
        task = opened(streams, browser, "99-0")
        await until(lambda: "resync" in browser.body)
        await say(store, "new")
        await until(lambda: "new" in browser.body)
        assert browser.body == 'retry: 2000\n\nid: 1-0\nevent: resync\ndata: {}\n\nid: 2-0\nevent: progress\ndata: "new"\n\n'
        browser.gone.set()
        await task


class Stuck(Browser):
    """A browser that has stopped reading, and whose connection has no room left."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if len(self.sent) > 2:
            await asyncio.Event().wait()


async def test_one_that_reads_nothing_keeps_no_other_waiting_and_is_let_go() -> None:
    store, stuck, browser = Flaky(), Stuck(), Browser()
    streams = Streams(store, store, 5)
    async with asyncio.timeout(60):
        async with streams.running():
            tasks = [opened(streams, stuck), opened(streams, browser)]
            await until(lambda: sum(store.sizes) == 2)
            for n in range(50):
                await say(store, f"new {n}.")
                await until(lambda n=n: f"new {n}." in browser.body)
            assert len(stuck.sent) == 3  # what it does not take isn't gathered for it
        await asyncio.gather(*tasks)


async def test_there_are_so_many_and_no_more() -> None:
    store = Flaky()
    streams = Streams(store, store, MOST_PER_SESSION + 1)
    async with streams.running():
        browsers = [Browser() for _ in range(MOST_PER_SESSION + 1)]
        tasks = [opened(streams, browser) for browser in browsers[1:]]
        await until(lambda: all(browser.sent for browser in browsers[1:]))
        with pytest.raises(TooManyStreams, match="this session"):
            streams.open("o", CID, None)
        tasks.append(opened(streams, browsers[0], owner="other"))
        await until(lambda: browsers[0].sent)
        with pytest.raises(TooManyStreams, match="here"):
            streams.open("another", CID, None)
        browsers[0].gone.set()
        await tasks.pop()
        streams.open("another", CID, None)
        streams.close()
        await asyncio.gather(*tasks)
        with pytest.raises(TooManyStreams):
            streams.open("o", CID, None)
