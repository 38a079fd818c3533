"""Which pages a site lists itself: finds and reads its sitemaps."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from knowledge.errors import PageUnreadable
from knowledge.sources.addresses import AllowedHosts
from knowledge.sources.fetch import Fetcher, Wanted
from knowledge.sources.robots import Robots
from knowledge.sources.sitemaps import MAX_BYTES, MAX_FILES, NotASitemap, Sitemap, parse_sitemap
from knowledge.sources.web_urls import WebUrl, web_url
from knowledge.types import SourceFailure


@dataclass
class Listing:
    """`pages` with the sitemap that lists them, each once; `trouble` says why it can't be all of them."""

    pages: dict[WebUrl, WebUrl] = field(default_factory=dict)
    failures: list[SourceFailure] = field(default_factory=list)
    trouble: str | None = None


class SitemapReader:
    """Reads the sitemaps that robots.txt names, or /sitemap.xml where it names none."""

    def __init__(self, fetcher: Fetcher, hosts: AllowedHosts, is_wanted: Callable[[WebUrl], bool], max_pages: int) -> None:
        self._fetcher = fetcher
        self._hosts = hosts
        self._is_wanted = is_wanted
        self._max_pages = max_pages
        self._listing = Listing()
        self._foreign: set[str] = set()

    def read(self, start: WebUrl, robots: Robots) -> Listing:
        """The wanted pages that the sitemaps of a site list. Where there is no sitemap, there are none, and no trouble."""
        is_guess = not robots.sitemaps
        waiting = deque([start.origin + "/sitemap.xml"] if is_guess else robots.sitemaps)
        seen: set[WebUrl] = set()
        while waiting and self._listing.trouble is None:
            url = self._allowed(waiting.popleft(), start)
            if url is None or url in seen:
                continue
            if len(seen) == MAX_FILES:
                self._listing.trouble = f"there are more than {MAX_FILES} sitemaps"
                break
            seen.add(url)
            if (sitemap := self._sitemap(url, is_guess=is_guess and len(seen) == 1)) is not None:
                waiting.extend(sitemap.sitemaps)
                self._add(sitemap, url)
        return self._listing

    def _sitemap(self, url: WebUrl, *, is_guess: bool) -> Sitemap | None:
        try:
            body = self._fetcher.get(url, Wanted(MAX_BYTES)).body or b""
            return parse_sitemap(body)
        except PageUnreadable as error:
            is_absent = error.status is not None and not error.is_passing
            reason = error.reason
        except NotASitemap as error:
            is_absent = error.is_other
            reason = str(error)
        # Servers that answer every address with some page have no sitemap, unless they said that they have.
        if not (is_guess and is_absent):
            self._listing.trouble = f"the sitemap {url} {reason}"
        return None

    def _add(self, sitemap: Sitemap, found_in: WebUrl) -> None:
        for text in sitemap.pages:
            url = self._allowed(text, found_in)
            if url is None or url in self._listing.pages or not self._is_wanted(url):
                continue
            if len(self._listing.pages) == self._max_pages:
                self._listing.trouble = f"the sitemap lists more than {self._max_pages:,} pages; raise max_pages"
                return
            self._listing.pages[url] = found_in

    def _allowed(self, text: str, found_in: WebUrl) -> WebUrl | None:
        """The URL if it may be asked for. Of a host that may not, the first URL is a failure."""
        url = web_url(text, found_in)
        origin = url.origin if url is not None else text
        refusal = "can't be asked for" if url is None else self._hosts.refusal(url.host, url.port)
        if refusal is None:
            return url
        if origin not in self._foreign and len(self._foreign) < MAX_FILES:
            self._foreign.add(origin)
            source = str(url) if url is not None else text[:200]
            self._listing.failures.append(SourceFailure(source, f"is listed in a sitemap ({found_in}), but {refusal}"))
        return None
