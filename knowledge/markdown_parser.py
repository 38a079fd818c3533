"""How Markdown is read everywhere: CommonMark with tables."""

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt


def markdown_parser(*, disabled: Sequence[str] = (), **options: Any) -> MarkdownIt:
    """A parser that threads may share.

    The library makes its tables of rules at the first text, and of several threads that come first at the same time one finds
    half of them and loses a part of its text. So a text is parsed here, before anybody else has the parser.

    Args:
        disabled: rules of CommonMark that don't count.
        options: the library's.
    """
    parser = MarkdownIt("commonmark", options).enable("table").disable(list(disabled))
    parser.parse("- *a*")
    return parser
