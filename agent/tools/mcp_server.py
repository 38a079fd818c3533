"""A Model Context Protocol server as a system, by the official SDK: over streamable HTTP, or as a child process.

Each call has a connection of its own: what breaks one can't leave another in doubt, and no child outlives its call. Nothing
that the server asks of its client (models, files, questions for a person) is offered to it.
"""

import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO

import httpx2
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    TextContent,
)
from pydantic import ValidationError

from agent.errors import ToolRefused, ToolUnavailable
from agent.tool_settings import McpSettings
from agent.tools.mcp_transport import Watched
from agent.tools.openapi import NOT_NOW, tls
from agent.tools.systems import Doubtful, Offer, Sending, parse_json, unavailable, unknown_operation

MOST_PAGES = 50
SAYS_NO = frozenset({INVALID_PARAMS, METHOD_NOT_FOUND})
"""Errors of the protocol that a server gives before it runs a tool."""


_FAILURES = (MCPError, ValidationError, httpx2.HTTPError, OSError, RuntimeError, ValueError, ToolUnavailable, ExceptionGroup)
"""What the SDK raises, alone or in the groups of its tasks."""


class McpSystem:
    """An MCP server. `stderr` is where a child process writes what it has to say; nowhere if not given, since it may quote."""

    def __init__(self, name: str, settings: McpSettings, stderr: TextIO | None = None) -> None:
        """Connects to nothing yet. Raises `SettingsInvalid` for certificates that can't be used."""
        self._name, self._settings, self._stderr = name, settings, stderr
        self._verify = tls(settings.ca_file) if (settings.url or "").startswith("https://") else False

    async def aclose(self) -> None:
        """Nothing stays open between calls."""

    async def offers(self) -> Mapping[str, Offer | str]:
        """List its tools. Raises `ToolUnavailable` if it can't be asked."""
        found: dict[str, Offer] = {}
        try:
            async with self._connected() as (client, _):
                cursor: str | None = None
                for _page in range(MOST_PAGES):
                    listed = await client.list_tools(cursor=cursor)
                    found |= {one.name: Offer(one.description or "", one.input_schema) for one in listed.tools}
                    cursor = listed.next_cursor
                    if cursor is None:
                        break
        except _FAILURES as error:
            first = _first(error)
            if isinstance(first, ToolUnavailable):
                raise first from None
            raise unavailable(self._name, f"it didn't tell its tools ({type(first).__name__})") from None
        named = {name: self._settings.named(name) for name in self._settings.operations}
        return {name: found.get(tool, unknown_operation(self._name, tool, found)) for name, tool in named.items()}

    async def send(self, name: str, arguments: Mapping[str, Any], key: str | None, sending: Sending) -> Any:
        """Call the tool. Raises as `System.send` says."""
        this = Sending()
        result: CallToolResult | None = None
        wire: Watched | None = None
        try:
            async with self._connected() as (client, wire):
                if wire is None:
                    this.begun = sending.begun = True
                else:
                    wire.watch(this)
                params = CallToolRequestParams(name=self._settings.named(name), arguments=dict(arguments))
                # Not the client's `call_tool`, which judges the result afterwards and may ask again for that.
                result = await client.session.send_request(CallToolRequest(params=params), CallToolResult)
        except _FAILURES as error:
            first = _first(error)
            if isinstance(first, ToolUnavailable):
                raise first from None
            if result is None:  # an answer that came stands, whatever went wrong when the connection was closed
                self._judge(first, wire, this, writes=key is not None)
        finally:
            sending.begun = sending.begun or this.begun
        assert result is not None
        return self._value(name, result, writes=key is not None)

    def _judge(self, error: BaseException, wire: Watched | None, this: Sending, *, writes: bool) -> NoReturn:
        """Raise what an error of a call means. Its words may quote what was sent, so they go no further."""
        told = f"the system {self._name!r} gave an error ({getattr(error, 'code', type(error).__name__)})"
        status = wire.status if wire is not None else 0
        if not this.begun:
            raise unavailable(self._name, f"no connection ({type(error).__name__})") from None
        if wire is not None and wire.too_large:
            raise Doubtful(f"it answered with more than {self._settings.max_bytes} bytes", repeat=False) from None
        if status in NOT_NOW:
            raise unavailable(self._name, f"it answered {status}" + ("; is its token right?" if status == 401 else "")) from None
        if 300 <= status < 400 and (not writes or status in (307, 308)):
            raise ToolRefused(f"the system {self._name!r} answered {status}: a redirect, which is not followed") from None
        if 400 <= status < 500:
            raise ToolRefused(f"the system {self._name!r} answered {status}: it says no") from None
        if isinstance(error, MCPError) and error.code in SAYS_NO and status in (0, 200):
            raise ToolRefused(f"{told}: it doesn't take this call") from None
        raise Doubtful(told, repeat=not (isinstance(error, MCPError) and error.code == INVALID_REQUEST)) from None

    def _value(self, name: str, result: CallToolResult, *, writes: bool) -> Any:
        """What a tool gave, as data: its structure, JSON in its text, or the text itself."""
        if result.is_error:
            if writes and not self._settings.operations[name].error_means_no:
                raise Doubtful(f"the tool {self._settings.named(name)!r} ended in an error")
            raise ToolRefused(f"the tool {self._settings.named(name)!r} of the system {self._name!r} says no")
        text = "\n".join(one.text for one in result.content if isinstance(one, TextContent))
        if result.structured_content is not None:
            try:
                text = json.dumps(result.structured_content, allow_nan=False)
            except (ValueError, RecursionError):
                raise Doubtful("it answered with something that is no JSON", repeat=False) from None
        if len(text) > self._settings.max_bytes:
            raise Doubtful(f"it answered with more than {self._settings.max_bytes} bytes", repeat=False)
        if result.structured_content is not None:
            return result.structured_content
        try:
            return parse_json(text)
        except ValueError:
            return {"text": text}

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Client, Watched | None]]:
        """A connection after its greeting. Raises `ToolUnavailable` if there is none."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                client, wire = await self._open(stack)
            except _FAILURES as error:
                raise unavailable(self._name, f"no connection ({type(_first(error)).__name__})") from None
            yield client, wire

    async def _open(self, stack: contextlib.AsyncExitStack) -> tuple[Client, Watched | None]:
        if self._settings.url is None:
            command = self._settings.command
            env = {name: value.get_secret_value() for name, value in self._settings.env.items()}
            child = StdioServerParameters(command=command[0], args=list(command[1:]), env=env, cwd=self._settings.cwd)
            errlog = self._stderr or stack.enter_context(_nowhere())
            return await stack.enter_async_context(Client(stdio_client(child, errlog), mode="legacy", cache=None)), None
        wire = Watched(httpx2.AsyncHTTPTransport(verify=self._verify, trust_env=False), self._settings.max_bytes)
        http = await stack.enter_async_context(
            httpx2.AsyncClient(
                transport=wire,
                headers={"user-agent": "innkeeper", **self._settings.sent_headers()},
                timeout=self._settings.timeout_s,
                trust_env=False,
                max_redirects=0,
            )
        )
        streams = streamable_http_client(self._settings.url, http_client=http, max_sse_event_size=self._settings.max_bytes)
        return await stack.enter_async_context(Client(streams, cache=None)), wire


@contextlib.contextmanager
def _nowhere() -> Iterator[TextIO]:
    with Path(os.devnull).open("w", encoding="utf-8") as file:
        yield file


def _first(group: BaseException) -> BaseException:
    """The first error of a group, however deep it lies."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
