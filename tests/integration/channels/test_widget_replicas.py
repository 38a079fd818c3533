"""Any replica serves any browser: one dies, and nothing is lost or doubled."""

import asyncio
import uuid

import pytest

from tests.integration.channels.widget_world import widget_world

pytestmark = pytest.mark.slow


async def test_what_one_replica_takes_the_other_shows(redis_url: str) -> None:
    async with widget_world(redis_url, replicas=2) as world:
        browser, cid = await world.talk(0)
        elsewhere = world.browser(1)
        elsewhere.token = browser.token
        async with elsewhere.events(cid) as stream:
            await browser.say(cid)
            assert (await stream.until("message.completed"))[0][0] == "message.created"
        assert await elsewhere.messages(cid) == await browser.messages(cid)


async def test_clients_of_a_replica_that_stops_go_on_at_another_without_a_lost_or_doubled_event(redis_url: str) -> None:
    async with widget_world(redis_url, replicas=2) as world, asyncio.timeout(60):
        browser, cid = await world.talk(0)
        elsewhere = world.browser(1)
        elsewhere.token = browser.token
        seen: list[tuple[str, object]] = []
        async with browser.events(cid) as stream:
            await browser.say(cid)
            seen += await stream.until("message.completed")
            last = stream.last_id
            world.replicas[0].streams.close()
            with pytest.raises(EOFError):
                await stream.next()
        key = str(uuid.uuid4())
        refused = await browser.get(f"/widget/conversations/{cid}/events")
        assert refused.status_code == 503
        sent = [await page.say(cid, "And a cat, per night?", key) for page in (browser, elsewhere)]  # a repeat, elsewhere
        assert sent[0].json() == sent[1].json()
        await world.worker.drain()
        async with elsewhere.events(cid, after=last) as stream:
            seen += await stream.until("message.completed")
        async with elsewhere.events(cid, after="0-0") as stream:
            everything = await stream.until("message.completed") + await stream.until("message.completed")
        assert seen == everything
        roles = [message["role"] for message in (await elsewhere.messages(cid))["messages"]]
        assert roles == ["customer", "assistant"] * 2
