"""Turns what a website answered into documents. Pure but for the converters that are handed in."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from knowledge.sources.conversion import Converter
from knowledge.sources.converted import Converted
from knowledge.sources.fetch import Fetched
from knowledge.sources.markdown import parse_markdown
from knowledge.sources.page import PageFacts, decoded, last_modified, page_facts_from
from knowledge.sources.plain import parse_plain
from knowledge.types import Audience, Document, DocumentId

Convert = Callable[[bytes, str, str], list[Document]]
"""Bytes, content type and URL to documents. Raises `SourceUnreadable`."""

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_MARKDOWN = frozenset({"text/markdown", "text/x-markdown"})
_PLAIN = frozenset({"text/plain"})
_MEDIA = ("image/", "audio/", "video/", "font/", "text/css", "text/javascript", "application/javascript")


def is_html(content_type: str) -> bool:
    """True if there may be links in it."""
    return content_type in _HTML


def is_media(content_type: str) -> bool:
    """True if there are no words in it, so that nobody misses it."""
    return content_type.startswith(_MEDIA)


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads one page at a time. Holds what all documents of a site have in common.

    `pages` takes HTML apart, in a process of its own, since odd pages keep the libraries busy for minutes;
    `convert` is for other formats.
    """

    audience: Audience
    language: str | None
    pages: Converter
    convert: Convert | None

    def is_readable(self, content_type: str) -> bool:
        """True if a body of this type is worth fetching."""
        if content_type in _HTML | _MARKDOWN | _PLAIN:
            return True
        return self.convert is not None and not is_media(content_type)

    def documents(self, fetched: Fetched) -> list[Document]:
        """The page as a document, or what the converter makes of it.

        Raises:
            SourceUnreadable: there is nothing in it that can be read.
        """
        url, body = str(fetched.url), fetched.body or b""
        if fetched.content_type in _HTML | _MARKDOWN | _PLAIN:
            found = [self._page(fetched, url, decoded(body, fetched.headers.get("content-type", "")))]
        else:
            found = self.convert(body, fetched.content_type, url) if self.convert is not None else []
        return [self._of_this_site(document, fetched) for document in found]

    def _page(self, fetched: Fetched, url: str, text: str) -> Document:
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
        if is_html(fetched.content_type):
            parsed = self._html(text, url)
        elif fetched.content_type in _MARKDOWN or fetched.url.path.endswith((".md", ".markdown")):
            parsed = parse_markdown(text, fetched.url.key, url, self.audience)
        else:
            parsed = parse_plain(text, fetched.url.key, url, self.audience)
        # A page can't take another one's id, or be cited under another address.
        return replace(parsed, doc_id=DocumentId(fetched.url.key), url=url)

    def facts(self, fetched: Fetched) -> PageFacts:
        """What an HTML page says of itself, and where it leads.

        Raises:
            SourceUnreadable: it can't be looked through, or not in time.
        """
        text = decoded(fetched.body or b"", fetched.headers.get("content-type", ""))
        robots = fetched.headers.get("x-robots-tag", "")
        return page_facts_from(
            self.pages.work("page_facts", str(fetched.url), text=text, url=asdict(fetched.url), robots_header=robots)
        )

    def _html(self, text: str, url: str) -> Document:
        found = Converted.from_json(self.pages.work("page", url, text=text))
        return Document(
            doc_id=DocumentId(url),
            title=found.title or url,
            text=found.text,
            audience=self.audience,
            source=url,
            updated=found.updated,
            language=found.language,
        )

    def _of_this_site(self, document: Document, fetched: Fetched) -> Document:
        # Whoever can write a page must not be able to show an internal site to customers: the narrower audience counts.
        audience = Audience.INTERNAL if self.audience is Audience.INTERNAL else document.audience
        return replace(
            document,
            audience=audience,
            url=document.url or str(fetched.url),
            updated=document.updated or last_modified(fetched.headers),
            language=document.language or self.language,
        )
