"""Traces to the collector of the settings; nothing, and no library for it, where none is named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from agent.privacy.environment import tracing_allowed
from agent.settings import Settings
from agent.telemetry.traces import send_spans_to


@asynccontextmanager
async def open_tracing(settings: Settings, process: str) -> AsyncIterator[None]:
    """Send this process's spans while open; at the end what is left, for a few seconds at most."""
    if settings.otlp_endpoint is None:
        yield
        return
    from agent.telemetry.otlp import Collector, CollectorExporter  # only where it is needed

    with tracing_allowed():
        collector = Collector(CollectorExporter(settings.otlp_endpoint), process, version("innkeeper"))
    send_spans_to(collector)
    try:
        yield
    finally:
        send_spans_to(None)
        await asyncio.to_thread(collector.close)
