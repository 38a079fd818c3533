"""Calls of a helpdesk's API: one client each, every failure as one of our errors."""

import asyncio
import json
import ssl
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from agent.errors import HelpdeskRefused, HelpdeskUnavailable, SettingsInvalid, TicketMissing
from agent.helpdesk_settings import DeskSettings

MOST_BYTES = 20_000_000
"""Of one answer: a ticket with thousands of messages."""
LONGEST = 6
"""Times `timeout_s` for one call in all: an answer that trickles in must not hold a delivery or a poll up for ever."""
LATER = frozenset({401, 403, 408, 409, 412, 423, 425, 429})
"""Client errors that heal: by time, or by an operator who mends the token or its rights."""


class DeskApi:
    """The API of one helpdesk. Follows no redirect, uses no proxy from the environment."""

    def __init__(self, source: str, settings: DeskSettings, headers: Mapping[str, str], auth: httpx.Auth | None = None) -> None:
        """Connects to nothing yet. Raises `SettingsInvalid` for certificates that can't be used."""
        self.source = source
        self._longest_s = settings.timeout_s * LONGEST
        self._client = httpx.AsyncClient(
            base_url=settings.url,
            headers={"accept": "application/json", "user-agent": "innkeeper", **headers},
            auth=auth,
            timeout=settings.timeout_s,
            verify=tls(settings.ca_file) if settings.url.startswith("https://") else False,
            trust_env=False,
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def get(self, path: str, **params: Any) -> Any:
        """GET, as JSON."""
        return await self.call("GET", path, params={name: value for name, value in params.items() if value is not None})

    async def get_page(self, path: str, **params: Any) -> tuple[Any, bool]:
        """GET, as JSON, and whether its `Link` header (RFC 8288) names a next page."""
        response = await self.request("GET", path, params=params)
        return self._json("GET", path, response.content), "next" in response.links

    async def post(self, path: str, body: object) -> Any:
        """POST JSON; the answer as JSON, None if it is empty."""
        return await self.call("POST", path, json=body)

    async def put(self, path: str, body: object) -> Any:
        """PUT JSON; the answer as JSON, None if it is empty."""
        return await self.call("PUT", path, json=body)

    async def call(self, method: str, path: str, **more: Any) -> Any:
        """Any request; the answer as JSON, None if it is empty.

        Raises:
            HelpdeskUnavailable: no connection, too slow, 3xx, 5xx, or a client error that heals.
            TicketMissing: 404 or 410.
            HelpdeskRefused: any other client error.
        """
        return self._json(method, path, (await self.request(method, path, **more)).content)

    async def request(self, method: str, path: str, *, answers: Collection[int] = (), **more: Any) -> httpx.Response:
        """The same, as the whole answer. Raises as `call`, but not for the statuses in `answers`."""
        try:
            async with asyncio.timeout(self._longest_s), self._client.stream(method, path, **more) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise HelpdeskRefused(
                            f"the helpdesk {self.source!r} answered {method} {path} with more than {MOST_BYTES} bytes"
                        )
        except httpx.InvalidURL as error:
            raise HelpdeskRefused(f"the address of the helpdesk {self.source!r} can't be used: {error}") from error
        except TimeoutError as error:
            raise HelpdeskUnavailable(
                f"the helpdesk {self.source!r} did not end its answer to {method} {path} in {self._longest_s:g} s"
            ) from error
        except httpx.HTTPError as error:
            raise HelpdeskUnavailable(
                f"the helpdesk {self.source!r} can't be reached ({method} {path}): {type(error).__name__}"
            ) from error
        if response.status_code not in answers:
            self._judge(method, path, response)
        return httpx.Response(response.status_code, headers=_plain(response.headers), content=bytes(body))

    def _judge(self, method: str, path: str, response: httpx.Response) -> None:
        status = response.status_code
        if 200 <= status < 300:
            return
        # Only the status is told: what the helpdesk says beside it may quote the customer.
        told = f"the helpdesk {self.source!r} answered {status} to {method} {path}"
        if status in (401, 403):
            raise HelpdeskUnavailable(f"{told}: its token is wrong or lacks a right; `innkeeper connect` says which")
        if status in (404, 410):
            raise TicketMissing(told)
        if status in LATER or not 400 <= status < 500:
            raise HelpdeskUnavailable(f"{told}; it is tried again")
        raise HelpdeskRefused(f"{told}: it won't take this")

    def _json(self, method: str, path: str, body: bytes) -> Any:
        if not body.strip():
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise HelpdeskUnavailable(
                f"the helpdesk {self.source!r} answered {method} {path} with something that is not JSON: is its address right?"
            ) from error


@cache
def tls(ca_file: Path | None) -> ssl.SSLContext:
    """What connections are verified by: a file, or the authorities that this system trusts. Made once, since it is read slowly.

    Raises:
        SettingsInvalid: the file can't be used.
    """
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid(f"the certificates in {ca_file} can't be used: {error}") from error


def _plain(headers: httpx.Headers) -> list[tuple[str, str]]:
    """Without those that told of the body's transport: it is read and unpacked."""
    return [(n, v) for n, v in headers.items() if n.lower() not in ("content-encoding", "transfer-encoding", "content-length")]
