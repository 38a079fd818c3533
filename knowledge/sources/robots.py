"""robots.txt: what a site's owner doesn't want to be read (RFC 9309). The rules are pure; `RobotsOfHosts` fetches them."""

from protego import Protego

from knowledge.errors import PageUnreadable
from knowledge.sources.fetch import Fetcher, Wanted
from knowledge.sources.web_urls import WebUrl, web_url

MAX_BYTES = 512_000
"""A larger robots.txt is out of order. Source: RFC 9309, 2.5 (a reader takes at least 500 KiB)."""
MAX_CRAWL_DELAY_S = 10.0
"""A longer Crawl-delay is taken for this one: the directive is no part of RFC 9309, and the site is the company's own."""


class Disallowed(PageUnreadable):
    """The owner's robots.txt, or who configured the site, says that this page is not to be read."""


class Robots:
    """The rules of one origin for one reader."""

    def __init__(self, body: bytes, user_agent: str) -> None:
        # A NUL or another odd byte makes a line unreadable, not the file (RFC 9309, 2.2.4).
        self._rules = Protego.parse(body.decode("utf-8-sig", "replace"))
        self._user_agent = user_agent

    def allows(self, url: WebUrl) -> bool:
        """True if the page may be asked for. The most specific rule counts, of two equal ones the allowing one."""
        return bool(self._rules.can_fetch(str(url), self._user_agent))

    @property
    def delay_s(self) -> float:
        """Seconds between two requests, 0 if none are named."""
        delay = self._rules.crawl_delay(self._user_agent) or 0.0
        return min(delay, MAX_CRAWL_DELAY_S) if delay > 0 else 0.0

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The URLs of `Sitemap` lines, as they stand."""
        return tuple(dict.fromkeys(self._rules.sitemaps))


class RobotsOfHosts:
    """The rules of each origin, fetched when they are first asked for."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._known: dict[str, Robots | PageUnreadable] = {}

    def rules(self, url: WebUrl) -> Robots:
        """The rules for the origin of a URL.

        Where there is no robots.txt (any 4xx), all may be read; where the server is in trouble, nothing
        may (RFC 9309, 2.3.1.3 and 2.3.1.4).

        Raises:
            PageUnreadable: nothing of the origin may be read now. Its `source` is `url`.
        """
        if url.origin not in self._known:
            self._known[url.origin] = self._fetched(url.origin)
        known = self._known[url.origin]
        if isinstance(known, PageUnreadable):
            reason = f"{url.origin}/robots.txt {known.reason}; until it can be read, nothing of that host is"
            raise PageUnreadable(str(url), reason, is_passing=True, is_cut=known.is_cut) from known
        return known

    def gate(self, url: WebUrl) -> None:
        """Raise `Disallowed` for a page that is not to be read, `PageUnreadable` where that can't be told."""
        if not self.rules(url).allows(url):
            raise Disallowed(str(url), "robots.txt does not allow it to be read")

    def is_known_to_forbid(self, url: WebUrl) -> bool:
        """True if rules that were fetched already don't allow the page. Asks nobody."""
        known = self._known.get(url.origin)
        return isinstance(known, Robots) and not known.allows(url)

    def _fetched(self, origin: str) -> Robots | PageUnreadable:
        url = web_url(f"{origin}/robots.txt")
        if url is None:
            raise ValueError(f"{origin!r} is not an origin")
        try:
            body = self._fetcher.get(url, Wanted(MAX_BYTES)).body or b""
        except PageUnreadable as error:
            if error.is_passing or error.is_cut:
                return error
            body = b""
        robots = Robots(body, self._fetcher.user_agent)
        self._fetcher.delay_s = max(self._fetcher.delay_s, robots.delay_s)
        return robots
