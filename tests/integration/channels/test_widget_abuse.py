"""Attacks on the widget's routes over real HTTP: each is refused in words that help, or does no harm."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent.channels import intake
from agent.channels.widget.bodies import MAX_BODY
from tests.integration.channels.widget_world import JWT_SECRET, SHOP, Browser, WidgetWorld, now, widget_world

pytestmark = pytest.mark.slow
SCRIPT = "<script>alert(1)</script>"
CONTROLS = "a\x00b\x07c\x1bd\x7fe\x85f\u202eg\u2066h"
CLEAN = "abcdefgh"


@pytest.fixture
async def world(redis_url: str) -> AsyncIterator[WidgetWorld]:
    async with widget_world(redis_url) as world:
        yield world


def error(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and words of a refusal, which is JSON and nothing that a browser could take for a page."""
    assert response.headers["content-type"] == "application/json"
    told = response.json()["error"]
    return response.status_code, told["code"], told["message"]


def claims(**changes: Any) -> dict[str, Any]:
    whole = {"sub": "user-42", "iat": now(), "exp": now() + 300, "aud": "shop", "jti": str(uuid.uuid4())} | changes
    return {name: value for name, value in whole.items() if value is not None}


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forged_tokens() -> dict[str, str]:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    header = base64.urlsafe_b64encode(b"[" * 3000).decode().rstrip("=")
    return {
        "no signature": f"{part({'alg': 'none'})}.{part(claims())}.",
        "signature taken off": jwt.encode(claims(), JWT_SECRET, "HS256").rpartition(".")[0] + ".",
        "another algorithm": jwt.encode(claims(), JWT_SECRET, "HS384"),
        "another key": jwt.encode(claims(), "another secret, of more than thirty-two bytes", "HS256"),
        "another kind of key": jwt.encode(claims(), pem, "RS256"),
        "key by its own header": jwt.encode(
            claims(), pem, "RS256", {"jwk": {"kty": "oct", "k": "AAAA"}, "kid": "../../dev/null"}
        ),
        "over": jwt.encode(claims(iat=now() - 300, exp=now() - 60), JWT_SECRET, "HS256"),
        "not yet": jwt.encode(claims(iat=now() + 120, exp=now() + 300), JWT_SECRET, "HS256"),
        "never over": jwt.encode(claims(exp=now() + 10 * 365 * 86400), JWT_SECRET, "HS256"),
        "no end": jwt.encode(claims(exp=None), JWT_SECRET, "HS256"),
        "endless": f"{part({'alg': 'HS256'})}.{part(claims(exp=float('inf')))}.x",
        "another site": jwt.encode(claims(aud="other"), JWT_SECRET, "HS256"),
        "deep": f"{header}.e30.x",
        "huge": "a" * 8000,
    }


async def test_a_forged_token_is_nobody(world: WidgetWorld) -> None:
    for kind, token in forged_tokens().items():
        response = await world.browser().post("/widget/sessions", {"site": "shop", "token": token})
        status, code, words = error(response)
        assert (status, code) == (401, "identity_invalid"), kind
        assert "token is" in words
        assert "user-42" not in response.text
        assert token[:20] not in response.text


async def test_a_token_that_was_used_at_one_replica_is_used_at_all(redis_url: str) -> None:
    async with widget_world(redis_url, replicas=2) as world:
        token = jwt.encode(claims(), JWT_SECRET, "HS256")
        await world.browser(0).begin(token=token)
        for replica in (0, 1):
            response = await world.browser(replica).post("/widget/sessions", {"site": "shop", "token": token})
            assert error(response)[:2] == (401, "identity_invalid")
            assert "make a new one each time" in error(response)[2]


@pytest.mark.parametrize(
    "claim", [{"iat": float("nan")}, {"exp": float("inf")}, {"iat": True}, {"exp": "soon"}, {"aud": 7}, {"sub": 7}]
)
async def test_a_signed_token_of_nonsense_is_refused_too(world: WidgetWorld, claim: dict[str, Any]) -> None:
    """What the site itself has signed wrongly: not an attack, and still no error of ours."""
    encoded = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims() | claim)}"
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(encoded.encode(), JWT_SECRET.encode())
    token = f"{encoded}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    response = await world.browser().post("/widget/sessions", {"site": "shop", "token": token})
    assert error(response)[:2] == (401, "identity_invalid")


def json_headers(browser: Browser, **more: str) -> dict[str, str]:
    return browser.headers(content_type="application/json", idempotency_key=str(uuid.uuid4()), **more)


async def answered(browser: Browser, path: str, begun: bytes, **more: str) -> tuple[str, float]:
    """What comes back to a POST whose body has begun and never ends, and after how many seconds."""
    host, _, port = browser.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    fields = {"host": "x"} | json_headers(browser) | {name.replace("_", "-"): value for name, value in more.items()}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + begun)
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(60):
        answer = (await reader.read(4096)).decode()
    writer.close()
    return answer, asyncio.get_running_loop().time() - began


PATHS = ("sessions", "conversations", "conversations/{cid}/messages", "conversations/{cid}/handoff")


async def test_a_body_over_the_limit_is_refused_before_its_end_whatever_it_announces(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    for path in PATHS:
        url = f"/widget/{path.format(cid=cid)}"
        for begun, more in (
            (chunk * 5, {"transfer_encoding": "chunked"}),
            (b'{"text":"', {"content_length": "99999999999"}),
            (b"x" * (MAX_BODY + 1), {"content_length": str(MAX_BODY + 1)}),
        ):
            answer, _ = await answered(browser, url, begun, **more)
            assert answer.startswith("HTTP/1.1 413"), answer
            assert f"over the limit of {MAX_BODY} bytes" in answer
    assert (await browser.messages(cid))["messages"] == []


async def test_a_body_that_never_ends_is_given_up(world: WidgetWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BODY_TIMEOUT_S", 0.3)
    browser, cid = await world.talk()
    for path in PATHS:
        answer, seconds = await answered(browser, f"/widget/{path.format(cid=cid)}", b'{"text":', content_length="100")
        assert answer.startswith("HTTP/1.1 408"), answer
        assert "body_too_slow" in answer
        assert seconds < 5


async def test_deep_and_wide_json_is_refused_everywhere(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    one = f"{browser.base}/widget/conversations/{cid}"
    nests = (b"[" * 30_000 + b"]" * 30_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b'{"text":' + b"[" * 50_000)
    urls = (f"{browser.base}/widget/sessions", f"{browser.base}/widget/conversations", f"{one}/messages", f"{one}/handoff")
    for url in (*urls, f"{one}/messages/out_1/feedback"):
        for body in nests:
            response = await world.client.post(url, content=body, headers=json_headers(browser))
            assert error(response)[:2] == (400, "json_invalid")
    deep = b'{"text":"hi","more":' + b"[" * 150 + b"]" * 150 + b"}"
    assert (await world.client.post(f"{one}/messages", content=deep, headers=json_headers(browser))).status_code == 202


async def test_a_huge_place_to_go_on_from_opens_no_stream(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    url = f"{browser.base}/widget/conversations/{cid}/events"
    for size, statuses in ((100, {422}), (30_000, {422}), (200_000, {400, 422, 431})):
        async with asyncio.timeout(60):
            response = await world.client.get(url, headers=browser.headers(last_event_id="9" * size))
        assert response.status_code in statuses
    for place in ("999999999999999-999999999999999", "0-999999999999999", "000000000000000-0"):
        async with browser.events(cid, after=place) as stream:
            assert stream.response.status_code == 200


async def test_control_characters_are_kept_nowhere(world: WidgetWorld) -> None:
    browser = world.browser()
    await browser.begin(name=CONTROLS)
    cid = await browser.converse()
    await browser.say(cid, f"{CONTROLS}\r\n\ttext\u0000")
    await world.worker.drain()
    await world.people.say(cid, "desk-1", CONTROLS, "2026-11-24T10:00:00Z", None)
    messages = (await browser.messages(cid))["messages"]
    assert messages[0]["text"] == f"{CLEAN}\n\ttext"
    assert messages[-1]["text"] == CLEAN


async def test_no_text_can_make_an_event_of_its_own(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    world.worker.is_paused = True
    forged = 'x\n\nid: 9-9\nevent: handoff.joined\ndata: {"person":"joined"}\n\n\r\revent: y\u2028event: z\u0085event: w'
    async with browser.events(cid) as stream:
        await browser.say(cid, forged)
        name, data = await stream.next()
        assert name == "message.created"
        assert 'event: handoff.joined\ndata: {"person":"joined"}' in data["text"]
        assert (await stream.next())[0] == "progress"
    raw = await browser.get(f"/widget/conversations/{cid}/messages")
    assert raw.json()["state"]["person"] is None


async def test_nothing_that_was_sent_comes_back_in_a_refusal(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    one = f"/widget/conversations/{cid}"
    refused = [
        await browser.post("/widget/sessions", {"site": SCRIPT}),
        await browser.post("/widget/sessions", {"site": "shop", "token": SCRIPT}),
        await browser.post("/widget/sessions", {"site": "shop", "identifier": SCRIPT, "identifier_hash": SCRIPT}),
        await browser.post("/widget/sessions", {"site": "shop", "locale": SCRIPT}),
        await browser.post("/widget/sessions", {SCRIPT: SCRIPT}),
        await browser.post(f"{one}/messages", {"text": "hi"}, idempotency_key=SCRIPT),
        await browser.post(f"{one}/handoff", {"email": SCRIPT}, idempotency_key="x" * 10),
        await browser.post(f"{one}/messages/{SCRIPT}/feedback", {"value": "up"}),
        await browser.post(f"{one}/messages/out_1/feedback", {"value": SCRIPT}),
        await browser.get(f"/widget/conversations/{SCRIPT}/messages"),
        await browser.get(f"/widget/{SCRIPT}"),
        await browser.get(f"{one}/events", last_event_id=SCRIPT),
        await browser.get(f"/widget/locales/{SCRIPT}.json"),
        await browser.get(f"/widget/{SCRIPT}/widget.js"),
        await world.client.get(f"{browser.base}{one}/messages", headers={"origin": SCRIPT}),
        await world.client.get(f"{browser.base}{one}/messages", headers={"origin": SHOP, "authorization": f"Bearer {SCRIPT}"}),
    ]
    for response in refused:
        assert 400 <= response.status_code < 500
        error(response)
        assert "alert(1)" not in response.text
        assert "alert(1)" not in str(response.headers)


ADVICE = [
    ("/widget/sessions", {"site": "nobody"}, {}, (404, "site_unknown"), "add it to INNKEEPER_SITES"),
    ("/widget/sessions", {"site": "shop"}, {"origin": "https://evil.example"}, (403, "origin_refused"), "list of origins"),
    (
        "/widget/sessions",
        {"site": "shop"},
        {"content-type": "text/plain"},
        (415, "content_type_unsupported"),
        "send content-type",
    ),
    ("/widget/sessions", {"site": "shop", "identifier": "a"}, {}, (401, "identity_invalid"), "identifier_hash is not"),
    ("/widget/conversations", {}, {"authorization": "Bearer x"}, (401, "session_invalid"), "send the session as"),
    ("/widget/conversations", {}, {"authorization": f"Bearer {'x' * 43}"}, (401, "session_invalid"), "begin a new one"),
    ("{one}/messages", {"text": "x" * 4001}, {}, (422, "payload_invalid"), "text: String should have at most 4000 characters"),
    ("{one}/messages", {"text": "x"}, {"idempotency-key": ""}, (422, "payload_invalid"), "send a new UUID with each message"),
    ("{one}/handoff", {"email": "nobody"}, {}, (422, "payload_invalid"), "email: "),
]


async def test_a_refusal_says_what_is_wrong_and_what_to_do(world: WidgetWorld) -> None:
    browser, cid = await world.talk()
    for path, body, changes, expected, advice in ADVICE:
        url = browser.base + path.format(one=f"/widget/conversations/{cid}")
        response = await world.client.post(url, content=json.dumps(body), headers=json_headers(browser) | changes)
        status, code, words = error(response)
        assert (status, code) == expected
        assert advice in words


async def test_behind_a_proxy_each_customer_has_their_own_limit_and_cannot_invent_another(redis_url: str) -> None:
    """uvicorn believes a proxy on this machine, or those of FORWARDED_ALLOW_IPS, and of its list the last address alone."""
    async with widget_world(redis_url, address_sessions=2) as world:

        async def begin(forwarded: str) -> int:
            return (await world.browser().post("/widget/sessions", {"site": "shop"}, x_forwarded_for=forwarded)).status_code

        assert [await begin("203.0.113.7") for _ in range(3)] == [201, 201, 429]
        assert [await begin("203.0.113.8") for _ in range(2)] == [201, 201]
        assert [await begin(f"198.51.100.{n}, 203.0.113.8") for n in range(3)] == [429] * 3
