"""HTML that is only the article, as Markdown. Nothing is taken for navigation and left out, however short it is."""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from knowledge.errors import SourceUnreadable

if TYPE_CHECKING:
    from html_to_markdown import ConversionOptions

ToMarkdown = Callable[[str, str, str | None], str]
"""`markdown_of_fragment`, or the same in a process of its own."""
_NO_TEXT = ("script", "style", "noscript", "template", "iframe", "object", "video", "audio", "svg")


def markdown_of_fragment(html: str, source: str, base_url: str | None = None) -> str:
    """The whole body as Markdown, without pictures and scripts; links are completed with `base_url`.

    Raises:
        SourceUnreadable: it can't be converted whole, or holds no text.
    """
    from html_to_markdown import ConversionError, convert

    try:
        # Half a character pair, as in "\\ud800", is no text; everything downstream would stumble over it.
        result = convert(html.encode("utf-8", "replace").decode(), _options(base_url))
    except ConversionError as error:
        raise SourceUnreadable(source, f"its HTML can't be converted: {error}") from error
    if cut := [warning.message for warning in result.warnings or () if "skipped" in warning.message]:
        raise SourceUnreadable(source, f"its HTML can't be converted whole: {cut[0]}")
    text = (result.content or "").strip()
    if not text:
        raise SourceUnreadable(source, "has no text")
    return text


@lru_cache(maxsize=8)
def _options(base_url: str | None) -> "ConversionOptions":
    from html_to_markdown import ConversionOptions

    return ConversionOptions(
        bullets="-",
        compact_tables=True,
        autolinks=False,
        skip_images=True,
        extract_images=False,
        extract_metadata=False,
        include_blockquote_citations=False,
        exclude_selectors=list(_NO_TEXT),
        base_url=base_url,
    )
