"""What the routes need, in one frozen value. Built by the wiring, never imported as a global."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from fastapi import FastAPI

from agent.channels.widget.deps import WidgetDeps
from agent.ports import Answerer, Approvals, Conversations, ModelsSeen, TicketHints, TurnQueue
from agent.settings import Settings

Check = Callable[[], Awaitable[bool]]
"""True if a dependency can be used now."""
Refresh = Callable[[], Awaitable[None]]
"""Brings gauges up to date. Raises errors of ours."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class ApiDeps:
    """Everything behind the HTTP surface.

    Attributes:
        checks: readiness by name: `redis`, `knowledge`, `model`.
        models: which models the last check of `model` found; None before.
        widget: what the chat widget needs; its routes are there only with it.
        backlog: brings the gauges of what waits up to date; called before metrics are shown.
        clock: seconds since 1970, for the replay window.
    """

    settings: Settings
    conversations: Conversations
    queue: TurnQueue
    answer: Answerer
    approvals: Approvals
    hints: TicketHints
    checks: Mapping[str, Check] = field(default_factory=dict)
    lifespan: Lifespan | None = None
    models: Callable[[], ModelsSeen | None] = lambda: None
    widget: WidgetDeps | None = None
    backlog: Refresh | None = None
    clock: Callable[[], float] = time.time
