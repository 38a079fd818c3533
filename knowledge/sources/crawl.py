"""Walks over a website: page after page, each once, within bounds. Fetching and reading are done elsewhere."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from knowledge.errors import PageUnreadable, SourceUnreadable
from knowledge.sources.addresses import AllowedHosts
from knowledge.sources.fetch import Fetched, Fetcher, Wanted
from knowledge.sources.page import PageFacts
from knowledge.sources.robots import Disallowed, Robots, RobotsOfHosts
from knowledge.sources.site_listing import SitemapReader
from knowledge.sources.web_documents import PageReader, is_html, is_media
from knowledge.sources.web_urls import WebUrl
from knowledge.types import Document, DocumentId, SourceFailure

Found = Document | SourceFailure


@dataclass(frozen=True, slots=True)
class Scope:
    """What belongs to the site. `root` is its URL as it was configured; `wants_sitemap` None takes one if there is one."""

    root: str
    start: WebUrl
    hosts: AllowedHosts
    wants_sitemap: bool | None
    max_pages: int
    max_depth: int
    max_bytes: int
    include: tuple[str, ...]
    exclude: tuple[str, ...]

    def has(self, url: WebUrl) -> bool:
        """True if the page is on an allowed host and its path is wanted."""
        return self._reaches(url) and not url.is_media

    def passes_over(self, url: WebUrl) -> bool:
        """True if it would be read if its name didn't say that there are no words in it."""
        return self._reaches(url) and url.is_media

    def _reaches(self, url: WebUrl) -> bool:
        if not self.hosts.lists(url.host, url.port) or url.matches(self.exclude):
            return False
        return not self.include or url.matches(self.include)


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who hears of broken links (page, link, status) and of what was left out on purpose (URL, reason)."""

    on_broken_link: Callable[[str, str, int], None] = lambda page, link, status: None
    on_left_out: Callable[[str, str], None] = lambda url, reason: None


@dataclass(frozen=True, slots=True)
class _Stop:
    """A page to visit. `found_on` is the page or the sitemap that names it."""

    url: WebUrl
    depth: int
    found_on: WebUrl | None


def _counted(suffixes: Iterable[str]) -> str:
    """For archives and pictures a line in all: a site has thousands of them, and none holds words."""
    kinds = Counter(suffixes)
    told = ", ".join(f"{suffix} {count:,}" for suffix, count in kinds.most_common())
    return f"has {kinds.total():,} linked file(s) that hold no text, by their names: {told}"


class Walk:
    """One reading of one site. Not to be used twice."""

    def __init__(self, scope: Scope, fetcher: Fetcher, reader: PageReader, watchers: Watchers) -> None:
        self._scope = scope
        self._fetcher = fetcher
        self._reader = reader
        self._watchers = watchers
        self._robots = RobotsOfHosts(fetcher)
        self._waiting: deque[_Stop] = deque()
        self._seen: set[str] = set()
        self._copies: set[str] = set()
        self._ids: dict[DocumentId, str] = {}
        self._types: set[str] = set()
        self._files: dict[str, str] = {}
        self._visited = 0
        self._is_listed = False
        self._passing = 0
        self._redirected = 0
        self._is_over = False
        self._is_full = False

    def run(self) -> Iterator[Found]:
        """Every document and failure, as they are found."""
        try:
            robots = self._robots.rules(self._scope.start)
        except PageUnreadable as error:
            yield self._of_all(error.reason)
            return
        if self._scope.wants_sitemap is not False:
            yield from self._take_sitemap(robots)
        if not self._is_listed and not self._is_over:
            self._put(self._scope.start, 0, None)
        while self._waiting and not self._is_over:
            self._visited += 1
            yield from self._visit(self._waiting.popleft())
        yield from self._unseen()
        if self._files:
            self._watchers.on_left_out(self._scope.root, _counted(self._files.values()))

    def _take_sitemap(self, robots: Robots) -> Iterator[Found]:
        reader = SitemapReader(self._fetcher, self._scope.hosts, self._wants, self._scope.max_pages)
        listing = reader.read(self._scope.start, robots)
        yield from listing.failures
        if listing.trouble:
            yield self._of_all(listing.trouble)
        elif not listing.pages and self._scope.wants_sitemap:
            yield self._of_all("no sitemap was found that lists a page; set sitemap to false to follow links")
        self._is_listed = bool(listing.pages)
        # Links are not followed in its stead: another set of pages would come and go with the sitemap's health.
        self._is_over = not self._is_listed and bool(listing.trouble or self._scope.wants_sitemap)
        for url, found_in in listing.pages.items():
            self._put(url, self._scope.max_depth, found_in)

    def _unseen(self) -> Iterator[Found]:
        if self._is_full:
            yield self._of_all(f"the site has more than {self._scope.max_pages:,} pages; what is left was not read")
        elif self._passing and not self._is_listed:
            yield self._of_all(f"{self._passing} of its pages could not be read now, and what they link to was not seen")
        elif self._passing and (self._redirected or self._copies):
            yield self._of_all(f"{self._passing} of its pages could not be read now, and some are read at another address")

    def _of_all(self, reason: str) -> SourceFailure:
        return SourceFailure(self._scope.root, reason)

    def _wants(self, url: WebUrl) -> bool:
        """True if the page belongs to the site. Files that are passed over by their names are noted, each once."""
        if self._scope.passes_over(url):
            self._files[url.key] = url.suffix
        return self._scope.has(url)

    def _put(self, url: WebUrl, depth: int, found_on: WebUrl | None) -> None:
        if url.key in self._seen:
            return
        if self._robots.is_known_to_forbid(url) and found_on is not None:
            self._seen.add(url.key)
            self._watchers.on_left_out(str(url), "robots.txt does not allow it to be read")
        elif self._visited + len(self._waiting) >= self._scope.max_pages:
            self._is_full = True
        else:
            self._seen.add(url.key)
            self._waiting.append(_Stop(url, depth, found_on))

    def _visit(self, stop: _Stop) -> Iterator[Found]:
        def gate(url: WebUrl) -> None:
            if stop.found_on is not None and url != stop.url and not self._scope.has(url):
                raise Disallowed(str(url), "is where a link redirects to, and its path is not wanted")
            self._robots.gate(url)

        wanted = Wanted(self._scope.max_bytes, self._reader.is_readable, gate)
        try:
            fetched = self._fetcher.get(stop.url, wanted)
        except PageUnreadable as error:
            yield from self._not_fetched(stop, error)
            return
        self._redirected += fetched.was_redirected
        if not self._is_news(stop, fetched.url):
            return
        if fetched.body is None:
            yield from self._not_wanted(fetched)
            return
        if is_html(fetched.content_type):
            try:
                facts = self._reader.facts(fetched)
            except SourceUnreadable as error:
                yield self._not_looked_through(stop, error)
                return
            self._follow(stop, fetched, facts)
            if not self._is_own_page(stop, fetched, facts):
                return
        if stop.found_on is None and not self._scope.has(fetched.url):
            self._watchers.on_left_out(str(fetched.url), "was read for its links alone; its path is not wanted")
            return
        yield from self._documents(fetched)

    def _not_fetched(self, stop: _Stop, error: PageUnreadable) -> Iterator[Found]:
        if error.is_cut:
            self._is_over = True
            yield self._of_all(error.reason)
        elif stop.found_on is None:
            yield self._of_all(f"the page to start from can't be read: {error.source} {error.reason}")
        elif isinstance(error, Disallowed):
            self._watchers.on_left_out(error.source, error.reason)
        elif error.is_gone and error.status is not None and not self._is_listed:
            self._watchers.on_broken_link(str(stop.found_on), str(stop.url), error.status)
        else:
            self._passing += error.is_passing
            yield SourceFailure(error.source, f"{error.reason} (named by {stop.found_on})")

    def _not_looked_through(self, stop: _Stop, error: SourceUnreadable) -> SourceFailure:
        """Its links were not seen, so what they lead to is not gone."""
        if stop.found_on is None:
            return self._of_all(f"the page to start from can't be read: {error.source} {error.reason}")
        self._passing += 1
        return SourceFailure(error.source, f"{error.reason} (named by {stop.found_on})")

    def _is_news(self, stop: _Stop, url: WebUrl) -> bool:
        """True unless a redirect led to a page that has its own turn."""
        if url.key == stop.url.key:
            return True
        if url.key in self._seen:
            return url.key in self._copies
        self._seen.add(url.key)
        return True

    def _not_wanted(self, fetched: Fetched) -> Iterator[Found]:
        kind = fetched.content_type or "a page without a content type"
        if is_media(kind) or kind in self._types:
            self._watchers.on_left_out(str(fetched.url), f"is {kind}")
            return
        self._types.add(kind)
        yield SourceFailure(str(fetched.url), f"is {kind}, which can't be read here; of this type only the first page is named")

    def _follow(self, stop: _Stop, fetched: Fetched, facts: PageFacts) -> None:
        if self._is_listed or stop.depth >= self._scope.max_depth:
            return
        for link in facts.links:
            if self._wants(link):
                self._put(link, stop.depth + 1, fetched.url)

    def _is_own_page(self, stop: _Stop, fetched: Fetched, facts: PageFacts) -> bool:
        """True unless the page asks not to be listed, or says that it is a copy of one that is read itself."""
        if not facts.may_index:
            self._watchers.on_left_out(str(fetched.url), "asks not to be listed (noindex)")
            return False
        canonical = facts.canonical
        if canonical is None or not self._scope.has(canonical) or self._robots.is_known_to_forbid(canonical):
            return True
        # Two pages that call each other the original, or one whose original redirects to it, would both be lost.
        if canonical.key in {fetched.url.key, stop.url.key} or canonical.key in self._copies:
            return True
        self._copies.add(fetched.url.key)
        self._put(canonical, stop.depth, fetched.url)
        self._watchers.on_left_out(str(fetched.url), f"says that it is a copy of {canonical}")
        return False

    def _documents(self, fetched: Fetched) -> Iterator[Found]:
        try:
            documents = self._reader.documents(fetched)
        except SourceUnreadable as error:
            yield SourceFailure(error.source, error.reason)
            return
        for document in documents:
            owner = self._ids.setdefault(document.doc_id, document.source)
            if owner != document.source:
                yield SourceFailure(document.source, f"has the id {document.doc_id!r} of {owner}")
            else:
                yield document
