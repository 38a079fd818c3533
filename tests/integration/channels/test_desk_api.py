"""A call of a helpdesk's API against servers that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from agent.channels.helpdesks import http
from agent.channels.helpdesks.http import DeskApi
from agent.errors import HelpdeskRefused, HelpdeskUnavailable, TicketMissing
from agent.helpdesk_settings import DeskSettings

HEAD = b"HTTP/1.1 %d x\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def api(answer: Answer, timeout_s: float = 5.0) -> AsyncIterator[DeskApi]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await answer(writer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    desk = DeskApi("desk", DeskSettings(url=url, token="t", timeout_s=timeout_s), {})
    try:
        yield desk
    finally:
        await desk.aclose()
        server.close()


def says(status: int, body: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD % status + body)

    return answer


async def trickles(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD % 200)
    for _ in range(100):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_an_answer_that_trickles_in_is_given_up() -> None:
    async with api(trickles, 0.5) as desk:
        with pytest.raises(HelpdeskUnavailable, match=r"did not end its answer to GET /x in 3 s"):
            await desk.get("/x")


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with api(says(200, b"[1]")) as desk:
        assert await desk.get("/x") == [1]


async def test_an_answer_without_end_is_refused() -> None:
    async with api(says(200, b" " * (http.MOST_BYTES + 1))) as desk:
        with pytest.raises(HelpdeskRefused, match="more than"):
            await desk.get("/x")


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"[" * 200_000, b"\xff\xfe"])
async def test_what_is_not_json_may_be_a_wrong_address(body: bytes) -> None:
    async with api(says(200, body)) as desk:
        with pytest.raises(HelpdeskUnavailable, match="is its address right"):
            await desk.get("/x")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, HelpdeskUnavailable),
        (403, HelpdeskUnavailable),
        (404, TicketMissing),
        (410, TicketMissing),
        (302, HelpdeskUnavailable),
        (409, HelpdeskUnavailable),
        (429, HelpdeskUnavailable),
        (400, HelpdeskRefused),
        (422, HelpdeskRefused),
        (500, HelpdeskUnavailable),
        (503, HelpdeskUnavailable),
    ],
)
async def test_what_a_status_means(status: int, kind: type[Exception]) -> None:
    async with api(says(status, b'{"message": "Emily writes"}')) as desk:
        with pytest.raises(kind) as told:
            await desk.get("/x")
    assert type(told.value) is kind
    assert "Emily" not in str(told.value)
