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
ALLOWED_HEADERS = "authorization, content-type, idempotency-key, last-event-id"
ALLOWED_METHODS = "GET, POST"
PREFLIGHT_S = 600


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
        if origin is None and scope["method"] in ("GET", "HEAD") and headers.get("sec-fetch-site") == "same-origin":
            # A browser leaves Origin out of a GET to the page's own server, and lets no page say `same-origin` itself.
            await self._app(scope, receive, send)
            return
        if origin is None or origin not in self._origins:
            refused = problem(403, OriginRefused.code, "the widget's routes answer only to the pages in a site's list of origins")
            refused.headers["vary"] = "Origin"
            await refused(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _preflight(origin)(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_cors(origin))
            await send(message)

        await self._app(scope, receive, answer)


def _cors(origin: str) -> dict[str, str]:
    return {"access-control-allow-origin": origin, "vary": "Origin", "access-control-expose-headers": "retry-after"}


def _preflight(origin: str) -> Response:
    more = {
        "access-control-allow-methods": ALLOWED_METHODS,
        "access-control-allow-headers": ALLOWED_HEADERS,
        "access-control-max-age": str(PREFLIGHT_S),
    }
    return Response(status_code=204, headers=_cors(origin) | more)
