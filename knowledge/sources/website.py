"""A website on the intranet as a source: what of it is read, and the reading."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from knowledge.errors import SourceUnreadable
from knowledge.sources.addresses import AllowedHosts, allowed_hosts
from knowledge.sources.connections import Network
from knowledge.sources.conversion import Converter, Limits
from knowledge.sources.crawl import Scope, Walk, Watchers
from knowledge.sources.fetch import Fetcher, FetchLimits
from knowledge.sources.web_documents import Convert, PageReader
from knowledge.sources.web_urls import WebUrl, web_url
from knowledge.types import Audience, Document, SourceFailure

USER_AGENT = "InnkeeperBot/0.1"


@dataclass(frozen=True, slots=True)
class Website:
    """What to read of a website, and how gently.

    `allowed_hosts` are names or addresses, with a port where it isn't 80, 443 or that of `url`; nothing
    else is ever connected to. `sitemap` True reads the pages that the sitemap lists, False follows links
    from `url` on, "auto" takes the sitemap where there is one. `include` and `exclude` are shell patterns
    for paths (`/help/*`); `url` itself is always followed. `timeout_s` is for one page with all its
    redirects, `convert_s` for making text of one that has come, `max_bytes_per_page` and `max_total_bytes`
    for pages as unpacked. Documents have `default_audience`, unless a page itself says `audience:
    internal`. `ca_file` holds the certificate of the company's own authority where the machine doesn't
    know it.
    """

    url: str
    allowed_hosts: frozenset[str]
    sitemap: bool | Literal["auto"] = "auto"
    max_pages: int = 2_000
    max_depth: int = 10
    max_bytes_per_page: int = 2_000_000
    max_total_bytes: int = 200_000_000
    max_seconds: float = 1_800.0
    timeout_s: float = 20.0
    convert_s: float = 20.0
    delay_s: float = 0.2
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    user_agent: str = USER_AGENT
    default_audience: Audience = Audience.INTERNAL
    language: str | None = None
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without the network.

        Raises:
            SourceUnreadable: URL, hosts or limits can't work.
        """
        start = self.start
        if refusal := self.hosts.refusal(start.host, start.port):
            raise SourceUnreadable(self.url, f"{refusal}; add it to allowed_hosts")
        positive = ("max_pages", "max_bytes_per_page", "max_total_bytes", "max_seconds", "timeout_s", "convert_s")
        if wrong := [name for name in positive if getattr(self, name) <= 0]:
            raise SourceUnreadable(self.url, f"{', '.join(wrong)} must be more than 0")
        if self.max_depth < 0 or self.delay_s < 0:
            raise SourceUnreadable(self.url, "max_depth and delay_s can't be negative")
        if not self.user_agent.isascii() or not self.user_agent.isprintable() or not self.user_agent.strip():
            raise SourceUnreadable(self.url, "user_agent must be one line of ASCII")

    @property
    def start(self) -> WebUrl:
        """The URL in its one spelling.

        Raises:
            SourceUnreadable: it isn't one that can be asked for.
        """
        start = web_url(self.url)
        if start is None:
            raise SourceUnreadable(self.url, "is not an http or https URL without user name and password")
        return start

    @property
    def hosts(self) -> AllowedHosts:
        """The allowed hosts and their ports.

        Raises:
            SourceUnreadable: an entry can't be a host, or is one that is never read.
        """
        start = self.start
        try:
            return allowed_hosts(self.allowed_hosts, (start.host, start.port))
        except ValueError as error:
            raise SourceUnreadable(self.url, f"allowed_hosts: {error}") from error

    def covers(self, source: str) -> bool:
        """True if a document with this source may have come from here: its host is allowed. Patterns don't count."""
        url = web_url(source)
        return url is not None and self.hosts.lists(url.host, url.port)


def read_website(
    site: Website, convert: Convert | None = None, watchers: Watchers | None = None, network: Network | None = None
) -> Iterator[Document | SourceFailure]:
    """Every page of the site as a document, in the order in which they are found.

    A page that can't be read is a `SourceFailure` with its URL: its last good version stays. A failure
    whose `source` is `site.url` says that not all of the site was seen, so that nothing of it may be
    taken as gone. A link to a page that isn't there (404, 410) is no failure, for such a page is gone;
    `watchers` hear of it, and of what was passed over on purpose.

    Bytes that are neither HTML, Markdown nor plain text go to `convert`; without it, the first page of
    each such type is a failure. `network` is how names are looked up and sockets opened.
    """
    scope = Scope(
        root=site.url,
        start=site.start,
        hosts=site.hosts,
        wants_sitemap=None if site.sitemap == "auto" else site.sitemap,
        max_pages=site.max_pages,
        max_depth=site.max_depth,
        max_bytes=site.max_bytes_per_page,
        include=site.include,
        exclude=site.exclude,
    )
    try:
        tls = _tls(site.ca_file)
    except OSError as error:
        yield SourceFailure(site.url, f"the certificates in {site.ca_file} can't be read: {error}")
        return
    limits = FetchLimits(site.timeout_s, site.max_seconds, site.max_total_bytes)
    with (
        Fetcher(site.hosts, site.user_agent, limits, network or Network(), tls, site.delay_s) as fetcher,
        Converter(Limits(site.convert_s)) as pages,
    ):
        reader = PageReader(site.default_audience, site.language, pages, convert)
        yield from Walk(scope, fetcher, reader, watchers or Watchers()).run()


def _tls(ca_file: str | None) -> ssl.SSLContext:
    """The machine's own authorities, and one more. Not `create_default_context`, which obeys SSLKEYLOGFILE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
