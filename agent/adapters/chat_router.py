"""One chat model made of several: each task has its models, and the next one is asked when one is not available.

Each model keeps its own limit on calls at a time and its own breakers, so that one that is down is passed over at once.
It writes no prompts and reads no answers.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import structlog

from agent.completions import Completion, Prompt, Task
from agent.errors import ModelUnavailable
from agent.model_routes import Route
from agent.ports import ChatModel, ModelsSeen
from agent.telemetry import MODEL_FALLBACKS

READY_S = 1.5
"""Most that one model is waited for when all are asked whether they are there: less than `/readyz` waits for that."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One model's turn at a prompt. `n` counts from 0."""

    n: int
    model: str
    prompt: Prompt


class RoutedChatModel:
    """A `ports.ChatModel`. What it is made of is closed by who opened it.

    Only `ModelUnavailable` is answered by asking the next model. A prompt that a model refuses, or makes nonsense of, would
    cost a second call that most likely ends the same: prompts are written to suit every model of their route, and a turn
    has a way on without a draft.
    """

    def __init__(
        self, models: Mapping[str, ChatModel], routes: Mapping[Task, Route], needed: Collection[Task] = tuple(Task)
    ) -> None:
        """All models are there at the start, and stay.

        Args:
            models: by name; each that a route names.
            routes: one for each task.
            needed: the tasks that are asked for here; without a model for one of the others it is still ready.
        """
        self._models = models
        self._routes = routes
        self._needed = needed
        self._seen: ModelsSeen | None = None

    @property
    def seen(self) -> ModelsSeen | None:
        """What `is_ready` found when it was asked last; None before."""
        return self._seen

    async def complete(self, prompt: Prompt) -> Completion:
        """One completion, of the first model of the task's route that is available.

        Raises:
            ModelUnavailable: none is, or none had answered when the time was over.
            ModelOutputInvalid: of the model that was asked; no other is.
        """
        failed: dict[str, ModelUnavailable] = {}
        for attempt in _attempts(self._routes[prompt.task], prompt):
            try:
                completion = await self._models[attempt.model].complete(attempt.prompt)
            except ModelUnavailable as error:
                failed[attempt.model] = error
                self._pass_over(attempt)
            else:
                self._note_answer(attempt)
                return completion
        raise _none_left(prompt.task, failed)

    async def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        """The same, piece by piece. Once there is a piece no other model is asked.

        Raises:
            ModelUnavailable: as for `complete`; also in the middle, when the server breaks off.
            ModelOutputInvalid: as for `complete`.
        """
        failed: dict[str, ModelUnavailable] = {}
        for attempt in _attempts(self._routes[prompt.task], prompt):
            pieces = self._models[attempt.model].stream(attempt.prompt)
            try:
                first = await anext(pieces, None)
            except ModelUnavailable as error:
                failed[attempt.model] = error
                self._pass_over(attempt)
                continue
            self._note_answer(attempt)
            try:
                if first is not None:
                    yield first
                async for piece in pieces:
                    yield piece
            finally:
                await _close(pieces)
            return
        raise _none_left(prompt.task, failed)

    async def is_ready(self) -> bool:
        """True if every task that is needed has a model that answers now. All are asked at once. Never raises."""
        names = list(self._models)
        answers = await asyncio.gather(*(_is_there(self._models[name]) for name in names))
        models = dict(zip(names, answers, strict=True))
        tasks = {task: any(models[name] for name in route.models) for task, route in self._routes.items() if task in self._needed}
        self._seen = ModelsSeen(models, tasks)
        return all(tasks.values())

    def _pass_over(self, attempt: _Attempt) -> None:
        task, models = attempt.prompt.task, self._routes[attempt.prompt.task].models
        if attempt.n + 1 < len(models):
            MODEL_FALLBACKS.labels(task).inc()
            _log.warning("model_passed_over", task=task.value, model=attempt.model, next=models[attempt.n + 1])

    def _note_answer(self, attempt: _Attempt) -> None:
        task = attempt.prompt.task
        if len(self._routes[task].models) > 1:
            _log.info("model_answered", task=task.value, model=attempt.model, passed_over=attempt.n)


def _attempts(route: Route, prompt: Prompt) -> Iterator[_Attempt]:
    """The models of a route in order, each with the prompt as it gets it: within the task's budget.

    Where the call has a limit, each model gets an equal share of what is left, so that the last one still has one: the first
    of two half, the second all that the first didn't take.
    """
    clock = asyncio.get_running_loop().time
    limits = [limit for limit in (route.timeout_s, prompt.timeout_s) if limit is not None]
    deadline = clock() + min(limits) if limits else None
    most = prompt.max_tokens if route.max_output_tokens is None else min(prompt.max_tokens, route.max_output_tokens)
    for n, model in enumerate(route.models):
        share_s = None if deadline is None else max(0.0, deadline - clock()) / (len(route.models) - n)
        yield _Attempt(n, model, replace(prompt, max_tokens=most, timeout_s=share_s))


async def _is_there(model: ChatModel) -> bool:
    try:
        async with asyncio.timeout(READY_S):
            return await model.is_ready()
    except TimeoutError:
        return False


async def _close(pieces: AsyncIterator[str]) -> None:
    """A generator that its reader leaves holds its place at the server until it is closed."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


def _none_left(task: Task, failed: Mapping[str, ModelUnavailable]) -> ModelUnavailable:
    if len(failed) == 1:
        return next(iter(failed.values()))
    told = "; ".join(f"{model}: {error}" for model, error in failed.items())
    return ModelUnavailable(f"no model for the task {task} is available: {told}")
