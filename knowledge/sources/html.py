"""HTML: the main content of a page, and what its head says of it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from knowledge.errors import SourceUnreadable
from knowledge.sources.converted import Converted
from knowledge.sources.opened import MAX_BYTES, text_of
from knowledge.sources.titles import title_from_name
from knowledge.types import Audience, Document, DocumentId

_UPDATED = ("article:modified_time", "og:updated_time", "datemodified", "dcterms.modified", "dc.date.modified", "last-modified")
"""Names of <meta> elements that hold the day of the last change, the most used one first."""


def parse_html(text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC) -> Document:
    """The main content of a page as Markdown, without navigation, cookie bars and footers."""
    import lxml.etree
    import lxml.html
    from trafilatura import extract

    if not text.strip():
        raise SourceUnreadable(source, "is empty")
    if "<html" not in text.lower():
        text = f"<html><body>{text}</body></html>"  # trafilatura refuses a lone element
    try:
        # Encoded, for lxml refuses a str that carries an encoding declaration.
        tree = lxml.html.fromstring(text.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    except (lxml.etree.LxmlError, ValueError) as error:
        raise SourceUnreadable(source, f"is not HTML: {error}") from error
    titles = [" ".join(found.text_content().split()) for tag in ("title", "h1") for found in tree.iter(tag)]
    body = extract(text, output_format="markdown", include_comments=False, include_tables=True, favor_recall=True)
    if not body or not body.strip():
        raise SourceUnreadable(source, "has no main content that could be found")
    return Document(
        doc_id=DocumentId(fallback_id),
        title=next((title for title in titles if title), title_from_name(source)),
        text=body.strip(),
        audience=default_audience,
        source=source,
        updated=_updated(tree),
        language=tree.get("lang") or None,
    )


def _updated(tree: Any) -> str | None:
    """The day of the last change that the page names, as YYYY-MM-DD. A time of day would change with each rendering."""
    named = dict(reversed(list(_metas(tree))))
    for name in _UPDATED:
        try:
            return date.fromisoformat(named.get(name, "")[:10]).isoformat()
        except ValueError:
            continue
    return None


def _metas(tree: Any) -> Iterator[tuple[str, str]]:
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or meta.get("http-equiv") or ""
        yield name.strip().lower(), (meta.get("content") or "").strip()


def convert_html(path: Path) -> Converted:
    """The main content of a page in a file. It runs as a converter, since some pages keep the extractor busy for minutes.

    Raises:
        SourceUnreadable: it can't be opened or has no main content.
    """
    return _converted(text_of(path, MAX_BYTES), str(path))


def convert_page(text: str, source: str) -> dict[str, Any]:
    """The same for a page that was fetched, as values for `Converted.from_json`.

    Raises:
        SourceUnreadable: it has no main content.
    """
    return _converted(text, source).to_json()


def _converted(text: str, source: str) -> Converted:
    page = parse_html(text, source, source)
    return Converted(page.text, page.title, page.updated, page.language)
