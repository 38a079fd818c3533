"""Several models as one: each task goes its own way, and the next model answers when one is not available."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from agent.adapters.chat_router import RoutedChatModel
from agent.completions import Completion, Prompt, Task
from agent.errors import AgentError, ModelOutputInvalid, ModelUnavailable
from agent.model_routes import Route
from agent.ports import ChatModel, ModelsSeen
from tests.fakes_model import FakeChatModel

SECRET = "my card is 4111"
ASK = Prompt((("user", SECRET),))
DOWN = ModelUnavailable("it can't be reached")


def router(models: Mapping[str, ChatModel], *answer: str, **limits: float) -> RoutedChatModel:
    """The models given to `answer` in this order; all else to the last of them."""
    last = Route(answer[-1:])
    return RoutedChatModel(models, {**dict.fromkeys(Task, last), Task.ANSWER: Route(answer, **limits)})


def fallbacks(task: str = "answer") -> float:
    return REGISTRY.get_sample_value("innkeeper_model_fallbacks_total", {"task": task}) or 0.0


class Stopping(FakeChatModel):
    """Streams a word and breaks off; notes that its stream was closed."""

    closed = False

    async def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        try:
            yield "Check-in"
            raise ModelUnavailable("it broke off")
        finally:
            self.closed = True


class Hanging(FakeChatModel):
    async def is_ready(self) -> bool:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


async def test_each_task_goes_to_its_own_model() -> None:
    models = {name: FakeChatModel([name]) for name in ("large", "small", "strict")}
    routes = {Task.ANSWER: Route(("large",)), Task.REWRITE: Route(("small",)), Task.JUDGE: Route(("strict",))}
    routes[Task.ACT] = Route(("large",))
    chat = RoutedChatModel(models, routes)
    texts = [(await chat.complete(Prompt((("user", "x"),), task=task))).text for task in Task]
    assert texts == ["large", "small", "strict", "large"]


async def test_the_next_model_answers_when_one_is_not_available_and_that_is_told() -> None:
    before = fallbacks()
    models = {"large": FakeChatModel([DOWN]), "small": FakeChatModel(["Check-in starts at 15:00."])}
    with capture_logs() as logs:
        completion = await router(models, "large", "small").complete(ASK)
    assert completion.text == "Check-in starts at 15:00."
    assert fallbacks() == before + 1
    assert logs == [
        {"event": "model_passed_over", "task": "answer", "model": "large", "next": "small", "log_level": "warning"},
        {"event": "model_answered", "task": "answer", "model": "small", "passed_over": 1, "log_level": "info"},
    ]


async def test_the_first_model_is_used_again_when_it_is_back() -> None:
    models = {"large": FakeChatModel([DOWN, "large"]), "small": FakeChatModel(["small"])}
    chat = router(models, "large", "small")
    assert [(await chat.complete(ASK)).text for _ in range(2)] == ["small", "large"]


async def test_nonsense_is_not_taken_to_another_model() -> None:
    before = fallbacks()
    models = {"large": FakeChatModel([ModelOutputInvalid("no JSON")]), "small": FakeChatModel(["small"])}
    with pytest.raises(ModelOutputInvalid, match="no JSON"):
        await router(models, "large", "small").complete(ASK)
    assert models["small"].prompts == []
    assert fallbacks() == before


async def test_where_none_is_available_each_is_named_with_its_reason_and_no_customer_text() -> None:
    models = {"large": FakeChatModel([DOWN]), "small": FakeChatModel([ModelUnavailable("all places were taken")])}
    with pytest.raises(ModelUnavailable) as caught:
        await router(models, "large", "small").complete(ASK)
    told = "no model for the task answer is available: large: it can't be reached; small: all places were taken"
    assert str(caught.value) == told


async def test_a_model_that_is_alone_tells_its_own_reason_and_nothing_is_logged() -> None:
    with capture_logs() as logs, pytest.raises(ModelUnavailable, match=r"^it can't be reached$"):
        await router({"default": FakeChatModel([DOWN])}, "default").complete(ASK)
    assert logs == []


@pytest.mark.parametrize(
    ("limits", "waits_s", "first_s"),
    [({}, None, None), ({"timeout_s": 60.0}, None, 30.0), ({}, 10.0, 5.0), ({"timeout_s": 60.0}, 10.0, 5.0)],
)
async def test_each_model_gets_a_fair_share_of_the_time(
    limits: dict[str, float], waits_s: float | None, first_s: float | None
) -> None:
    asked: dict[str, float | None] = {}

    class Noting(FakeChatModel):
        async def complete(self, prompt: Prompt) -> Completion:
            asked[self._replies[-1]] = prompt.timeout_s
            if self._replies[-1] == "large":
                raise DOWN
            return await super().complete(prompt)

    models = {name: Noting([name]) for name in ("large", "small")}
    await router(models, "large", "small", **limits).complete(Prompt(ASK.messages, timeout_s=waits_s))
    if first_s is None:
        assert asked == {"large": None, "small": None}
    else:  # the first has failed at once: what it left goes to the second
        assert asked["large"] == pytest.approx(first_s, rel=0.01)
        assert first_s < asked["small"] <= 2 * first_s


async def test_a_route_bounds_the_length_of_its_answers_alone() -> None:
    models = {"small": FakeChatModel(["small"])}
    chat = RoutedChatModel(
        models,
        {**dict.fromkeys(Task, Route(("small",))), Task.ANSWER: Route(("small",), max_output_tokens=200)},
    )
    for prompt in (Prompt(ASK.messages, 700), Prompt(ASK.messages, 100), Prompt(ASK.messages, 700, task=Task.JUDGE)):
        await chat.complete(prompt)
    assert [prompt.max_tokens for prompt in models["small"].prompts] == [200, 100, 700]


async def test_a_stream_comes_from_the_next_model_only_before_its_first_piece() -> None:
    before = fallbacks()
    models = {"large": FakeChatModel([DOWN]), "small": FakeChatModel(["Check-in starts"])}
    assert "".join([piece async for piece in router(models, "large", "small").stream(ASK)]) == "Check-in starts"
    assert fallbacks() == before + 1
    models = {"large": Stopping([""]), "small": FakeChatModel(["small"])}
    pieces = router(models, "large", "small").stream(ASK)
    assert await anext(pieces) == "Check-in"
    with pytest.raises(ModelUnavailable, match="it broke off"):
        await anext(pieces)
    assert models["small"].prompts == []
    assert fallbacks() == before + 1


async def test_a_stream_that_its_reader_leaves_is_closed_below() -> None:
    model = Stopping([""])
    pieces = router({"large": model}, "large").stream(ASK)
    assert await anext(pieces) == "Check-in"
    await pieces.aclose()
    assert model.closed


@pytest.mark.parametrize("error", [DOWN, ModelOutputInvalid("no JSON")], ids=lambda e: type(e).__name__)
async def test_a_stream_that_nothing_comes_of_is_an_error(error: AgentError) -> None:
    with pytest.raises(type(error)):
        [piece async for piece in router({"large": FakeChatModel([error])}, "large").stream(ASK)]


async def test_it_is_ready_while_every_task_has_a_model_and_says_which_are_there() -> None:
    models = {"large": FakeChatModel([""], ready=False), "small": FakeChatModel([""])}
    chat = router(models, "large", "small")
    assert chat.seen is None
    assert await chat.is_ready()
    assert chat.seen == ModelsSeen({"large": False, "small": True}, dict.fromkeys(Task, True))
    models["large"].ready, models["small"].ready = True, False
    assert not await chat.is_ready()
    assert chat.seen is not None
    assert chat.seen.tasks == {**dict.fromkeys(Task, False), Task.ANSWER: True}


async def test_a_task_that_nobody_asks_for_needs_no_model() -> None:
    models = {"large": FakeChatModel([""]), "strict": FakeChatModel([""], ready=False)}
    routes = {**dict.fromkeys(Task, Route(("large",))), Task.JUDGE: Route(("strict",))}
    assert await RoutedChatModel(models, routes, {Task.ANSWER, Task.REWRITE}).is_ready()
    assert not await RoutedChatModel(models, routes).is_ready()


async def test_a_model_that_hangs_does_not_hide_the_others() -> None:
    chat = router({"large": Hanging([""]), "small": FakeChatModel([""])}, "large", "small")
    assert await chat.is_ready()
    assert chat.seen is not None
    assert chat.seen.models == {"large": False, "small": True}
