"""Who sends a message is told the id that it goes by."""

import asyncio
import json

import pytest

from agent.telemetry import current_trace, trace_id_of
from tests.integration.channels.widget_world import widget_world
from tests.integration.channels.world import World, message_event

pytestmark = pytest.mark.slow
HEADER = "x-innkeeper-trace"


async def test_a_webhook_and_its_repeat_are_told_the_same(world: World) -> None:
    answers = [await world.deliver(message_event()) for _ in range(2)]
    assert {answer.headers[HEADER] for answer in answers} == {trace_id_of("acme:T-81", "M-104")}


async def test_requests_at_the_same_time_do_not_mix(world: World) -> None:
    names = [f"M-{n}" for n in range(20)]
    answers = await asyncio.gather(*(world.deliver(message_event(message_id=name)) for name in names))
    assert [answer.headers[HEADER] for answer in answers] == [trace_id_of("acme:T-81", name) for name in names]
    assert current_trace() is None


async def test_what_is_about_no_message_has_none(world: World) -> None:
    others = [
        await world.client.get(f"{world.base}/healthz"),
        await world.client.get(f"{world.base}/metrics"),
        await world.deliver(b"{}"),
        await world.deliver(message_event(), age_s=4000),
    ]
    assert [HEADER in answer.headers for answer in others] == [False] * 4


async def test_each_question_to_the_api_has_its_own(world: World) -> None:
    body, headers = json.dumps({"question": "Can I bring my dog?"}), {"content-type": "application/json"}
    ids = [(await world.client.post(f"{world.base}/v1/answers", content=body, headers=headers)).headers[HEADER] for _ in range(2)]
    assert len(set(ids)) == 2


async def test_the_widget_is_told(redis_url: str) -> None:
    async with widget_world(redis_url) as world:
        browser, conversation_id = await world.talk()
        answer = await browser.say(conversation_id)
        assert answer.headers[HEADER] == trace_id_of(f"widget:{conversation_id}", answer.json()["id"])
        await world.worker.drain()


async def test_metrics_come_as_openmetrics_where_that_is_asked_for(world: World) -> None:
    asked = {"accept": "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"}
    page = await world.client.get(f"{world.base}/metrics", headers=asked)
    assert page.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert page.text.endswith("# EOF\n")
    plain = await world.client.get(f"{world.base}/metrics", headers={"accept": "*/*"})
    assert plain.headers["content-type"].startswith("text/plain")


async def test_metrics_show_what_is_ready(world: World) -> None:
    world.checks["model"] = False
    page = (await world.client.get(f"{world.base}/metrics")).text
    assert 'innkeeper_ready{dependency="model"} 0.0' in page
    assert 'innkeeper_ready{dependency="redis"} 1.0' in page
