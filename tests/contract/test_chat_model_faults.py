"""The client against a server that misbehaves: bounded retries, a breaker, and errors of ours alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from prometheus_client import REGISTRY

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.adapters.chat_router import RoutedChatModel
from agent.completions import Prompt, Task
from agent.errors import ModelOutputInvalid, ModelUnavailable, SettingsInvalid
from agent.model_profiles import load_profile
from agent.model_routes import Route
from agent.model_sessions import model_session, session_of
from agent.telemetry import MODEL_CALLS
from agent.types import Usage
from tests.faulty_server import USAGE, FaultyServer, Reply, completion, drop, piece, slowly, stall, status, stream

SECRET = "my card is 4111"
ASK = Prompt((("user", f"hello, {SECRET}"),))
ASK_JSON = Prompt((("user", "hello"),), schema={"type": "object"})
Start = Callable[..., Awaitable[tuple[FaultyServer, OpenAIChatModel]]]


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def begin(*script: Reply, profile: str = "qwen3", **settings: object) -> tuple[FaultyServer, OpenAIChatModel]:
            server = await stack.enter_async_context(FaultyServer(list(script)))
            where = ModelServer(**{"base_url": server.base_url, "backoff_s": (0.001, 0.001), "timeout_s": 60.0, **settings})
            return server, await stack.enter_async_context(OpenAIChatModel(load_profile(profile), where))

        yield begin


async def test_dropped_connection_is_tried_again(start: Start):
    server, model = await start(drop, completion("Hi."))
    assert (await model.complete(ASK)).text == "Hi."
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [drop, status(500), status(503), status(408), status(409), status(429)])
async def test_retries_are_bounded(start: Start, fault: Reply):
    server, model = await start(fault)
    with pytest.raises(ModelUnavailable):
        await model.complete(ASK)
    assert len(server.requests) == 3


async def test_short_retry_after_is_honoured_and_a_long_one_is_given_up(start: Start):
    server, model = await start(status(429, retry_after="0"), status(503, retry_after="60"), completion("Hi."))
    with pytest.raises(ModelUnavailable, match="503"):
        await model.complete(ASK)
    assert len(server.requests) == 2


@pytest.mark.parametrize("code", [401, 403, 404, 302])
async def test_wrong_settings_are_named_and_not_retried(start: Start, code: int):
    server, model = await start(status(code, location="http://192.0.2.1/"))
    with pytest.raises(ModelUnavailable, match="INNKEEPER_LLM_"):
        await model.complete(ASK)
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_refused_prompt_is_permanent_and_does_not_open_the_breaker(start: Start, code: int):
    server, model = await start(status(code, {"error": {"message": SECRET}}), failures_to_open=1)
    for _ in range(2):
        with pytest.raises(ModelOutputInvalid):
            await model.complete(ASK)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b'{"choices": []}', b'{"choices": [{"message": {"content": 3}}]}', b"\xff"]
)
async def test_garbage_is_no_completion(start: Start, body: bytes):
    _, model = await start(status(200, body))
    with pytest.raises(ModelOutputInvalid):
        await model.complete(ASK)


@pytest.mark.parametrize("reply", [completion('{"a": 1', finish_reason="length"), completion("Sure!"), completion("")])
async def test_json_that_is_cut_or_no_json_is_invalid(start: Start, reply: Reply):
    _, model = await start(reply)
    with pytest.raises(ModelOutputInvalid):
        await model.complete(ASK_JSON)


async def test_stalling_server_times_out(start: Start):
    server, model = await start(stall, timeout_s=0.2)
    with pytest.raises(ModelUnavailable, match="INNKEEPER_LLM_TIMEOUT_S"):
        await model.complete(ASK)
    assert len(server.requests) == 1


async def test_no_server_is_unavailable_and_not_ready():
    async with OpenAIChatModel(load_profile("qwen3"), ModelServer("http://127.0.0.1:9/v1", backoff_s=())) as model:
        assert not await model.is_ready()
        with pytest.raises(ModelUnavailable):
            await model.complete(ASK)


async def test_breaker_opens_and_closes(start: Start):
    server, model = await start(status(500), failures_to_open=2, open_s=600, backoff_s=())
    for _ in range(4):
        with pytest.raises(ModelUnavailable):
            await model.complete(ASK)
    assert len(server.requests) == 2
    server.script[:] = [completion("Back.")]
    assert await model.is_ready()
    server, model = await start(status(500), failures_to_open=2, open_s=0.2, backoff_s=())
    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            await model.complete(ASK)
    server.script[:] = [completion("Back.")]
    await asyncio.sleep(0.3)
    assert (await model.complete(ASK)).text == "Back."


async def test_errors_hold_neither_prompt_nor_answer(start: Start):
    _, model = await start(status(400, {"error": {"message": SECRET}}))
    with pytest.raises(ModelOutputInvalid) as caught:
        await model.complete(ASK)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_thoughts_are_never_shown(start: Start):
    _, model = await start(completion("<think>He lies.</think>\nHi.", reasoning_content="He lies.", reasoning="He lies."))
    assert (await model.complete(ASK)).text == "Hi."


async def test_request_has_the_profile_in_it(start: Start):
    server, model = await start(completion('{"a": 1}'), model="tuned")
    await model.complete(ASK_JSON)
    body = server.requests[0].body
    assert server.requests[0].path == "/v1/chat/completions"
    assert body["model"] == "tuned"
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert (body["temperature"], body["top_p"], body["top_k"], body["presence_penalty"]) == (0.2, 0.8, 20, 0.0)
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}


async def test_environment_adds_nothing(start: Start, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:3128")
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_BASE_URL", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "from-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-custom: from-environment")
    server, model = await start(completion("Hi."))
    await model.complete(ASK)
    assert server.requests[0].headers["authorization"] == "Bearer none"
    assert "from-environment" not in json.dumps(server.requests[0].headers)


async def test_calls_of_a_conversation_say_so_with_every_try_and_as_streams(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Session-Id: from-environment")
    server, model = await start(status(500), completion("Hi."), stream(piece("Hi.", "stop"), USAGE))
    with model_session("desk:7"):
        await model.complete(ASK)
        assert [text async for text in model.stream(ASK)] == ["Hi."]
    assert [request.headers["x-session-id"] for request in server.requests] == [session_of("desk:7")] * 3


async def test_calls_without_a_conversation_are_each_by_themselves(start: Start):
    server, model = await start(completion("Hi."))
    await asyncio.gather(*(model.complete(ASK) for _ in range(3)))
    assert len({request.headers["x-session-id"] for request in server.requests}) == 3


async def test_calls_at_a_time_are_limited(start: Start):
    server, model = await start(slowly(completion("Hi.")), concurrency=2)
    await asyncio.gather(*(model.complete(ASK) for _ in range(6)))
    assert server.most_at_a_time == 2


async def test_given_up_call_frees_its_place(start: Start):
    server, model = await start(stall, completion("Hi."), concurrency=1)
    call = asyncio.create_task(model.complete(ASK))
    await asyncio.wait_for(server.asked.wait(), 5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await model.complete(ASK)).text == "Hi."


async def test_waiting_for_a_place_has_an_end(start: Start):
    _, model = await start(stall, concurrency=1, timeout_s=0.2)
    results = await asyncio.gather(model.complete(ASK), model.complete(ASK), return_exceptions=True)
    assert [type(r) for r in results] == [ModelUnavailable, ModelUnavailable]


async def test_prompt_that_does_not_fit_is_not_sent(start: Start):
    server, model = await start(completion("Hi."))
    with pytest.raises(ModelOutputInvalid, match="doesn't fit"):
        await model.complete(Prompt((("user", "word " * 40_000),)))
    assert not server.requests


async def test_stream_gives_pieces_without_thoughts_and_counts_usage(start: Start):
    _, model = await start(stream(piece("<thi"), piece("nk>x</think>Hi"), piece(" there.", "stop"), USAGE))
    assert "".join([p async for p in model.stream(ASK)]) == "Hi there."
    assert model.usage == Usage(1, 11, 3)


async def test_stream_without_an_event_is_unavailable(start: Start):
    server, model = await start(stream())
    with pytest.raises(ModelUnavailable):
        [p async for p in model.stream(ASK)]
    assert len(server.requests) == 3


async def test_stream_dropped_before_its_first_piece_is_tried_again(start: Start):
    server, model = await start(drop, stream(after=drop, done=False), stream(piece("Hi.", "stop"), USAGE))
    assert "".join([p async for p in model.stream(ASK)]) == "Hi."
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (stream(piece("Hi"), done=False, after=drop), ModelUnavailable),
        (stream(piece("Hi"), done=False), ModelUnavailable),
        (stream(piece("Hi"), {"error": {"message": "out of memory"}}), ModelUnavailable),
        (stream(piece("Hi"), "{garbage"), ModelOutputInvalid),
        (stream(piece("Hi"), "3"), ModelOutputInvalid),
        (stream(piece("Hi"), {"choices": "none"}), ModelOutputInvalid),
    ],
)
async def test_stream_that_breaks_is_an_error_of_ours(start: Start, fault: Reply, error: type[Exception]):
    server, model = await start(fault)
    with pytest.raises(error):
        [p async for p in model.stream(ASK)]
    assert len(server.requests) == 1


async def test_stream_that_stalls_is_given_up(start: Start):
    server, model = await start(stream(piece("Hi"), done=False, after=stall), timeout_s=2)
    with pytest.raises(ModelUnavailable):
        [p async for p in model.stream(ASK)]
    assert len(server.requests) == 1


async def test_stream_that_the_reader_leaves_frees_its_place(start: Start):
    _, model = await start(stream(piece("Hi"), piece(" you", "stop"), USAGE), completion("Again."), concurrency=1)
    pieces = model.stream(ASK)
    assert await anext(pieces) == "Hi"
    await pieces.aclose()
    assert (await model.complete(ASK)).text == "Again."


async def test_calls_are_counted_and_timed_by_how_they_end(start: Start):
    def counts() -> list[float]:
        results = [MODEL_CALLS.labels("judge", "small", result)._value.get() for result in ("ok", "unavailable", "invalid")]
        return [*results, value("innkeeper_model_call_seconds_count", task="judge", model="small")]

    before = counts()
    script = (completion("Hi."), stream(piece("Hi", "stop"), USAGE), completion("no JSON"), status(401))
    _, model = await start(*script, name="small")
    judge = Prompt(ASK.messages, task=Task.JUDGE)
    await model.complete(judge)
    assert "".join([p async for p in model.stream(judge)]) == "Hi"
    with pytest.raises(ModelOutputInvalid):
        await model.complete(Prompt(ASK_JSON.messages, schema=ASK_JSON.schema, task=Task.JUDGE))
    with pytest.raises(ModelUnavailable):
        await model.complete(judge)
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [2, 1, 1, 3]


def counted(usage: object) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
    return status(200, {"choices": [choice], "usage": usage})


@pytest.mark.parametrize(
    ("details", "cached"),
    [({"cached_tokens": 64}, 64), ({"cached_tokens": None}, 0), ({}, 0), (None, 0), ({"cached_tokens": 9_999}, 80)],
)
async def test_tokens_are_counted_and_those_of_the_prefix_cache_among_them(start: Start, details: object, cached: int):
    names = ("prompt_tokens_total", "cached_prompt_tokens_total", "completion_tokens_total")

    def tokens() -> list[float]:
        return [value(f"innkeeper_model_{name}", task="rewrite", model="cached") for name in names]

    before = tokens()
    usage = {"prompt_tokens": 80, "completion_tokens": 3, "prompt_tokens_details": details}
    _, model = await start(counted(usage), stream(piece("Hi", "stop"), USAGE | {"usage": usage}), name="cached")
    prompt = Prompt(ASK.messages, task=Task.REWRITE)
    await model.complete(prompt)
    assert [p async for p in model.stream(prompt)] == ["Hi"]
    assert [now - then for now, then in zip(tokens(), before, strict=True)] == [160, 2 * cached, 6]


async def test_a_prompt_may_have_less_time_than_the_server(start: Start):
    _, model = await start(stall)
    with pytest.raises(ModelUnavailable, match=r"in 0\.2 s; check its load, the call had no more"):
        await model.complete(Prompt(ASK.messages, timeout_s=0.2))


async def test_what_is_too_slow_for_one_task_is_still_asked_for_another(start: Start):
    server, model = await start(stall, completion("Hi."), failures_to_open=1, open_s=600)
    hurried = Prompt(ASK.messages, task=Task.JUDGE, timeout_s=0.2)
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await model.complete(hurried)
    assert len(server.requests) == 1
    assert (await model.complete(ASK)).text == "Hi."


async def test_a_model_that_hangs_is_passed_over_at_once_when_it_is_known(start: Start):
    hanging, large = await start(stall, name="large", failures_to_open=2, open_s=600)
    answering, small = await start(completion("Hi."), name="small")
    chat = RoutedChatModel({"large": large, "small": small}, dict.fromkeys(Task, Route(("large", "small"), timeout_s=1.0)))
    for _ in range(5):
        assert (await chat.complete(ASK)).text == "Hi."
    assert (len(hanging.requests), len(answering.requests)) == (2, 5)


@pytest.mark.parametrize(
    ("code", "setting"),
    [(401, "api_key"), (404, "model"), (404, "base_url"), (302, "base_url"), (429, "concurrency")],
)
async def test_what_is_wrong_with_a_named_model_is_told_of_that_one(start: Start, code: int, setting: str):
    _, model = await start(status(code), name="small")
    with pytest.raises(ModelUnavailable, match=rf"INNKEEPER_MODELS\.small\.{setting}"):
        await model.complete(ASK)


def test_unusable_address_is_a_setting():
    with pytest.raises(SettingsInvalid, match="INNKEEPER_LLM_BASE_URL"):
        OpenAIChatModel(load_profile("qwen3"), ModelServer("not a url"))


async def test_a_model_that_always_thinks_gets_room_for_it_and_is_asked_for_little(start: Start):
    server, model = await start(completion('{"ok": true}'), profile="gpt-oss")
    await model.complete(Prompt(ASK_JSON.messages, max_tokens=200, schema=ASK_JSON.schema))
    asked = server.requests[0].body
    assert asked["reasoning_effort"] == "low"
    assert asked["max_tokens"] == 200 + 1024
    assert asked["response_format"]["type"] == "json_schema"
    assert "chat_template_kwargs" not in asked
