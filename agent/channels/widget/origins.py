"""Which pages may talk to the widget's routes: the exact origins of the sites. Source: the Fetch standard, CORS protocol."""

from collections.abc import Mapping

from fastapi.responses import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.channels.problems import problem
from agent.errors import OriginRefused
from agent.site_settings import SiteSettings

PREFIX = "/widget/"
FILES = ("/widget/locales/", "/widget/demo")
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type, idempotency-key, last-event-id",
    "access-control-max-age": "600",
}


def is_open(path: str) -> bool:
    """True for what any page may load: the files."""
    return not path.startswith(PREFIX) or path.startswith(FILES) or path.endswith("/widget.js")


def check_origin(site: SiteSettings, origin: str | None) -> None:
    """Raise `OriginRefused` if that page is not one of the site's. None: our own page, which the gate has let in."""
    if origin is not None and origin not in site.origins:
        raise OriginRefused("this page's origin is not in the site's list of origins")


class OriginGate:
    """Refuses pages of no site, answers preflights, and lets the pages of the sites read what is answered.

    Which site a request is for is known only behind it; see `check_origin`.
    """

    def __init__(self, app: ASGIApp, sites: Mapping[str, SiteSettings]) -> None:
        self._app = app
        self._origins = frozenset(origin for site in sites.values() for origin in site.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        # A browser leaves Origin out of a GET to the page's own server, and lets no page say `same-origin` itself.
        is_own = origin is None and scope["method"] in ("GET", "HEAD") and headers.get("sec-fetch-site") == "same-origin"
        if not is_own and origin not in self._origins:
            refused = problem(403, OriginRefused.code, "the widget's routes answer only to the pages in a site's list of origins")
            refused.headers["vary"] = "Origin"
            await refused(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(status_code=204, headers=_cors(origin) | PREFLIGHT)(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                given.update(_cors(origin))
                given["x-content-type-options"] = "nosniff"
                given.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, answer)


def _cors(origin: str | None) -> dict[str, str]:
    allowed = {"access-control-allow-origin": origin, "access-control-expose-headers": "retry-after"} if origin else {}
    return {"vary": "Origin", **allowed}
