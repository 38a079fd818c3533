"""The widget's files as a browser gets them: the script, its texts, and a page to try it on."""

import gzip
import hashlib
import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from agent.site_settings import SiteSettings

SCRIPT = "text/javascript; charset=utf-8"
ALWAYS_ASK = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"
DEMO_SITE = "demo"
DEMO_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")
_ANYWHERE = {
    "cross-origin-resource-policy": "cross-origin",
    "access-control-allow-origin": "*",
    "x-content-type-options": "nosniff",
    "vary": "accept-encoding",
}


class WebFile:
    """One file with its ETag, packed once."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self._content = content
        self._packed = gzip.compress(content, 9, mtime=0)
        self._media_type = media_type
        self._tag = hashlib.sha256(content).hexdigest()[:32]

    def response(self, request: Request, caching: str, more: Mapping[str, str]) -> Response:
        """The file, or 304 if the browser has it."""
        is_packed = "gzip" in request.headers.get("accept-encoding", "")
        # Two forms of one file need two tags. Source: RFC 9110, section 8.8.3.3.
        tag = f'"{self._tag}{"-gzip" if is_packed else ""}"'
        headers = {"etag": tag, "cache-control": caching, **more}
        if tag in request.headers.get("if-none-match", "") or request.headers.get("if-none-match") == "*":
            return Response(status_code=304, headers=headers)
        if is_packed:
            headers["content-encoding"] = "gzip"
        content = self._packed if is_packed else self._content
        return Response(content, media_type=self._media_type, headers=headers)


def files_router(web: Traversable, sites: Mapping[str, SiteSettings]) -> APIRouter:
    """`/widget.js`, the same by version, `/widget/locales/…`, and the demo page if there is the demo site."""
    router = APIRouter(tags=["widget"])
    find = _finder(web)

    @router.get("/widget.js", include_in_schema=False)
    async def newest(request: Request) -> Response:
        return find("widget.js", SCRIPT).response(request, ALWAYS_ASK, _ANYWHERE)

    @router.get("/widget/{number}/widget.js", include_in_schema=False)
    async def pinned(number: str, request: Request) -> Response:
        if number != version("innkeeper"):
            raise HTTPException(404, "this version is not served here")
        return find("widget.js", SCRIPT).response(request, FOR_EVER, _ANYWHERE)

    @router.get("/widget/locales/{locale}.json", include_in_schema=False)
    async def texts(locale: str, request: Request) -> Response:
        if not _LOCALE.fullmatch(locale):
            raise HTTPException(404, "there are no texts in that language")
        return find(f"locales/{locale}.json", "application/json").response(request, ALWAYS_ASK, _ANYWHERE)

    if DEMO_SITE in sites:
        _add_demo(router, find)
    return router


def _add_demo(router: APIRouter, find: Callable[[str, str], WebFile]) -> None:
    secure = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}

    @router.get("/widget/demo", include_in_schema=False)
    async def page(request: Request) -> Response:
        more = {"content-security-policy": DEMO_POLICY, **secure}
        return find("widget_demo.html", "text/html; charset=utf-8").response(request, ALWAYS_ASK, more)

    @router.get("/widget/demo.css", include_in_schema=False)
    async def style(request: Request) -> Response:
        return find("widget_demo.css", "text/css; charset=utf-8").response(request, ALWAYS_ASK, secure)


def _finder(web: Traversable) -> Callable[[str, str], WebFile]:
    known: dict[str, WebFile] = {}

    def find(name: str, media_type: str) -> WebFile:
        if name not in known:
            try:
                known[name] = WebFile(web.joinpath(name).read_bytes(), media_type)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                raise HTTPException(404, "there is no such file") from error
        return known[name]

    return find
