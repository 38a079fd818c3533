"""The chat widget on the started product: a cited answer, and an API process that is killed under its clients."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.product import ANSWERS_IN_S, INNKEEPER, ROOT, ModelServer, Product, http, product, until
from tests.integration.channels.widget_world import SHOP, Browser
from tests.servers import free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def house(tmp_path: Path, knowledge: Path, model: ModelServer) -> Iterator[Product]:
    sites = json.dumps({"shop": {"name": "Shop", "origins": [SHOP]}})
    with product(tmp_path, knowledge, model.url, INNKEEPER_SITES=sites) as made:
        made.start("serve", "worker")
        yield made


@pytest.fixture
def second(house: Product) -> Iterator[str]:
    """Another API process beside it."""
    port = free_port()
    with house.log("second").open("wb") as log:
        env = house.environment(INNKEEPER_PORT=str(port))
        process = subprocess.Popen((*INNKEEPER, "serve"), cwd=ROOT, env=env, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return http().get(f"{url}/healthz").is_success
        except httpx.HTTPError:
            return False

    try:
        until(answers, 240, house.log("second").read_text)
        yield url
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


async def test_clients_of_a_killed_process_go_on_at_another(house: Product, second: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWERS_IN_S) as client, asyncio.timeout(2 * ANSWERS_IN_S):
        one = Browser(house.url, client)
        await one.begin()
        cid = await one.converse()
        other = Browser(second, client, token=one.token)
        async with one.events(cid) as stream, other.events(cid) as standing:
            stream.wait_s = standing.wait_s = ANSWERS_IN_S
            assert (await one.say(cid, "How much do I get back if I cancel three days before check-in?")).status_code == 202
            seen = await stream.until("message.completed")
            assert "50%" in seen[-1][1]["text"]
            assert seen[-1][1]["citations"]
            assert [data["stage"] for name, data in seen if name == "progress"][:2] == ["received", "searching"]
            assert await standing.until("message.completed") == seen
            house.kill("serve")
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError, EOFError)):
                await stream.next()
            # A repeat of what may or may not have got through, then the rest, elsewhere.
            sent = [await other.say(cid, "Can I bring my dog?", "the-same-key") for _ in range(2)]
            assert sent[0].json() == sent[1].json()
            async with other.events(cid, after=stream.last_id) as resumed:
                resumed.wait_s = ANSWERS_IN_S
                rest = await resumed.until("message.completed")
            assert await standing.until("message.completed") == rest
        messages = (await other.messages(cid))["messages"]
        assert [message["role"] for message in messages] == ["customer", "assistant"] * 2
        shown = [data["id"] for name, data in seen + rest if name in ("message.created", "message.completed")]
        assert shown == [message["id"] for message in messages]
        async with other.events(cid) as last:
            asked = await other.post(f"/widget/conversations/{cid}/handoff", {}, idempotency_key="press-the-button")
            assert asked.status_code == 202
            assert (await last.until("handoff.requested"))[-1][1]["person"] == "requested"
