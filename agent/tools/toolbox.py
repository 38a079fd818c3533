"""`Tools` over every system of the settings: what is known of each operation, and calls that end in one clear way."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

import structlog

from agent.errors import AgentError, ToolRefused, ToolUnavailable, ToolUncertain
from agent.ports.tools import ToolCall, ToolResult, ToolSpec
from agent.tool_settings import AnySystem
from agent.tools.offered import Tool, ready
from agent.tools.schemas import SchemaUnusable
from agent.tools.systems import Doubtful, Offer, Sending, System

FRESH_S = 300.0
"""How long what a system has told of its operations is taken for true."""
MOST_ATTEMPTS = 3
FIRST_WAIT_S = 0.2
_KEY = re.compile(r"[\x21-\x7e]{1,200}")

log = structlog.get_logger("agent.tools")


class Toolbox:
    """All systems that are configured. Opens nothing until it is asked.

    How a call ends, whatever the kind of system:

    - Before anything is sent: `ToolRefused` for arguments or a customer that won't do, `ToolUnavailable` if nothing is there.
    - A system that says no: `ToolRefused`. One that can't be asked now (no permission, too many requests): `ToolUnavailable`.
    - A read that was begun and gave nothing usable: `ToolUnavailable`, since nothing can have happened.
    - A write that was begun and has no clear answer: `ToolUncertain`. Where a repeat is safe it is repeated first, with the same
      key and within the same time-out; a clear answer to a repeat is the answer. It stays uncertain if no repeat gets one: that
      the last try could not reach the system says nothing of the first. The caller may call again with the same key later.
    - Cancelled: `CancelledError` goes on its way, as it must. A write may have been begun by then; a caller that can be
      cancelled notes the key before the call, and calls again with it or treats the write as uncertain.
    """

    def __init__(
        self, settings: Mapping[str, AnySystem], systems: Mapping[str, System], *, dry_run: bool = False, fresh_s: float = FRESH_S
    ) -> None:
        self._systems = {name: _Known(name, settings[name], system, fresh_s) for name, system in systems.items()}
        self._dry_run = dry_run

    async def aclose(self) -> None:
        """End what is open."""
        for known in self._systems.values():
            await known.system.aclose()

    async def specs(self, *tools: str) -> Mapping[str, ToolSpec]:
        """Those of these tools that there are, by name; without any named, all. No other system is asked.

        Raises:
            ToolUnavailable: a system doesn't tell, or hasn't such an operation of the settings.
        """
        found: dict[str, ToolSpec] = {}
        for system, known in self._systems.items():
            names = [name for name in known.settings.operations if not tools or f"{system}.{name}" in tools]
            told = await known.tools() if names else {}
            for one in (told[name] for name in names):
                if isinstance(one, str):
                    raise ToolUnavailable(one)
                found[one.spec.name] = one.spec
        return found

    async def examine(self) -> Mapping[str, Mapping[str, ToolSpec | str] | str]:
        """Of each system what it has, and for each operation or system that can't be used why."""
        told: dict[str, Mapping[str, ToolSpec | str] | str] = {}
        for name, known in self._systems.items():
            try:
                tools = await known.tools()
            except ToolUnavailable as error:
                told[name] = str(error)
            else:
                told[name] = {one: tool if isinstance(tool, str) else tool.spec for one, tool in tools.items()}
        return told

    async def call(self, call: ToolCall) -> ToolResult:
        """Make the call.

        Raises:
            ToolRefused: the system, or the schema of its arguments, says no. Nothing has happened there.
            ToolUnavailable: the system could not be asked. Nothing has happened there.
            ToolUncertain: a call that writes was begun, and nobody knows whether it has happened.
        """
        began, sending = time.monotonic(), Sending()
        outcome = "cancelled"
        try:
            result = await self._call(call, sending)
            outcome = "rehearsed" if result.is_rehearsal else "done"
            return result
        except AgentError as error:
            outcome = _OUTCOMES.get(type(error), "failed")
            raise
        finally:
            ms = round((time.monotonic() - began) * 1000)
            known = call.tool if self._named(call.tool) else "unknown"
            log.info("tool_called", tool=known, outcome=outcome, begun=sending.begun, key=call.key, ms=ms)

    async def _call(self, call: ToolCall, sending: Sending) -> ToolResult:
        known = self._named(call.tool)
        if known is None:
            raise ToolRefused("there is no such tool: the settings name the systems and operations that may be used")
        name = call.tool.partition(".")[2]
        tool = (await known.tools())[name]
        if isinstance(tool, str):
            raise ToolUnavailable(tool)
        if tool.settings.writes and not _KEY.fullmatch(call.key or ""):
            raise ToolRefused(f"{call.tool} writes, so it needs a key of 1 to 200 printable ASCII characters without spaces")
        arguments = tool.fill(call)
        if tool.settings.writes and self._dry_run:
            return ToolResult(None, is_rehearsal=True)
        key = call.key if tool.settings.writes else None
        return ToolResult(await _ask(known, name, tool, arguments, key, sending))

    def _named(self, tool: str) -> "_Known | None":
        system, _, name = tool.partition(".")
        known = self._systems.get(system)
        return known if known is not None and name in known.settings.operations else None


_OUTCOMES: Mapping[type[AgentError], str] = {
    ToolRefused: "refused",
    ToolUnavailable: "unavailable",
    ToolUncertain: "uncertain",
}


async def _ask(known: "_Known", name: str, tool: Tool, arguments: Mapping[str, Any], key: str | None, sending: Sending) -> Any:
    timeout_s = known.settings.timeout_of(name)
    try:
        async with asyncio.timeout(timeout_s):
            return await _attempts(known, name, tool, arguments, key, sending)
    except Doubtful as error:
        if tool.settings.writes:
            raise ToolUncertain(f"{tool.spec.name}: {error}; whether it has happened is not known") from error
        raise ToolUnavailable(f"{tool.spec.name}: {error}") from error
    except TimeoutError as error:
        if tool.settings.writes and sending.begun:
            raise ToolUncertain(
                f"{tool.spec.name} gave no answer in {timeout_s:g} s; whether it has happened is not known"
            ) from error
        raise ToolUnavailable(f"{tool.spec.name} gave no answer in {timeout_s:g} s") from error


async def _attempts(
    known: "_Known", name: str, tool: Tool, arguments: Mapping[str, Any], key: str | None, sending: Sending
) -> Any:
    doubt: Doubtful | None = None
    for attempt in range(MOST_ATTEMPTS):
        if attempt:
            await asyncio.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
        try:
            return await known.system.send(name, arguments, key, sending)
        except Doubtful as error:
            doubt = error
            if not (tool.settings.repeats_safely and error.repeat):
                break
        except ToolUnavailable:
            if doubt is None:  # nothing was begun yet
                raise
    assert doubt is not None
    raise doubt


class _Known:
    """A system, and what it has told."""

    def __init__(self, name: str, settings: AnySystem, system: System, fresh_s: float) -> None:
        self.name, self.settings, self.system = name, settings, system
        self._fresh_s = fresh_s
        self._told: tuple[float, Mapping[str, Tool | str]] | None = None
        self._lock = asyncio.Lock()

    async def tools(self) -> Mapping[str, Tool | str]:
        """Its operations; for one that can't be used, why. Raises `ToolUnavailable` if it never told."""
        async with self._lock:
            if self._told is None or time.monotonic() - self._told[0] > self._fresh_s:
                self._told = (time.monotonic(), await self._ask())
            return self._told[1]

    async def _ask(self) -> Mapping[str, Tool | str]:
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                offers = await self.system.offers()
        except (ToolUnavailable, TimeoutError) as error:
            if self._told is not None:  # what it told before is likelier true than nothing
                log.warning("tools_not_refreshed", system=self.name)
                return self._told[1]
            if isinstance(error, TimeoutError):
                raise ToolUnavailable(
                    f"the system {self.name!r} did not tell its operations in {self.settings.timeout_s:g} s"
                ) from error
            raise
        return {name: self._tool(name, offers[name]) for name in self.settings.operations}

    def _tool(self, name: str, offer: Offer | str) -> Tool | str:
        if isinstance(offer, str):
            return offer
        try:
            return ready(f"{self.name}.{name}", self.settings.operations[name], offer)
        except SchemaUnusable as error:
            return f"the arguments of {self.name}.{name} can't be used: {error}"
