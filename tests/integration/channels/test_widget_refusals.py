"""What the widget's routes refuse, and how: forged pages, stolen ids, replayed tokens, nonsense, floods."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import jwt
import pytest

from tests.integration.channels.widget_world import (
    IDENTITY_SECRET,
    JWT_SECRET,
    OTHER,
    SHOP,
    Browser,
    WidgetWorld,
    now,
    widget_world,
)

pytestmark = pytest.mark.slow
HASH = "a2fbd0fca4f5723d538b69612af2cc69ddfd4a9a25594f748a52e7283b6f25f5"
UNKNOWN = "x" * 24
FORGED = (
    "",
    "null",
    "https://evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://shop.example:443",
    "https://shop.example.evil",
    "https://shop.example.",
    "https://evilshop.example",
    "https://www.shop.example",
    "https://shop.example@evil.example",
    "https://shop.example/",
    "https://shop.example, https://evil.example",
    "https://SHOP.example",
    "HTTPS://shop.example",
    "shop.example",
    "*",
)


@pytest.fixture
async def world(redis_url: str) -> AsyncIterator[WidgetWorld]:
    async with widget_world(redis_url) as world:
        yield world


def code(response: httpx.Response) -> tuple[int, str]:
    error = response.json()["error"]
    assert set(error) == {"code", "message"}
    assert error["message"]
    return response.status_code, error["code"]


def token(**changes: Any) -> str:
    claims = {"sub": "user-42", "iat": now(), "exp": now() + 300, "aud": "shop", "jti": str(uuid.uuid4())} | changes
    return jwt.encode(claims, JWT_SECRET, "HS256")


def every_route(cid: str) -> list[tuple[str, str, Any]]:
    one = f"/widget/conversations/{cid}"
    return [
        ("POST", "/widget/sessions", {"site": "shop"}),
        ("POST", "/widget/conversations", {}),
        ("POST", f"{one}/messages", {"text": "hi"}),
        ("GET", f"{one}/messages", None),
        ("GET", f"{one}/events", None),
        ("POST", f"{one}/handoff", {}),
        ("POST", f"{one}/messages/out_1/feedback", {"value": "up"}),
    ]


async def call(browser: Browser, route: tuple[str, str, Any], **headers: str) -> httpx.Response:
    method, path, body = route
    sent = browser.headers(idempotency_key=str(uuid.uuid4()), **headers)
    return await browser.client.request(method, browser.base + path, json=body, headers=sent)


async def test_a_page_of_no_site_is_refused_on_every_route(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    for origin in (None, *FORGED):
        browser.origin = origin
        for route in every_route(cid):
            response = await call(browser, route)
            assert code(response) == (403, "origin_refused")
            assert "access-control-allow-origin" not in response.headers


async def test_a_page_of_another_site_is_refused_too(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    browser.origin = OTHER
    for route in every_route(cid):
        assert code(await call(browser, route)) == (403, "origin_refused")


async def test_our_own_page_may_leave_its_origin_out_of_a_get_and_of_nothing_else(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    browser.origin = None
    for method, path, body in every_route(cid):
        if method == "POST":
            assert code(await call(browser, (method, path, body), sec_fetch_site="same-origin"))[0] == 403
        else:
            assert code(await call(browser, (method, path, body), sec_fetch_site="cross-site"))[0] == 403
    assert (await browser.get(f"/widget/conversations/{cid}/messages", sec_fetch_site="same-origin")).status_code == 200


async def test_preflights_are_answered_for_pages_of_sites_only(world: WidgetWorld) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for origin in (SHOP, OTHER, "https://evil.example"):
        url = f"{world.replicas[0].base}/widget/conversations"
        response = await world.client.options(url, headers=asked | {"origin": origin})
        if origin.startswith("https://evil"):
            assert code(response) == (403, "origin_refused")
            continue
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (204, origin)
        assert response.headers["access-control-allow-headers"] == "authorization, content-type, idempotency-key, last-event-id"
        assert (response.headers["access-control-max-age"], response.headers["vary"]) == ("600", "Origin")
        assert "access-control-allow-credentials" not in response.headers


async def test_an_answer_may_be_read_by_its_page_even_if_it_is_an_error(world: WidgetWorld) -> None:
    browser = world.browser()
    response = await browser.get(f"/widget/conversations/{UNKNOWN}/messages")
    assert code(response) == (401, "session_invalid")
    assert (response.headers["access-control-allow-origin"], response.headers["cache-control"]) == (SHOP, "no-store")


async def test_without_a_session_nothing_is_told(world: WidgetWorld) -> None:
    _, cid = await world.talk()
    for bearer in ("nonsense", "x" * 43, "a" * 500, "é" * 43):
        headers = {b"origin": SHOP.encode(), b"authorization": f"Bearer {bearer}".encode("latin-1")}
        for method, path, body in every_route(cid)[1:]:
            url = world.replicas[0].base + path
            response = await world.client.request(method, url, json=body, headers=list(headers.items()))
            assert code(response) == (401, "session_invalid")


async def test_a_stolen_conversation_id_is_worth_nothing(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    await browser.say(cid)
    await world.worker.drain()
    thief = world.browser()
    await thief.begin()
    verified = world.browser()
    await verified.begin(token=token())
    for stranger in (thief, verified):
        for route in every_route(cid)[2:]:
            assert code(await call(stranger, route)) == (404, "conversation_missing")
    missing = [await call(thief, route) for route in every_route(UNKNOWN)[2:]]
    stolen = [await call(thief, route) for route in every_route(cid)[2:]]
    assert [response.text for response in missing] == [response.text for response in stolen]
    for odd in ("..", "short", "a" * 65, "x" * 23 + "*", "x" * 23 + "%00"):
        response = await thief.get(f"/widget/conversations/{odd}/messages")
        assert response.status_code == 404
    assert len((await browser.messages(cid))["messages"]) == 2


async def test_a_verified_customer_finds_the_open_conversation_again_and_nobody_else_does(world: WidgetWorld) -> None:
    phone = world.browser()
    assert (await phone.begin(token=token()))["conversation"] is None
    cid = await phone.converse()
    laptop = world.browser()
    body = await laptop.begin(identifier="user-42", identifier_hash=HASH)
    assert (body["verified"], body["conversation"]) == (True, {"id": cid})
    assert (await laptop.messages(cid))["messages"] == []
    other = await world.browser().begin(token=token(sub="user-43"))
    assert (other["verified"], other["conversation"]) == (True, None)
    await world.people.close(cid, "closed")
    assert (await world.browser().begin(token=token()))["conversation"] is None
    assert IDENTITY_SECRET not in json.dumps(body)


async def test_who_proves_nothing_is_refused_and_not_taken_for_anonymous(world: WidgetWorld) -> None:
    used = token()
    assert (await world.browser().post("/widget/sessions", {"site": "shop", "token": used})).status_code == 201
    for body in (
        {"token": used},
        {"token": token(exp=now() - 60, iat=now() - 120)},
        {"token": token(aud="other")},
        {"token": "x.y.z"},
        {"identifier": "user-43", "identifier_hash": HASH},
        {"identifier": "user-42"},
        {"token": "", "identifier": "user-42", "identifier_hash": HASH},
    ):
        response = await world.browser().post("/widget/sessions", {"site": "shop", **body})
        assert code(response) == (401, "identity_invalid")


async def test_a_token_raced_by_many_begins_one_session(world: WidgetWorld) -> None:
    one = token()
    begun = [world.browser().post("/widget/sessions", {"site": "shop", "token": one}) for _ in range(10)]
    assert sorted(response.status_code for response in await asyncio.gather(*begun)) == [201] + [401] * 9


async def test_a_site_that_is_none_is_told(world: WidgetWorld) -> None:
    assert code(await world.browser().post("/widget/sessions", {"site": "nobody"})) == (404, "site_unknown")


def message(body: bytes, **headers: str) -> tuple[bytes, dict[str, str]]:
    return body, {"content-type": "application/json", "idempotency-key": str(uuid.uuid4())} | headers


NONSENSE = [
    (message(b'{"text":"hi"}', **{"content-type": "text/plain"}), (415, "content_type_unsupported")),
    (message(b'{"text":'), (400, "json_invalid")),
    (message(b"[" * 60_000), (400, "json_invalid")),
    (message(b'{"text":"\\ud800"}'), (400, "json_invalid")),
    (message(b'{"text":"\xff"}'), (400, "json_invalid")),
    (message(b"[]"), (422, "payload_invalid")),
    (message(b'"text"'), (422, "payload_invalid")),
    (message(b"{}"), (422, "payload_invalid")),
    (message(b'{"text":null}'), (422, "payload_invalid")),
    (message(b'{"text":5}'), (422, "payload_invalid")),
    (message(b'{"text":" \\u0000\\u202e "}'), (422, "payload_invalid")),
    (message(json.dumps({"text": "x" * 4001}).encode()), (422, "payload_invalid")),
    (message(json.dumps({"text": "x" * 70_000}).encode()), (413, "body_too_large")),
    (message(b'{"text":"hi"}', **{"idempotency-key": ""}), (422, "payload_invalid")),
    (message(b'{"text":"hi"}', **{"idempotency-key": "a b c d e f"}), (422, "payload_invalid")),
    (message(b'{"text":"hi"}', **{"idempotency-key": "x" * 65}), (422, "payload_invalid")),
]


async def test_nonsense_is_refused_and_adds_nothing(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    url = f"{browser.base}/widget/conversations/{cid}/messages"
    for (body, headers), expected in NONSENSE:
        response = await world.client.post(url, content=body, headers=browser.headers() | headers)
        assert code(response) == expected, body[:50]
        assert "xxx" not in response.text
    assert (await browser.messages(cid))["messages"] == []
    assert not world.worker.asked


async def test_the_longest_message_is_taken(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    assert (await browser.say(cid, "€" * 4000)).status_code == 202
    assert (await browser.messages(cid))["messages"][0]["text"] == "€" * 4000


OTHER_NONSENSE = [
    ("handoff", {"email": "nobody"}),
    ("handoff", {"email": "a@b.example\nBcc: c@d.example"}),
    ("handoff", {"email": "a@" + "b" * 300 + ".example"}),
    ("handoff", {"email": "a\x00@b.example"}),
    ("handoff", {"email": "a\u202e@b.example"}),
    ("handoff", {"email": "<script>@b.example"}),
    ("messages/out_1/feedback", {"value": "sideways"}),
    ("messages/out_1/feedback", {"value": "up", "reason": "because"}),
    ("messages/out_1/feedback", {"value": "up", "comment": "x" * 1001}),
]


async def test_other_bodies_are_looked_at_too(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    for path, body in OTHER_NONSENSE:
        response = await browser.post(f"/widget/conversations/{cid}/{path}", body, idempotency_key=str(uuid.uuid4()))
        assert code(response) == (422, "payload_invalid"), body


async def test_an_id_that_was_never_an_events_is_refused(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    url = f"{browser.base}/widget/conversations/{cid}/events"
    for event_id in ("x", "1", "-", "1-", "99999999999999999999-0", "1-0\x00", "$", "+", "١-١", "1-²", "9" * 20_000):
        response = await world.client.get(url, params={"after": event_id}, headers=browser.headers())
        assert code(response) == (422, "payload_invalid")


async def test_session_bodies_are_looked_at(world: WidgetWorld) -> None:
    for body in ({}, {"site": 5}, {"site": "shop", "locale": "<b>"}, {"site": "shop", "name": "x" * 101}, {"site": "x" * 65}):
        assert code(await world.browser().post("/widget/sessions", body)) == (422, "payload_invalid")


async def test_a_flood_is_told_when_to_come_again(redis_url: str) -> None:
    async with widget_world(redis_url, session_messages=3, address_sessions=2) as world:
        browser, cid = await world.talk()
        assert [(await browser.say(cid)).status_code for _ in range(3)] == [202] * 3
        refused = await browser.say(cid)
        assert code(refused) == (429, "too_many_requests")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert refused.headers["access-control-expose-headers"] == "retry-after"
        asked = await browser.post(f"/widget/conversations/{cid}/handoff", {}, idempotency_key=str(uuid.uuid4()))
        assert asked.status_code == 429
        begun = [await browser.post("/widget/conversations", {}) for _ in range(3)]
        assert [response.status_code for response in begun] == [201, 201, 429]  # one was there
        await world.browser().begin()
        assert code(await world.browser().post("/widget/sessions", {"site": "shop"})) == (429, "too_many_requests")


@asynccontextmanager
async def open_streams(browser: Browser, cid: str, count: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(browser.events(cid)) for _ in range(count)]
        assert [await anext(stream.lines) for stream in streams] == ["retry: 2000"] * count
        yield


async def test_streams_are_bounded_by_session_and_by_process(redis_url: str) -> None:
    async with widget_world(redis_url, most=25) as world:
        browser, cid = await world.talk()
        path = f"/widget/conversations/{cid}/events"
        async with asyncio.timeout(60):
            async with open_streams(browser, cid, 20):
                refused = await browser.get(path)
                assert code(refused) == (503, "too_many_streams")
                assert refused.headers["retry-after"] == "5"
                other, other_cid = await world.talk()
                async with open_streams(other, other_cid, 5):
                    third, third_cid = await world.talk()
                    assert code(await third.get(f"/widget/conversations/{third_cid}/events")) == (503, "too_many_streams")
            for _ in range(1000):  # the places of pages that have gone are free again, soon
                async with world.client.stream("GET", browser.base + path, headers=browser.headers()) as response:
                    if response.status_code == 200:
                        break
                await asyncio.sleep(0.05)
            assert response.status_code == 200


async def test_redis_away_is_told_as_that(redis_url: str, world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    from agent.adapters.redis_clients import redis_client

    async with redis_client(redis_url) as redis:
        await redis.config_set("maxmemory", 1)
        try:
            response = await browser.say(cid)
        finally:
            await redis.config_set("maxmemory", 0)
    assert code(response) == (503, "queue_unavailable")
    assert response.headers["access-control-allow-origin"] == SHOP
