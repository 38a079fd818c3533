"""What bounds the calls of a model server: so many at a time, so long each, and none for a while when it keeps failing.

It knows nothing of what is sent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from pydantic import SecretStr

from agent.completions import Prompt, Task
from agent.errors import ModelOutputInvalid, ModelUnavailable
from agent.model_settings import DEFAULT_MODEL, setting_of
from agent.telemetry import model_call_counted


@dataclass(frozen=True, slots=True)
class ModelServer:
    """Where the model is, and how patient to be with it.

    Attributes:
        base_url: ends in `/v1` for all servers known to work.
        model: the name to ask for, if not the profile's.
        name: what the settings and the metrics call it.
        timeout_s: limit for one call with all its retries and the wait for a free place; a prompt may have less.
        concurrency: calls at a time; the rest wait.
        failures_to_open: failed calls of a task in a row after which its breaker opens.
        open_s: how long it then fails at once; the first failure after that opens it again.
        backoff_s: waits before the retries, up to half as long again by chance; a dropped connection is tried
            again at once.
    """

    base_url: str
    api_key: SecretStr | None = None
    model: str | None = None
    name: str = DEFAULT_MODEL
    timeout_s: float = 60.0
    concurrency: int = 4
    failures_to_open: int = 5
    open_s: float = 15.0
    backoff_s: tuple[float, ...] = (0.25, 1.0)


@dataclass(frozen=True, slots=True)
class Limit:
    """How long one call may take.

    Attributes:
        task: what it is for.
        deadline: in the loop's time.
        seconds: from its start to there.
        is_hurried: whether that is less than the server's own limit.
    """

    task: Task
    deadline: float
    seconds: float
    is_hurried: bool


class Calls:
    """The calls of one server. All tasks share its places; each task has a breaker of its own."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._places = asyncio.Semaphore(server.concurrency)
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=server.failures_to_open,
            default_ttl=server.open_s,
            # A bad request or a caller that gives up says nothing against the server.
            exclude=[ModelOutputInvalid, asyncio.CancelledError, GeneratorExit],
        )

    @asynccontextmanager
    async def one(self, prompt: Prompt) -> AsyncIterator[Limit]:
        """One call's place, time and breaker; it is counted by how it ends.

        Raises:
            ModelUnavailable: no place was free in time, or the server failed too often.
        """
        limit = self._limit(prompt)
        with model_call_counted(prompt.task, self._server.name):
            await self._take_place(limit)
            try:
                # One for each task: a task in a hurry may find a server too slow that is fast enough for the others.
                async with await self._breakers.get_breaker(limit.task.value):
                    yield limit
            except OpenedState as state:
                state.__traceback__ = None  # the library raises one object again and again; it would grow
                raise ModelUnavailable(
                    f"the model server at {self._server.base_url} failed {self._server.failures_to_open} times in a row; "
                    f"not asked again for {self._server.open_s:g} s"
                ) from None
            finally:
                self._places.release()

    def _limit(self, prompt: Prompt) -> Limit:
        own_s = self._server.timeout_s
        seconds = own_s if prompt.timeout_s is None else min(own_s, prompt.timeout_s)
        return Limit(prompt.task, asyncio.get_running_loop().time() + seconds, seconds, is_hurried=seconds < own_s)

    async def _take_place(self, limit: Limit) -> None:
        try:
            async with asyncio.timeout_at(limit.deadline):
                await self._places.acquire()
        except TimeoutError as error:
            raise ModelUnavailable(
                f"all {self._server.concurrency} places at the model server were taken for {limit.seconds:.3g} s; "
                f"try again later, or raise {setting_of(self._server.name, 'concurrency')} if the server has room"
            ) from error
