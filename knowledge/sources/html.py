"""HTML: the main content of a page."""

from pathlib import Path

from knowledge.errors import SourceUnreadable
from knowledge.sources.converted import Converted
from knowledge.sources.opened import MAX_BYTES, text_of
from knowledge.sources.titles import title_from_name
from knowledge.types import Audience, Document, DocumentId


def parse_html(text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC) -> Document:
    """The main content of a page as Markdown, without navigation, cookie bars and footers."""
    import lxml.etree
    import lxml.html
    from trafilatura import extract

    if not text.strip():
        raise SourceUnreadable(source, "is empty")
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
        language=tree.get("lang") or None,
    )


def convert_html(path: Path) -> Converted:
    """The main content of a page in a file. It runs as a converter, since some pages keep the extractor busy for minutes.

    Raises:
        SourceUnreadable: it can't be opened or has no main content.
    """
    page = parse_html(text_of(path, MAX_BYTES), path.name, str(path))
    return Converted(page.text, page.title, page.updated, page.language)
