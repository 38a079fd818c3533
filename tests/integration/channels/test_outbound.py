import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from agent.channels.outbound import TIMEOUT_S, WebhookSender, new_client
from agent.channels.standard_webhooks import Verifier
from agent.errors import HelpdeskRefused, HelpdeskUnavailable
from agent.helpdesk_settings import HelpdeskSettings
from tests.integration.channels.world import SECRET, served
from tests.unit.channels.test_surface_and_events import entry

pytestmark = pytest.mark.slow


@dataclass
class Receiver:
    """A helpdesk that answers with the status it is told, or only much later."""

    base: str = ""
    status: int = 200
    wait_s: float = 0
    taken: list[tuple[httpx.Headers, bytes]] = field(default_factory=list)

    def sender(self, client: httpx.AsyncClient, url: str | None = None, timeout_s: float = TIMEOUT_S) -> WebhookSender:
        desk = HelpdeskSettings(secrets=(SECRET,), reply_url=url or f"{self.base}/inbox")
        return WebhookSender({"acme": desk}, client, timeout_s=timeout_s)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    state, app = Receiver(), FastAPI()

    @app.post("/inbox")
    async def inbox(request: Request) -> Response:
        state.taken.append((httpx.Headers(request.headers.raw), await request.body()))
        await asyncio.sleep(state.wait_s)
        return Response(status_code=state.status, headers={"location": "/elsewhere"})

    async with served(app) as base:
        state.base = base
        yield state


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with new_client() as client:
        yield client


async def test_an_entry_arrives_signed_and_marked(receiver: Receiver, client: httpx.AsyncClient):
    await receiver.sender(client).send(entry())
    headers, body = receiver.taken[0]
    assert Verifier([SECRET]).verify(headers, body) == "out-1"
    assert headers["x-ai-generated"] == "true"
    assert headers["content-type"] == "application/json"


async def test_a_retry_carries_the_same_id_and_bytes(receiver: Receiver, client: httpx.AsyncClient):
    receiver.status = 503
    with pytest.raises(HelpdeskUnavailable):
        await receiver.sender(client).send(entry())
    receiver.status = 200
    await receiver.sender(client).send(entry())
    (first, first_body), (second, second_body) = receiver.taken
    assert (first["webhook-id"], first_body) == (second["webhook-id"], second_body)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_2xx_is_delivered(receiver: Receiver, client: httpx.AsyncClient, status):
    receiver.status = status
    await receiver.sender(client).send(entry())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
async def test_4xx_is_refused_for_good(receiver: Receiver, client: httpx.AsyncClient, status):
    receiver.status = status
    with pytest.raises(HelpdeskRefused, match=str(status)):
        await receiver.sender(client).send(entry())


@pytest.mark.parametrize("status", [301, 302, 307, 408, 409, 425, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again_and_no_redirect_is_followed(receiver: Receiver, client: httpx.AsyncClient, status):
    receiver.status = status
    with pytest.raises(HelpdeskUnavailable, match=str(status)):
        await receiver.sender(client).send(entry())
    assert len(receiver.taken) == 1


async def test_a_slow_or_absent_helpdesk_is_unavailable(receiver: Receiver, client: httpx.AsyncClient):
    receiver.wait_s = 2
    with pytest.raises(HelpdeskUnavailable, match="did not answer"):
        await receiver.sender(client, timeout_s=0.5).send(entry())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(HelpdeskUnavailable, match="can't be reached"):
            await receiver.sender(client, f"http://127.0.0.1:{closed.getsockname()[1]}/").send(entry())


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "not a url", "http://a:notaport/"])
async def test_an_address_that_cant_work_is_refused(receiver: Receiver, client: httpx.AsyncClient, url):
    with pytest.raises(HelpdeskRefused, match="reply_url"):
        await receiver.sender(client, url).send(entry())


async def test_a_helpdesk_that_is_gone_from_the_settings_is_refused(client: httpx.AsyncClient):
    with pytest.raises(HelpdeskRefused, match="not configured"):
        await WebhookSender({}, client).send(entry())
