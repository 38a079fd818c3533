"""The router of the vLLM project with the chart's own arguments, in front of scripted replicas, asked by Innkeeper's client."""

import asyncio
import os
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.adapters.chat_router import RoutedChatModel
from agent.completions import Prompt, Task
from agent.errors import ModelUnavailable
from agent.model_profiles import load_profile
from agent.model_routes import Route
from agent.model_sessions import model_session
from tests.deploy.rendered import Pod, Release
from tests.deploy.router_process import Router, router_before, until
from tests.faulty_server import USAGE, FaultyServer, Reply, Request, completion, piece, stall, status, stream
from tests.servers import free_port

pytestmark = pytest.mark.slow
ASK = Prompt((("system", "Answer."), ("user", "When is check-in?")), max_tokens=40, stop=("\n",))
ASK_JSON = Prompt((("user", "As JSON."),), schema={"type": "object", "properties": {"ok": {"type": "boolean"}}})
CONVERSATIONS = [f"desk:{number}" for number in range(40)]
LISTED = {"object": "list", "data": [{"id": "innkeeper-chat", "object": "model"}]}
Render = Callable[..., Release]


@dataclass
class Replica(FaultyServer):
    """Says its name, whatever it is asked; nothing at all while it `hangs`."""

    script: list[Reply] = field(default_factory=list)
    name: str = ""
    hangs: bool = False

    def choose(self, request: Request) -> Reply:
        if self.hangs:
            return stall
        if request.path == "/v1/models":
            return status(200, LISTED, connection="close")
        if request.path != "/v1/chat/completions":
            return status(200, {}, connection="close")
        if request.body.get("stream"):
            return stream(piece(self.name), piece("", "stop"), USAGE)
        choice = {"index": 0, "message": {"role": "assistant", "content": self.name}, "finish_reason": "stop"}
        return status(200, {"choices": [choice], "usage": USAGE["usage"]}, connection="close")

    @property
    def asked_for(self) -> list[Request]:
        """The completions."""
        return [request for request in self.requests if request.path == "/v1/chat/completions"]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def start(tools: Path, render: Render, stack: AsyncExitStack, tmp_path: Path) -> Callable[..., Awaitable[Router]]:
    """Starts a router before these places, as the value set has it, and waits until it takes calls."""

    async def started(*places: str, pod: Pod | None = None, under: tuple[str, ...] = ()) -> Router:
        chosen = pod or render("airgap").pod("router-chat")
        return await stack.enter_async_context(router_before(places, chosen, tools, tmp_path, under))

    return started


async def replica(stack: AsyncExitStack, name: str, port: int = 0) -> Replica:
    return await stack.enter_async_context(Replica(name=name, port=port))


def place(server: Replica) -> str:
    return f"http://127.0.0.1:{server.port}"


async def client(stack: AsyncExitStack, url: str, timeout_s: float = 60.0, profile: str = "qwen3") -> OpenAIChatModel:
    """Innkeeper's own, without retries: what the router doesn't keep from it is seen."""
    server = ModelServer(f"{url}/v1", timeout_s=timeout_s, backoff_s=(), concurrency=100, failures_to_open=1000)
    return await stack.enter_async_context(OpenAIChatModel(load_profile(profile), server))


async def asked(chat: OpenAIChatModel | RoutedChatModel, conversation: str) -> str:
    """Who has answered."""
    with model_session(conversation):
        return (await chat.complete(ASK)).text


async def all_asked(chat: OpenAIChatModel) -> dict[str, str]:
    return {conversation: await asked(chat, conversation) for conversation in CONVERSATIONS}


Start = Callable[..., Awaitable[Router]]


async def test_a_conversation_stays_at_one_replica_and_all_of_them_are_used(start: Start, stack: AsyncExitStack):
    replicas = [await replica(stack, name) for name in "ab"]
    router = await start(*map(place, replicas))
    chat = await client(stack, router.url)
    first = await all_asked(chat)
    assert set(first.values()) == {"a", "b"}
    for conversation in CONVERSATIONS[:6]:
        with model_session(conversation):
            assert "".join([text async for text in chat.stream(ASK)]) == first[conversation]
            answers = await asyncio.gather(*(chat.complete(replace(ASK, task=task)) for task in Task))
        assert {answer.text for answer in answers} == {first[conversation]}
    for server in replicas:
        assert {request.headers["authorization"] for request in server.asked_for} == {"Bearer none"}
    # Calls of no conversation are not all taken for those of one.
    alone = Counter([(await chat.complete(ASK)).text for _ in range(40)])
    assert alone.keys() == {"a", "b"}


async def test_two_routers_come_to_the_same(start: Start, stack: AsyncExitStack):
    places = [place(await replica(stack, name)) for name in "ab"]
    one, other = [await client(stack, (await start(*places)).url) for _ in range(2)]
    assert await all_asked(one) == await all_asked(other)


@pytest.mark.parametrize("profile", ["qwen3", "gpt-oss", "deepseek-r1"])
async def test_what_is_asked_arrives_as_it_was_sent(profile: str, start: Start, stack: AsyncExitStack):
    # It reads a request and writes it anew.
    server = await replica(stack, '{"ok": true}')
    router = await start(place(server), place(server))
    for url in (place(server), router.url):
        chat = await client(stack, url, profile=profile)
        for prompt in (ASK, ASK_JSON):
            await chat.complete(prompt)
        assert [text async for text in chat.stream(ASK)]
    bodies = [request.body for request in server.asked_for]
    for sent, arrived in zip(bodies[:3], bodies[3:], strict=True):
        assert {name: arrived.get(name) for name in sent} == sent


async def test_a_replica_that_dies_costs_no_answer_and_moves_only_its_own_conversations(start: Start, stack: AsyncExitStack):
    dying, *others = [await replica(stack, name) for name in "ab"]
    router = await start(*map(place, (dying, *others)))
    chat = await client(stack, router.url)
    before = await all_asked(chat)
    await dying.__aexit__(None, None, None)
    assert set((await all_asked(chat)).values()) == {"b"}
    assert await chat.is_ready()
    await replica(stack, "a", dying.port)

    async def as_before() -> bool:
        return await all_asked(chat) == before

    await until(as_before)


async def test_a_replica_that_hangs_holds_up_nobody_else_and_is_given_up(start: Start, stack: AsyncExitStack):
    replicas = [await replica(stack, name) for name in "ab"]
    hanging = replicas[0]
    router = await start(*map(place, replicas))
    chat, hurried = await client(stack, router.url), await client(stack, router.url, timeout_s=2.0)
    before = await all_asked(chat)
    its, others = ([one for one in CONVERSATIONS if (before[one] == "a") is hangs] for hangs in (True, False))
    hanging.hangs = True
    spare = await client(stack, place(await replica(stack, "spare")))
    both = RoutedChatModel({"first": hurried, "spare": spare}, dict.fromkeys(Task, Route(("first", "spare"))))
    waiting = [asyncio.create_task(asked(hurried, one)) for one in its]
    assert {await asked(chat, one) for one in others} == {"b"}
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in found} == {ModelUnavailable}, "our own limit holds"
    assert await asked(both, its[0]) in {"spare", "b"}

    async def is_given_up() -> bool:
        return await asked(both, its[0]) == "b"

    await until(is_given_up)
    assert set((await all_asked(chat)).values()) == {"b"}


async def test_replicas_that_are_not_there_yet_are_passed_over(start: Start, render: Render, stack: AsyncExitStack):
    routed = {"models": {"chat": {"router": {"enabled": True}}}}
    pod = render("keda", yaml.safe_dump(routed)).pod("router-chat")
    there, port = [await replica(stack, name) for name in "ab"], free_port()
    router = await start(*map(place, there), f"http://127.0.0.1:{port}", pod=pod)
    chat = await client(stack, router.url)
    two = await all_asked(chat)
    assert set(two.values()) == {"a", "b"}
    await replica(stack, "c", port)

    async def has_a_share() -> bool:
        return "c" in (await all_asked(chat)).values()

    await until(has_a_share)
    three = await all_asked(chat)
    assert {one: name for one, name in three.items() if name != "c"}.items() <= two.items(), "only the new one's have moved"


async def test_without_a_replica_it_says_so_at_once_and_is_not_started_anew(start: Start, stack: AsyncExitStack):
    replicas = [await replica(stack, name) for name in "ab"]
    router = await start(*map(place, replicas))
    chat = await client(stack, router.url)
    assert await asked(chat, "desk:1") in {"a", "b"}
    for server in replicas:
        await server.__aexit__(None, None, None)
    with pytest.raises(ModelUnavailable, match="HTTP 50"):
        await asked(chat, "desk:1")
    assert not await chat.is_ready()

    async def is_unready() -> bool:
        return await router.says("/readiness") == 503

    await until(is_unready)
    assert await router.says("/liveness") == 200


async def test_it_ends_what_it_has_begun(start: Start, stack: AsyncExitStack):
    server = await replica(stack, "a")
    let_go = asyncio.Event()

    async def once_let_go(writer: asyncio.StreamWriter) -> None:
        await let_go.wait()
        await completion("whole")(writer)

    router = await start(place(server), place(server))
    chat = await client(stack, router.url)
    answer = server.choose
    server.choose = lambda request: once_let_go if "completions" in request.path else answer(request)  # type: ignore[method-assign]
    call = asyncio.create_task(asked(chat, "desk:1"))

    async def is_asked() -> bool:
        return bool(server.asked_for)

    await until(is_asked)
    router.process.terminate()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(router.process.wait(), 2)
    let_go.set()
    assert await call == "whole"
    assert await asyncio.wait_for(router.process.wait(), 60) == 0


@pytest.mark.skipif(shutil.which("strace") is None and "CI" not in os.environ, reason="needs strace, which CI installs")
async def test_it_speaks_to_its_replicas_alone(start: Start, stack: AsyncExitStack, tmp_path: Path):
    replicas = [await replica(stack, name) for name in "ab"]
    log = tmp_path / "connects"
    strace = ("strace", "-D", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(log))
    router = await start(*map(place, replicas), under=strace)
    chat = await client(stack, router.url)
    assert len(set((await all_asked(chat)).values())) == 2
    tried = re.findall(r"sa_family=AF_INET6?, sin6?_port=htons\((\d+)\), .*?\"([0-9a-f.:]+)\"", log.read_text("utf-8"))
    assert set(tried) == {(str(server.port), "127.0.0.1") for server in replicas}
    assert "AF_UNIX" not in log.read_text("utf-8")
