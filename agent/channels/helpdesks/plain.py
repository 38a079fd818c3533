"""Markdown in words that can be read where nothing, or not all of it, is rendered: a table is one line a row. Pure.

Source: CommonMark 0.31, and the tables of GitHub Flavored Markdown.
"""

import textwrap
from collections.abc import Callable, Iterable, Sequence

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode


def plain(tokens: Sequence[Token]) -> str:
    """For those who see what is written: no marks of bold words and code; lists stay, as they read well."""
    return _Writer(is_rendered=False).blocks(_tree(tokens, _words))


def without_tables(tokens: Sequence[Token]) -> str:
    """For what renders Markdown, but not every table: the same Markdown otherwise."""
    return _Writer(is_rendered=True).blocks(_tree(tokens, lambda inline: inline.content))


def _tree(tokens: Sequence[Token], said: Callable[[Token], str]) -> list[SyntaxTreeNode]:
    """The blocks, each line of words as one text. Marks within it may be nested deeper than a tree of them could be."""
    return SyntaxTreeNode([t.copy(content=said(t), children=None) if t.type == "inline" else t for t in tokens]).children


class _Writer:
    def __init__(self, *, is_rendered: bool) -> None:
        self._is_rendered = is_rendered

    def blocks(self, nodes: Iterable[SyntaxTreeNode], between: str = "\n\n") -> str:
        return between.join(text for node in nodes if (text := self._block(node)))

    def _block(self, node: SyntaxTreeNode) -> str:
        match node.type:
            case "bullet_list" | "ordered_list":
                return self._list(node)
            case "blockquote":
                return textwrap.indent(self.blocks(node.children), "> ", lambda _: True)
            case "table":
                return self._table(node)
            case "fence" | "code_block":
                return self._code(node)
            case "hr":
                return "---"
            case "heading" if self._is_rendered:
                title = self._inlines(node)
                return title if "**" in title else f"**{title}**"
            case _:
                return self._inlines(node)

    def _list(self, node: SyntaxTreeNode) -> str:
        is_tight = any(block.hidden for item in node.children for block in item.children if block.type == "paragraph")
        between = "\n" if is_tight else "\n\n"
        return between.join(self._item(item, between) for item in node.children)

    def _item(self, item: SyntaxTreeNode, between: str) -> str:
        # An item of a numbered list knows its number as it was written.
        marker = f"{item.info}{item.markup} " if item.info else "- "
        return (marker + textwrap.indent(self.blocks(item.children, between), " " * len(marker)).lstrip()).rstrip()

    def _table(self, node: SyntaxTreeNode) -> str:
        head, *bodies = node.children
        names = [name.rstrip(": ") for name in self._cells(head.children[0])]
        rows = [self._cells(row) for body in bodies for row in body.children]
        told = [[f"{name}: {value}" if name else value for name, value in zip(names, row, strict=True) if value] for row in rows]
        return "\n".join("; ".join(row) for row in (told or [names]) if row)

    def _cells(self, row: SyntaxTreeNode) -> list[str]:
        return [self._inlines(cell).strip() for cell in row.children]

    def _code(self, node: SyntaxTreeNode) -> str:
        code = node.content.rstrip("\n")
        if not self._is_rendered:
            return code
        return f"{node.markup}{node.info}\n{code}\n{node.markup}" if node.markup else textwrap.indent(code, "    ")

    def _inlines(self, block: SyntaxTreeNode) -> str:
        return "".join(one.content for one in block.children)


def _words(inline: Token) -> str:
    return "".join(_word(one) for one in inline.children or ())


def _word(token: Token) -> str:
    match token.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "em_open" | "em_close":
            # Single marks stay: people read them as stress, and what was a sum (2*3*4) stays one.
            return token.markup
        case _:
            return token.content
