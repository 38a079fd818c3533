"""URLs of a website: one spelling for each page. Pure."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from knowledge.sources.addresses import DEFAULT_PORTS, plain_host

MAX_LENGTH = 2000
_TRACKING = re.compile(
    r"utm_\w+|gclid|dclid|gbraid|wbraid|fbclid|msclkid|yclid|igshid|mc_[ce]id|mkt_tok|_ga|_gl|_hs(enc|mi)|matomo_\w+|pk_\w+|"
    r"phpsessid|jsessionid|aspsessionid\w*|cfid|cftoken",
    re.IGNORECASE,
)
"""Parameters that say where a reader came from or which session is theirs, not which page is meant."""
_SESSION_IN_PATH = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_LINE_BREAKS = re.compile(r"[\t\r\n]")
"""Taken out of links before anything else, as browsers do (WHATWG URL, 4.4)."""
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_NOT_PAGES = re.compile(
    r"png|jpe?g|gif|svg|webp|avif|ico|bmp|tiff?|mp[34]|m4[av]|mov|avi|webm|ogg|wav|css|m?js|map|woff2?|ttf|eot|"
    r"zip|gz|tgz|bz2|xz|7z|rar|tar|exe|msi|dmg|iso|apk|deb|rpm|jar",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class WebUrl:
    """A page's address in its one spelling, without fragment, user name and tracking parameters.

    `target` is path and query as they are sent.
    """

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"

    @property
    def netloc(self) -> str:
        """Host, and port if it isn't the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if DEFAULT_PORTS[self.scheme] == self.port else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def path(self) -> str:
        """The path alone."""
        return self.target.partition("?")[0]

    @property
    def key(self) -> str:
        """The page's id: the same for http and https, and for parameters in another order."""
        path, _, query = self.target.partition("?")
        ordered = "&".join(sorted(query.split("&"))) if query else ""
        return f"{self.netloc}{path}" + (f"?{ordered}" if ordered else "")

    @property
    def is_media(self) -> bool:
        """True if the name says that there is nothing to read: a picture, a film, an archive, a script."""
        return _NOT_PAGES.fullmatch(self.suffix[1:]) is not None

    @property
    def suffix(self) -> str:
        """What its name ends with, in small letters and with the dot; empty without one."""
        _, dot, end = self.path.rpartition("/")[2].rpartition(".")
        return f".{end.lower()}" if dot else ""

    def matches(self, patterns: Sequence[str]) -> bool:
        """True if the path fits one of the shell patterns (`*` goes over slashes too)."""
        return any(fnmatch.fnmatchcase(self.path, pattern) for pattern in patterns)


def web_url(text: str, base: WebUrl | str | None = None) -> WebUrl | None:
    """The page that a link means, None if it isn't one that could be asked for.

    Refused are other schemes than http and https, user names and passwords, backslashes and control
    characters (over which parsers disagree about the host), and what is longer than 2,000 characters.
    """
    text = _LINE_BREAKS.sub("", text).strip()
    if len(text) > MAX_LENGTH or "\\" in text or any(ord(letter) < 32 for letter in text):
        return None
    try:
        joined = _plain_escapes(urljoin(str(base), text) if base is not None else text)
        url = httpx.URL(joined.partition("#")[0])
        host = plain_host(url.raw_host.decode("ascii"))
    except (httpx.InvalidURL, ValueError):
        return None
    if url.scheme not in DEFAULT_PORTS or host is None or url.userinfo:
        return None
    port = url.port if url.port is not None else DEFAULT_PORTS[url.scheme]
    if not 0 < port < 65536:
        return None
    target = _target(url)
    return WebUrl(url.scheme, host, port, target) if len(target) <= MAX_LENGTH else None


def _plain_escapes(text: str) -> str:
    """Escapes of letters that need none are undone, the others get capitals (RFC 3986, 6.2.2)."""

    def plain(found: re.Match[str]) -> str:
        letter = chr(int(found[1], 16))
        return letter if _UNRESERVED.fullmatch(letter) else found[0].upper()

    scheme, separator, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority}{slash}{_ESCAPE.sub(plain, path)}"


def _target(url: httpx.URL) -> str:
    raw = url.raw_path.decode("ascii")
    path, _, query = raw.partition("?")
    path = _SESSION_IN_PATH.sub("", path) or "/"
    kept = [pair for pair in query.split("&") if pair and not _TRACKING.fullmatch(pair.partition("=")[0])]
    return path + ("?" + "&".join(kept) if kept else "")
