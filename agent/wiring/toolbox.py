"""The company's systems of the settings as one toolbox."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TextIO
from zoneinfo import ZoneInfo

from agent.adapters.redis_audit import RedisAuditLog
from agent.adapters.redis_clients import RedisClient
from agent.adapters.redis_ledger import RedisLedger
from agent.graph.acting.reading import Desk
from agent.ports import Effect
from agent.settings import Settings
from agent.tool_settings import AnySystem, McpSettings, OpenApiSettings
from agent.tools.openapi import OpenApiSystem
from agent.tools.python_functions import PythonFunctions
from agent.tools.systems import System
from agent.tools.toolbox import Toolbox
from policies.expressions import Clock


@asynccontextmanager
async def open_tools(settings: Settings, *, dry_run: bool = False, stderr: TextIO | None = None) -> AsyncIterator[Toolbox]:
    """All systems. Asks none yet.

    Args:
        settings: name the systems.
        dry_run: send no change, whatever the settings say.
        stderr: where child processes write; nowhere if not given.

    Raises:
        SettingsInvalid: certificates can't be used.
    """
    systems = {name: _system(name, one, stderr) for name, one in settings.tools.items()}
    box = Toolbox(settings.tools, systems, dry_run=dry_run or settings.tools_dry_run)
    try:
        yield box
    finally:
        await box.aclose()


async def open_desk(settings: Settings, stack: AsyncExitStack, redis: RedisClient, audit: RedisAuditLog) -> Desk:
    """What actions are carried out with, closed with the stack. Raises `SettingsInvalid`."""
    tools = await stack.enter_async_context(open_tools(settings))
    operations = {
        f"{system}.{name}": Effect(one.effect)
        for system, known in settings.tools.items()
        for name, one in known.operations.items()
    }
    return Desk(tools, RedisLedger(redis), lambda: Clock(datetime.now(UTC), ZoneInfo("UTC")), operations, audit=audit)


def _system(name: str, settings: AnySystem, stderr: TextIO | None) -> System:
    if isinstance(settings, OpenApiSettings):
        return OpenApiSystem(name, settings)
    if isinstance(settings, McpSettings):
        # The SDK takes a second to import, and most installations have no MCP server.
        from agent.tools.mcp_server import McpSystem

        return McpSystem(name, settings, stderr)
    return PythonFunctions(name, settings)
