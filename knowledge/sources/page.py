"""What a page of a website tells its reader: letters, links, and whether it wants to be read. Pure."""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from knowledge.sources.web_urls import WebUrl, web_url

_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHARACTER_SETS = re.compile(
    r"utf-(8|16|16-le|16-be)|ascii|cp\d+|iso8859-\d+|koi8-[ru]|mac-\w+|tis-620|shift_jis\w*|euc_\w+|iso2022_\w+|gb\w+|big5\w*"
)
"""Python has codecs that are no character sets, and one (punycode) that takes for ever on a large page."""
_FRESH = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the head and the links of a page say. `links` are those that may be followed, each once."""

    links: tuple[WebUrl, ...]
    canonical: WebUrl | None
    may_index: bool


def decoded(body: bytes, content_type_header: str) -> str:
    """The text of a page: by its byte order mark, its header, its <meta>, as UTF-8, or as it looks.

    Source of the order: WHATWG HTML, 13.2.3.2. A declared set that doesn't fit is passed over.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body.decode(name, "replace")
    header, meta = _CHARSET.search(content_type_header), _META_CHARSET.search(body[:4096])
    declared = [header[1]] if header else []
    if meta and not meta[1].lower().startswith(b"utf-16"):  # it was read as ASCII, so it isn't
        declared.append(meta[1].decode("ascii", "replace"))
    for name in (*declared, "utf-8"):
        codec = _codec(name)
        try:
            if codec is not None:
                return body.decode(codec)
        except UnicodeDecodeError:
            continue
    return _as_it_looks(body)


def _codec(name: str) -> str | None:
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    if not _CHARACTER_SETS.fullmatch(codec):
        return None
    # Pages that say Latin-1 mean Windows-1252, which has quotes and the euro sign besides (WHATWG Encoding, 4.2).
    return "cp1252" if codec in {"iso8859-1", "ascii"} else codec


def _as_it_looks(body: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(body[:100_000]).best()
    return body.decode(best.encoding if best is not None else "cp1252", "replace")


def page_facts(text: str, url: WebUrl, robots_header: str = "") -> PageFacts:
    """Read head and links. `robots_header` is the X-Robots-Tag of the answer."""
    import lxml.etree
    import lxml.html

    try:
        tree = lxml.html.fromstring(text.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    except (lxml.etree.LxmlError, ValueError):
        return PageFacts((), None, may_index=True)
    wishes = _wishes(robots_header)
    for meta in tree.iter("meta"):
        if (meta.get("name") or "").strip().lower() == "robots":
            wishes |= _wishes(meta.get("content") or "")
    bases = [base for element in tree.iter("base") if (base := web_url(element.get("href") or "", url))]
    base = bases[0] if bases else url
    links = () if "nofollow" in wishes else tuple(dict.fromkeys(_links(tree, base)))
    return PageFacts(links, _canonical(tree, base), may_index="noindex" not in wishes)


def plain_page_facts(text: str, source: str, url: dict[str, Any], robots_header: str) -> dict[str, Any]:
    """`page_facts` with plain values in and out, so that they can cross a pipe."""
    return asdict(page_facts(text, WebUrl(**url), robots_header))


def page_facts_from(values: dict[str, Any]) -> PageFacts:
    """What `plain_page_facts` gave."""
    links, canonical = values["links"], values["canonical"]
    return PageFacts(tuple(WebUrl(**link) for link in links), WebUrl(**canonical) if canonical else None, values["may_index"])


def _wishes(text: str) -> set[str]:
    words = set(re.split(r"[\s,:]+", text.lower()))
    return words | {"noindex", "nofollow"} if "none" in words else words


def _links(tree: Any, base: WebUrl) -> Iterator[WebUrl]:
    seen: set[str] = set()
    for element in tree.iter("a"):
        href = element.get("href")
        if not href or href in seen or href.startswith("#") or "nofollow" in (element.get("rel") or "").lower().split():
            continue
        seen.add(href)
        if link := web_url(href, base):
            yield link


def _canonical(tree: Any, base: WebUrl) -> WebUrl | None:
    for element in tree.iter("link"):
        if "canonical" in (element.get("rel") or "").lower().split() and element.get("href"):
            return web_url(element.get("href"), base)
    return None


def last_modified(headers: Mapping[str, str]) -> str | None:
    """The day of the Last-Modified header as YYYY-MM-DD; None if it is that of the answer itself.

    A page that is made anew for each reader says that it has just been changed, which would be news at
    every sync.
    """
    changed, answered = _moment(headers.get("last-modified")), _moment(headers.get("date")) or datetime.now(UTC)
    if changed is None or changed > answered - _FRESH:
        return None
    return changed.date().isoformat()


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
