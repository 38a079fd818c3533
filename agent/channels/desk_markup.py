"""Markdown as a tree of plain values, for the desk, whose page makes every node itself and reads nothing as HTML. Pure."""

from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

TAGS = frozenset("p strong em code pre blockquote ul ol li table thead tbody tr th td br".split())  # noqa: SIM905
"""What a reply may be made of. A link, an image or HTML stays the text that it is written as."""

Tree = list[Any]
"""Texts, and [tag, *children] for what is marked."""


def tree(text: str) -> Tree:
    """A reply's Markdown; never raises, whatever the text is."""
    try:
        return _children(SyntaxTreeNode(_parser().parse(text)))
    except RecursionError:  # marks within marks, thousands deep
        return [["p", text]]


def _children(node: SyntaxTreeNode) -> Tree:
    return [part for child in node.children for part in _parts(child)]


def _parts(node: SyntaxTreeNode) -> Tree:
    if node.type in ("softbreak", "hardbreak"):
        return [["br"]]
    inner = _children(node) if node.children else [node.content] if not node.nester_tokens and node.content else []
    if node.type == "heading":
        return [["p", ["strong", *inner]]]
    tag = "pre" if node.type in ("fence", "code_block") else node.tag
    is_hidden = bool(node.nester_tokens and node.nester_tokens.opening.hidden)  # the paragraphs of a tight list
    return [[tag, *inner]] if tag in TAGS and not is_hidden else inner


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink", "reference"])
    parser.parse("- *a*")  # makes its tables of rules, which threads would otherwise find half made
    return parser
