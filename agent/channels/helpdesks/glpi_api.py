"""GLPI's legacy REST API: every call belongs to a session, which is opened by a user token and may end at any moment.

Source: GLPI's `apirest.md` and `src/Glpi/Api/API.php`, release 11. Its lists come in ranges; `Content-Range` tells of how many.
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from agent.channels.helpdesks.http import DeskApi
from agent.errors import AgentError, HelpdeskRefused, HelpdeskUnavailable
from agent.helpdesk_settings import GlpiSettings

RANGE = 50
MOST_RANGES = 50


@dataclass(frozen=True, slots=True)
class Login:
    """An open session, and who it is.

    Attributes:
        profile: the rights that the user's profile has, by name: numbers whose bits stand for one right each.
    """

    token: str
    user_id: int
    profile: Mapping[str, Any]


class GlpiApi(DeskApi):
    """Calls within a session. GLPI answers 401 once it has forgotten it, before it does anything: then a new one is opened."""

    def __init__(self, source: str, settings: GlpiSettings) -> None:
        app = {"app-token": settings.app_token.get_secret_value()} if settings.app_token else {}
        super().__init__(source, settings, app)
        self._root = settings.api_path
        self._user_token = settings.token.get_secret_value()
        self._open: Login | None = None
        self._lock = asyncio.Lock()

    async def aclose(self) -> None:
        """End the session, if GLPI can be reached, and close the connections."""
        login, self._open = self._open, None
        if login is not None:
            with contextlib.suppress(AgentError):
                await self._within(login, "GET", "/killSession", (401,))
        await super().aclose()

    async def login(self, ended: Login | None = None) -> Login:
        """The session, opened if there is none or if it is the one that has ended.

        Raises:
            HelpdeskUnavailable: GLPI opens none.
        """
        async with self._lock:
            # Another task may have opened a new one while this one waited.
            if self._open is None or self._open is ended:
                self._open = await self._new_session()
            return self._open

    async def request(self, method: str, path: str, *, answers: Collection[int] = (), **more: Any) -> httpx.Response:
        """As `DeskApi.request`, `path` without that of the API."""
        login = await self.login()
        response = await self._within(login, method, path, (*answers, 401), **more)
        if response.status_code != 401:
            return response
        return await self._within(await self.login(ended=login), method, path, answers, **more)

    async def rows(self, path: str) -> list[dict[str, Any]]:
        """Every row of a list.

        Raises:
            HelpdeskRefused: there are more than 50 ranges: with a part of them a message would be sent twice.
        """
        found: list[dict[str, Any]] = []
        for _ in range(MOST_RANGES):
            wanted = f"{len(found)}-{len(found) + RANGE - 1}"
            response = await self.request("GET", path, params={"range": wanted, "get_hateoas": "false"})
            rows = self._json("GET", path, response.content) or []
            found += rows
            of = response.headers.get("content-range", "").rpartition("/")[2]
            if not rows or not of.isdecimal() or len(found) >= int(of):
                return found
        raise HelpdeskRefused(f"the helpdesk {self.source!r} has more than {len(found)} rows under {path}")

    async def _within(self, login: Login, method: str, path: str, answers: Collection[int], **more: Any) -> httpx.Response:
        headers = {"session-token": login.token}
        return await super().request(method, self._root + path, answers=answers, headers=headers, **more)

    async def _new_session(self) -> Login:
        path = f"{self._root}/initSession"
        response = await super().request(
            "GET",
            path,
            answers=(400, 401),
            params={"get_full_session": "true"},
            headers={"authorization": f"user_token {self._user_token}"},
        )
        answer = self._json("GET", path, response.content)
        if response.status_code >= 400:
            # Its own word for what is wrong, as ERROR_NOT_ALLOWED_IP; what stands beside it is not told.
            code = str(answer[0]) if isinstance(answer, list) and answer else ""
            told = f" {code}" if code.startswith("ERROR_") else ""
            raise HelpdeskUnavailable(
                f"the helpdesk {self.source!r} opens no session ({response.status_code}{told}): look at the user's API token, "
                "the app token, and the API client's range of addresses"
            )
        try:
            session = answer["session"]
            return Login(str(answer["session_token"]), int(session["glpiID"]), session.get("glpiactiveprofile") or {})
        except (LookupError, TypeError, ValueError) as error:
            raise HelpdeskUnavailable(
                f"the helpdesk {self.source!r} answered GET {path} without a session: is its address that of GLPI's legacy API?"
            ) from error
