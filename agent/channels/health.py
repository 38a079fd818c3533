"""`/healthz`, `/readyz`, `/metrics`: is the process alive, can it take work, what has it done."""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from agent.channels.deps import ApiDeps, Check, Refresh
from agent.completions import Task
from agent.errors import AgentError
from agent.ports import ModelsSeen
from agent.telemetry import METRICS_CONTENT_TYPE, READY, metrics_in
from knowledge.errors import KnowledgeError

CHECK_TIMEOUT_S = 2.0
CACHE_S = 2.0
OPTIONAL = frozenset({"model"})
"""Without these the service still takes messages and hands over."""

_log = structlog.get_logger(__name__)


class Metrics(Response):
    """The document's word for what `/metrics` answers with."""

    media_type = METRICS_CONTENT_TYPE


class Readiness:
    """Runs the checks, each at most every two seconds however often it is asked, and never longer than two."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        timeout_s: float = CHECK_TIMEOUT_S,
        cache_s: float = CACHE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = dict(checks)
        self._timeout_s = timeout_s
        self._cache_s = cache_s
        self._clock = clock
        self._known: dict[str, tuple[float, bool]] = {}
        self._locks = {name: asyncio.Lock() for name in checks}

    async def states(self) -> dict[str, bool]:
        """True for each dependency that can be used now."""
        results = await asyncio.gather(*(self._state(name) for name in self._checks))
        return dict(zip(self._checks, results, strict=True))

    async def _state(self, name: str) -> bool:
        async with self._locks[name]:
            known = self._known.get(name)
            if known is not None and self._clock() - known[0] < self._cache_s:
                return known[1]
            is_up = await self._ask(name)
            self._known[name] = (self._clock(), is_up)
            return is_up

    async def _ask(self, name: str) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._checks[name]()
        except (AgentError, KnowledgeError, OSError, TimeoutError) as error:
            _log.warning("check_failed", dependency=name, kind=type(error).__name__, reason=str(error))
            return False


class Gauges:
    """What is asked for when metrics are read, so that every process shows what is so now, whoever did the work."""

    def __init__(self, readiness: Readiness, backlog: Refresh | None, timeout_s: float = CHECK_TIMEOUT_S) -> None:
        self._readiness = readiness
        self._backlog = backlog
        self._timeout_s = timeout_s

    async def refresh(self) -> None:
        """Never raises, and takes two seconds at most. What can't be asked keeps its last value."""
        await asyncio.gather(self._refresh_ready(), self._refresh_backlog())

    async def _refresh_ready(self) -> None:
        for name, is_up in (await self._readiness.states()).items():
            READY.labels(name).set(is_up)

    async def _refresh_backlog(self) -> None:
        if self._backlog is None:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._backlog()
        except (AgentError, OSError, TimeoutError) as error:
            _log.warning("backlog_unknown", kind=type(error).__name__)


def report(states: Mapping[str, bool], seen: ModelsSeen | None = None) -> tuple[int, dict[str, object]]:
    """Status code and body of `/readyz`.

    Args:
        states: for each dependency, whether it can be used; `model` if every task that is asked for has a model that
            answers.
        seen: which models that were, if it is known.
    """
    down = [name for name, is_up in states.items() if not is_up]
    blocking = [name for name in down if name not in OPTIONAL]
    body: dict[str, object] = {
        "status": "unavailable" if blocking else "degraded" if down else "ready",
        "degraded": bool(down),
        **{name: "up" if is_up else "down" for name, is_up in states.items()},
    }
    if seen is not None:
        body["models"] = {name: "up" if is_up else "down" for name, is_up in seen.models.items()}
    if blocking:
        body["message"] = f"Down: {', '.join(down)}. Not ready: no work is taken until this is back."
    elif down:
        body["message"] = _without_models(seen)
    return (503 if blocking else 200), body


def _without_models(seen: ModelsSeen | None) -> str:
    if seen is None or not seen.tasks.get(Task.ANSWER, False):
        return (
            "The model server is down. Messages are still accepted; tickets wait for it, "
            "or are handed to a person as the policy says, until it is back."
        )
    lacking = ", ".join(task for task, is_up in seen.tasks.items() if not is_up)
    return f"No model is up for: {lacking}. Tickets are answered without that: more of them are quoted or go to a person."


def health_router(deps: ApiDeps) -> APIRouter:
    """The three routes."""
    router = APIRouter(tags=["health"])
    readiness = Readiness(deps.checks)
    gauges = Gauges(readiness, deps.backlog)

    @router.get("/healthz", summary="The process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", summary="What works and what doesn't")
    async def readyz() -> JSONResponse:
        states = await readiness.states()
        status, body = report(states, deps.models())
        return JSONResponse(body, status)

    @router.get("/metrics", summary="Prometheus metrics", response_class=Metrics)
    async def metrics(request: Request) -> Response:
        await gauges.refresh()
        page, content_type = metrics_in(request.headers.get("accept", ""))
        return Metrics(page, headers={"content-type": content_type})

    return router
