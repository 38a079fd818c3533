"""A system with an OpenAPI document: the operations that the settings name, called over HTTP."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from agent.errors import SettingsInvalid, ToolRefused
from agent.tool_settings import OpenApiSettings
from agent.tools.openapi_document import Operation, operations
from agent.tools.schemas import SchemaUnusable
from agent.tools.systems import Doubtful, Offer, Sending, parse_json, unavailable, unknown_operation

DOCUMENT_BYTES = 20_000_000
NOT_NOW = frozenset({401, 407, 408, 425, 429})
"""Client errors that say nothing of the call itself: they heal by time, or by who mends the token."""
IN_WORK = 409
"""To a repeated key: the first request with it is still in work. Source: draft-ietf-httpapi-idempotency-key-header-07, 2.6."""


class OpenApiSystem:
    """Follows no redirect, uses no proxy from the environment, keeps no connection open between calls."""

    def __init__(self, name: str, settings: OpenApiSettings) -> None:
        """Connects to nothing yet. Raises `SettingsInvalid` for certificates that can't be used."""
        self._name, self._settings = name, settings
        self._operations: Mapping[str, Operation | str] = {}
        self._client = httpx.AsyncClient(
            headers={"accept": "application/json", "user-agent": "innkeeper"},
            timeout=None,  # the toolbox limits whole calls
            verify=tls(settings.ca_file) if _is_tls(settings) else False,
            # A connection that the server closes meanwhile would leave a write in doubt.
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=0),
            trust_env=False,
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def offers(self) -> Mapping[str, Offer | str]:
        """Read the document. Raises `ToolUnavailable` if it can't be had or is none."""
        try:
            found = operations(parse_json(await self._document()), self._settings.key_header)
        except (ValueError, AttributeError, RecursionError) as error:
            why = str(error) if type(error) is ValueError else "it is no JSON"
            raise unavailable(self._name, f"its document {self._settings.document_place} can't be used: {why}") from error
        named = {name: self._settings.named(name) for name in self._settings.operations}
        self._operations = {
            name: found.get(operation, unknown_operation(self._name, operation, found)) for name, operation in named.items()
        }
        return {
            name: one.offer if isinstance(one, Operation) else f"{self._name}.{name} can't be used: {one}"
            for name, one in self._operations.items()
        }

    async def send(self, name: str, arguments: Mapping[str, Any], key: str | None, sending: Sending) -> Any:
        """Make the request. Raises as `System.send` says."""
        operation = self._operations.get(name)
        if not isinstance(operation, Operation):
            raise unavailable(self._name, f"its document has no {name}")
        try:
            asked = operation.request(arguments)
        except SchemaUnusable as error:
            raise ToolRefused(f"{self._name}.{name} can't be called like this: {error}") from None
        headers = {**asked.headers, **self._settings.sent_headers()}
        if key is not None and self._settings.key_header:
            headers[self._settings.key_header] = key
        content = None
        if asked.body is not None:
            content, headers["content-type"] = json.dumps(asked.body).encode(), "application/json"

        async def watch(event: str, info: Mapping[str, Any]) -> None:
            if event.endswith("send_request_headers.started"):
                sending.begun = True

        request = self._client.build_request(
            asked.method,
            self._settings.url.rstrip("/") + asked.path,
            params=httpx.QueryParams(asked.query) if asked.query else None,
            headers=headers,
            content=content,
            extensions={"trace": watch},
        )
        # This attempt alone: an earlier one may have been begun.
        before, sending.begun = sending.begun, False
        try:
            status, body = await self._exchange(request, self._settings.max_bytes)
        except httpx.HTTPError as error:
            # The words of the error may hold the address with its arguments.
            if sending.begun:
                raise Doubtful(f"the connection broke off ({type(error).__name__})") from None
            raise unavailable(self._name, f"no connection ({type(error).__name__})") from None
        finally:
            sending.begun = sending.begun or before
        return self._judged(f"{asked.method} {operation.path}", status, body, writes=key is not None, name=name)

    def _judged(self, what: str, status: int, body: bytes | None, *, writes: bool, name: str) -> Any:
        told = f"the system {self._name!r} answered {status} to {what}"
        if 200 <= status < 300:
            if body is None:
                raise Doubtful(f"{told} with more than {self._settings.max_bytes} bytes", repeat=False)
            return self._value(told, body)
        if status in NOT_NOW:
            raise unavailable(self._name, f"{told}" + ("; is its token right?" if status in (401, 407) else ""))
        if status == IN_WORK and writes and self._settings.operations[name].repeats_safely:
            raise Doubtful(f"{told}: a request with the same key may be in work")
        if 400 <= status < 500:
            # Only the status is told: what the system says beside it may quote the customer.
            raise ToolRefused(f"{told}: it says no")
        if status in (307, 308) or (300 <= status < 400 and not writes):
            raise ToolRefused(f"{told}: a redirect, which is not followed; set the address that it should go to")
        raise Doubtful(told)

    def _value(self, told: str, body: bytes) -> Any:
        if not body.strip():
            return None
        try:
            return parse_json(body)
        except ValueError:
            raise Doubtful(f"{told} with something that is no JSON", repeat=False) from None

    async def _exchange(self, request: httpx.Request, most: int) -> tuple[int, bytes | None]:
        """Status and body; None for a body that is too large."""
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > most:
                    return response.status_code, None
            return response.status_code, bytes(body)
        finally:
            await response.aclose()

    async def _document(self) -> bytes:
        place = self._settings.document_place
        if "://" not in place:
            try:
                return await asyncio.to_thread(Path(place).read_bytes)
            except OSError as error:
                raise unavailable(self._name, f"its document {place} can't be read: {error.strerror}") from error
        # Elsewhere it is nobody's business what this system is asked with.
        headers = self._settings.sent_headers() if _same_place(place, self._settings.url) else {}
        try:
            status, body = await self._exchange(self._client.build_request("GET", place, headers=headers), DOCUMENT_BYTES)
        except httpx.HTTPError as error:
            raise unavailable(self._name, f"its document can't be had ({type(error).__name__})") from None
        if status != 200 or body is None:
            why = f"it answered {status}" if body is not None else "it is too large"
            raise unavailable(self._name, f"its document {place} can't be had: {why}")
        return body


@cache
def tls(ca_file: Path | None) -> ssl.SSLContext:
    """What connections are verified by: a file, or the authorities that this machine trusts. Made once, since it is read slowly.

    Raises:
        SettingsInvalid: the file can't be used.
    """
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid(f"the certificates in {ca_file} can't be used: {error}") from error


def _is_tls(settings: OpenApiSettings) -> bool:
    return any(place.startswith("https://") for place in settings.addresses)


def _same_place(one: str, other: str) -> bool:
    first, second = httpx.URL(one), httpx.URL(other)
    return (first.scheme, first.host, first.port) == (second.scheme, second.host, second.port)
