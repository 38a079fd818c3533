"""Fetches one URL of a website, within limits. Knows nothing of pages, links or robots.txt.

Every request and every hop of a redirect is checked before it is sent. There are no proxies, cookies,
credentials or settings from the environment, for none of them is part of what is built here.
"""

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType

import httpcore

from knowledge.errors import PageUnreadable
from knowledge.sources.addresses import AllowedHosts
from knowledge.sources.connections import CheckedBackend, HostRefused, Network
from knowledge.sources.gunzip import BrokenGzip, unpacked
from knowledge.sources.web_urls import WebUrl, web_url

MAX_HOPS = 5
"""Redirects that are followed. Source: RFC 9309, 2.3.1.2 names five for robots.txt."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})
_TROUBLES = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol)

Gate = Callable[[WebUrl], None]
"""Raises `PageUnreadable` for a URL that must not be asked for. Called before each hop."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """`page_s` is for one page with all its redirects; `total_s` and `total_bytes` (unpacked) for all pages together."""

    page_s: float
    total_s: float
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer with status 200. `url` is where the redirects led; `body` is None if its type wasn't wanted."""

    url: WebUrl
    content_type: str
    headers: Mapping[str, str]
    body: bytes | None
    was_redirected: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bodies are read, and up to how many bytes. `gate` is asked before each hop."""

    max_bytes: int
    is_readable: Callable[[str], bool] = lambda content_type: True
    gate: Gate = lambda url: None


@dataclass
class Fetcher:
    """Fetches one URL after the other. `delay_s` is the pause between two pages."""

    allowed: AllowedHosts
    user_agent: str
    limits: FetchLimits
    network: Network = field(default_factory=Network)
    tls: ssl.SSLContext | None = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        self._backend = CheckedBackend(self.allowed, self.network)
        # No kept connections: each request looks its host up and judges it again.
        self._pool = httpcore.ConnectionPool(self.tls, max_keepalive_connections=0, network_backend=self._backend)
        self._ends_at = time.monotonic() + self.limits.total_s
        self._bytes_left = self.limits.total_bytes
        self._last_ended = 0.0

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.close()

    def get(self, url: WebUrl, wanted: Wanted) -> Fetched:
        """What the URL, or the one that it redirects to, answers with status 200.

        Raises:
            PageUnreadable: not allowed, not there, broken, too large or too slow. Its `source` is the last
                URL that was asked, or the first one.
        """
        wanted.gate(url)
        self._pause(url)
        deadline = time.monotonic() + self.limits.page_s
        try:
            return self._follow(url, wanted, deadline)
        finally:
            self._last_ended = time.monotonic()

    def _follow(self, first: WebUrl, wanted: Wanted, deadline: float) -> Fetched:
        url, seen = first, {first}
        for _ in range(MAX_HOPS + 1):
            answer = self._ask(url, wanted, deadline, was_redirected=url != first)
            if isinstance(answer, Fetched):
                return answer
            target = web_url(answer, url)
            if target is None:
                raise PageUnreadable(str(url), f"redirects to {answer[:200]!r}, which can't be asked for")
            if target in seen:
                raise PageUnreadable(str(url), f"redirects in a circle, back to {target}")
            if refusal := self.allowed.refusal(target.host, target.port):
                raise PageUnreadable(str(url), f"redirects to {target}: {refusal}")
            wanted.gate(target)
            seen.add(target)
            url = target
        raise PageUnreadable(str(url), f"redirects more than {MAX_HOPS} times")

    def _ask(self, url: WebUrl, wanted: Wanted, deadline: float, *, was_redirected: bool) -> Fetched | str:
        """The answer, or the `Location` that it redirects to."""
        if refusal := self.allowed.refusal(url.host, url.port):
            raise PageUnreadable(str(url), refusal)
        self._backend.deadline = min(deadline, self._ends_at)
        try:
            with self._pool.stream("GET", _core_url(url), headers=self._headers(url)) as response:
                headers = _headers_of(response)
                if response.status in _REDIRECTS and headers.get("location"):
                    return headers["location"]
                _check_status(url, response.status)
                content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
                body = self._body(url, response, headers, wanted.max_bytes) if wanted.is_readable(content_type) else None
                return Fetched(url, content_type, headers, body, was_redirected)
        except HostRefused as error:
            # A listed host on a wrong address: the name server is in trouble, or someone plays with it.
            raise PageUnreadable(str(url), str(error), is_passing=True) from error
        except BrokenGzip as error:
            raise PageUnreadable(str(url), str(error), is_passing=True) from error
        except _TROUBLES as error:
            raise self._trouble(url, error) from error

    def _body(self, url: WebUrl, response: httpcore.Response, headers: Mapping[str, str], max_bytes: int) -> bytes:
        too_large = PageUnreadable(str(url), f"has more than {max_bytes:,} bytes", is_passing=True)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > max_bytes:
            raise too_large
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip", "x-gzip"}:
            raise PageUnreadable(str(url), f"is packed as {encoding[:40]!r}, which was not asked for")
        raw = _at_most(response.iter_stream(), max_bytes, too_large)
        body = bytearray()
        for piece in _at_most(raw if encoding == "identity" else unpacked(raw), max_bytes, too_large):
            self._bytes_left -= len(piece)
            if self._bytes_left < 0:
                reason = f"the site has more than {self.limits.total_bytes:,} bytes; what is left was not read"
                raise PageUnreadable(str(url), reason, is_cut=True)
            body += piece
        return bytes(body)

    def _headers(self, url: WebUrl) -> list[tuple[str, str]]:
        return [
            ("Host", url.netloc),
            ("User-Agent", self.user_agent),
            ("Accept", "text/html,application/xhtml+xml,text/markdown,text/plain;q=0.9,*/*;q=0.5"),
            ("Accept-Encoding", "gzip"),
            ("Connection", "close"),
        ]

    def _pause(self, url: WebUrl) -> None:
        wait = self._last_ended + self.delay_s - time.monotonic() if self._last_ended else 0.0
        if time.monotonic() + max(wait, 0.0) >= self._ends_at:
            raise self._out_of_time(url)
        if wait > 0:
            time.sleep(wait)

    def _trouble(self, url: WebUrl, error: Exception) -> PageUnreadable:
        if time.monotonic() >= self._ends_at:
            return self._out_of_time(url)
        if isinstance(error, httpcore.TimeoutException):
            return PageUnreadable(str(url), f"did not answer in full within {self.limits.page_s:g} s", is_passing=True)
        said = " ".join(str(error).split()) or type(error).__name__
        return PageUnreadable(str(url), f"can't be read: {said}", is_passing=True)

    def _out_of_time(self, url: WebUrl) -> PageUnreadable:
        reason = f"the site took more than {self.limits.total_s:g} s; what is left was not read"
        return PageUnreadable(str(url), reason, is_cut=True)


def _core_url(url: WebUrl) -> httpcore.URL:
    return httpcore.URL(scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode("ascii"))


def _headers_of(response: httpcore.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("ascii", "replace").lower(), _header_text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers and name == "x-robots-tag" else value
    return headers


def _header_text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _check_status(url: WebUrl, status: int) -> None:
    if status in {200, 203}:
        return
    is_passing = status >= 500 or status in _PASSING
    raise PageUnreadable(str(url), f"the server answered with status {status}", status=status, is_passing=is_passing)


def _at_most(pieces: Iterable[bytes], max_bytes: int, too_large: PageUnreadable) -> Iterator[bytes]:
    left = max_bytes
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise too_large
        yield piece
