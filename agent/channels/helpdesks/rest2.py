"""REST2, the API of Request Tracker 5, as it is: lists, tickets, parts of messages, users.

Source: RT 5 documentation (RT::REST2), and answers of RT 5.0.3 as Debian ships it. What that server showed:
- Lists of transactions tell no number of pages, and leave out what the user may not see, so that a short page need not be
  the last.
- Whether a user is one of the staff ("privileged") stands in the user's own record alone, the content of a message in the
  attachment's own, as base64.
- A ticket that was merged into another is answered with that one.
"""

import asyncio
import base64
import email.parser
import email.policy
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from agent.channels.helpdesks.http import DeskApi
from agent.channels.helpdesks.senders import address
from agent.errors import HelpdeskUnavailable, TicketMissing
from agent.helpdesk_settings import RequestTrackerSettings

API = "/REST/2.0"
NOBODY_USER = "Nobody"
SYSTEM_USER = "RT_System"
PER_PAGE = 100
"""The most that it gives."""
MOST_PAGES = 50
AT_ONCE = 4
"""Calls for the contents of one ticket."""
_TOKEN = re.compile(r"^1-(\d+)-")


class Rest2:
    """Calls, by one user's token. Raises as `DeskApi.call`."""

    def __init__(self, source: str, settings: RequestTrackerSettings) -> None:
        self._token = settings.token.get_secret_value()
        self.api = DeskApi(source, settings, {"authorization": f"token {self._token}"})
        self._me: str | None = None
        self._staff: set[str] = set()
        self._calls = asyncio.Semaphore(AT_ONCE)

    async def pages(self, path: str, **params: Any) -> AsyncIterator[dict[str, Any]]:
        """Every item of a list, up to `MOST_PAGES` pages. Where the number of pages is not told, an empty one is the last."""
        for page in range(1, MOST_PAGES + 1):
            found = await self.api.get(f"{API}{path}", page=page, per_page=PER_PAGE, **params)
            for one in found["items"]:
                yield one
            pages = found.get("pages")
            if not found["items"] or (pages is not None and page >= pages):
                return

    async def ticket(self, ticket_id: str) -> dict[str, Any]:
        """The ticket, with its queue's name."""
        if not ticket_id.isdecimal():
            raise TicketMissing("RT's tickets have numbers, and this is none")
        params = {"fields": "Queue", "fields[Queue]": "Name"}
        found: dict[str, Any] = await self.api.call("GET", f"{API}/ticket/{int(ticket_id)}", params=params)
        return found

    async def transactions(self, ticket_id: int) -> list[dict[str, Any]]:
        """What happened to a ticket, oldest first."""
        found = [one async for one in self.pages(f"/ticket/{ticket_id}/history", fields="Type,Creator,Created")]
        return sorted(found, key=lambda one: int(one["id"]))

    async def parts(self, ticket_id: int) -> dict[str, list[dict[str, Any]]]:
        """The parts of every message by its transaction: what kind they are of, and their headers."""
        fields = "TransactionId,ContentType,Filename,Headers"
        found: dict[str, list[dict[str, Any]]] = {}
        async for one in self.pages(f"/ticket/{ticket_id}/attachments", fields=fields):
            found.setdefault(name_of(one.get("TransactionId")), []).append(one)
        return found

    async def content(self, attachment_id: str) -> str:
        """The text of a part."""
        async with self._calls:
            found = await self.api.get(f"{API}/attachment/{quote(attachment_id, safe='')}")
        return base64.b64decode(found.get("Content") or "").decode(errors="replace")

    async def user(self, name: str) -> dict[str, Any]:
        """A user, by name or number."""
        found: dict[str, Any] = await self.api.get(f"{API}/user/{quote(name, safe='')}")
        return found

    async def staff(self, names: Iterable[str]) -> frozenset[str]:
        """Which of them are privileged users. Who is stays so; who isn't is asked for again, since people join the staff."""
        asked = {*names} - {"", SYSTEM_USER, NOBODY_USER}
        unknown = sorted(asked - self._staff)
        told = await asyncio.gather(*map(self._is_staff, unknown))
        self._staff.update(name for name, is_one in zip(unknown, told, strict=True) if is_one)
        return frozenset(asked & self._staff)

    async def _is_staff(self, name: str) -> bool:
        async with self._calls:
            return str((await self.user(name)).get("Privileged")) == "1"

    async def own_name(self) -> str:
        """The name of the token's user, whose number stands in the token."""
        if self._me is None:
            found = _TOKEN.match(self._token)
            if found is None:
                raise HelpdeskUnavailable(
                    "the token is not one of RT's, which begin with 1- and the user's number: make one under "
                    "Settings > Auth Tokens of the user that Innkeeper works as"
                )
            self._me = str((await self.user(found[1]))["Name"])
        return self._me


def quoted(value: str) -> str:
    """As a value in a search. Source: RT documentation, Query Builder."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def name_of(one: object) -> str:
    """What a reference names: `{"id": …}` in most places, the bare id in some lists."""
    return str(one.get("id") or "") if isinstance(one, dict) else str(one or "")


def text_part(parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The part that holds a message's words: plain text before HTML, no attached file."""
    texts = [one for one in parts if one.get("ContentType") in ("text/plain", "text/html") and not one.get("Filename")]
    return min(texts, key=lambda one: (one["ContentType"] != "text/plain", int(one["id"])), default=None)


def headers_of(part: Mapping[str, Any]) -> dict[str, str]:
    """A part's headers by lower-case name, and the bare `from-address`. Those of a mail stand in its first part."""
    parsed = email.parser.HeaderParser(policy=email.policy.compat32).parsestr(str(part.get("Headers") or ""))
    headers = {name.lower(): str(value) for name, value in parsed.items()}
    return headers | {"from-address": address(headers.get("from", ""))}
