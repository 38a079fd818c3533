"""Sitemaps: the pages that a site lists itself (sitemaps.org). Pure."""

from dataclasses import dataclass

from knowledge.sources.gunzip import MAGIC, BrokenGzip, unpacked

MAX_BYTES = 10_000_000
"""Of one sitemap, packed or not: some 50,000 URLs, the most that sitemaps.org lets one hold."""
MAX_FILES = 100


class NotASitemap(ValueError):
    """The bytes are no sitemap. `is_other` tells a page of another kind from a sitemap that is broken."""

    def __init__(self, reason: str, *, is_other: bool = False) -> None:
        super().__init__(reason)
        self.is_other = is_other


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The URLs of pages, and of further sitemaps, as they stand."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()


def parse_sitemap(body: bytes) -> Sitemap:
    """A sitemap, a sitemap index or a list of URLs, one a line; each may be packed with gzip.

    Raises:
        NotASitemap: something else, broken, or unpacked larger than `MAX_BYTES`.
    """
    plain = _plain(body).strip()
    if plain.startswith((b"http://", b"https://")):
        return Sitemap(pages=tuple(plain.decode("utf-8", "replace").split()))
    return _parse_xml(plain)


def _plain(body: bytes) -> bytes:
    if not body.startswith(MAGIC):
        return body
    plain = bytearray()
    try:
        for piece in unpacked([body]):
            plain += piece
            if len(plain) > MAX_BYTES:
                raise NotASitemap(f"is larger than {MAX_BYTES:,} bytes when it is unpacked")
    except BrokenGzip as error:
        raise NotASitemap(str(error)) from error
    return bytes(plain)


def _parse_xml(plain: bytes) -> Sitemap:
    from lxml import etree

    # Nothing that a document can declare is followed: no entities, no DTD, no network.
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True)
    try:
        root = etree.fromstring(plain, parser)
    except (etree.LxmlError, ValueError) as error:
        is_sitemap = any(mark in plain[:2000] for mark in (b"<urlset", b"<sitemapindex"))
        raise NotASitemap(f"is not readable as XML: {error}", is_other=not is_sitemap) from error
    kind = etree.QName(root).localname
    if kind not in {"urlset", "sitemapindex"}:
        raise NotASitemap(f"is a <{kind}>, not a sitemap", is_other=True)
    entries = [child for child in root if isinstance(child.tag, str)]
    found = tuple(url for entry in entries if (url := _location(entry)))
    return Sitemap(pages=found) if kind == "urlset" else Sitemap(sitemaps=found)


def _location(entry: object) -> str:
    # Only the entry's own <loc>, for images and films have theirs one level deeper.
    from lxml import etree

    children = [child for child in entry if isinstance(child.tag, str)]  # type: ignore[attr-defined]
    return next(((child.text or "").strip() for child in children if etree.QName(child).localname == "loc"), "")
