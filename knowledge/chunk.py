"""Cuts a document into passages along its headings. Pure: no files, no model, no index.

A passage is small enough for the embedding model to read whole (MiniLM reads 256 tokens, about 190
English words) and to be quoted. Nothing is cut inside a sentence, a list item or a table row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from markdown_it import MarkdownIt

from knowledge.markdown_parser import markdown_parser
from knowledge.sentences import FALLBACK_LANGUAGE, splitter
from knowledge.types import Document, Passage, passage_id

LAYOUT = "9"
"""Raise it when this module cuts differently, or a document gets other points or another partition: it is then cut and
embedded again."""
LIMIT = 170
"""Most words in a passage; title and headings are embedded with it and need room too."""
GOAL = 150
TINY = 15
MERGED = 60
LEAD_IN = 40

# Scripts without spaces between words: about two characters make a word.
_DENSE = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_DENSE}]{{1,2}}|[^\s{_DENSE}]+")


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never cut. `prefix` (a list's lead-in, a table's head) is said again where a passage starts with it."""

    text: str
    prefix: str = ""
    tight: bool = False
    """True if it follows the unit before it without a blank line (list items, table rows, sentences)."""
    glue: str = "\n"


@dataclass(frozen=True, slots=True)
class _Piece:
    path: tuple[str, ...]
    text: str


def split(document: Document) -> list[Passage]:
    """The passages of a document, in reading order; at least one."""
    pieces: list[_Piece] = []
    for path, units in _sections(document):
        pieces += [_Piece(path, text) for text in _pack(units)]
    pieces = _merge_tiny(pieces) or [_Piece((), document.text)]
    return [
        Passage(
            passage_id=passage_id(document.doc_id, document.version, ordinal),
            doc_id=document.doc_id,
            version=document.version,
            ordinal=ordinal,
            title=document.title,
            heading_path=piece.path,
            text=piece.text,
            audience=document.audience,
            url=document.url,
            updated=document.updated,
            language=document.language,
            owner=document.owner,
            trust=document.trust,
        )
        for ordinal, piece in enumerate(pieces)
    ]


def words(text: str) -> int:
    """Words, roughly, in any script."""
    return len(_WORD.findall(text))


def _sections(document: Document) -> Iterator[tuple[tuple[str, ...], list[_Unit]]]:
    from markdown_it.tree import SyntaxTreeNode

    tree = SyntaxTreeNode(_parser().parse(document.text))
    lines = document.text.split("\n")
    headings: list[tuple[int, str]] = []
    units: list[_Unit] = []
    for node in tree.children:
        if node.type != "heading":
            units += _units(node, lines, units)
            continue
        if units:
            yield _path(headings, document.title), units
        units = []
        level = int(node.tag[1])
        headings = [kept for kept in headings if kept[0] < level] + [(level, _plain(node))]
    if units:
        yield _path(headings, document.title), units


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return markdown_parser()  # its set-up takes longer than a short text


def _path(headings: list[tuple[int, str]], title: str) -> tuple[str, ...]:
    return tuple(text for _, text in headings if text and text.casefold() != title.casefold())


def _plain(node: object) -> str:
    from markdown_it.tree import SyntaxTreeNode

    assert isinstance(node, SyntaxTreeNode)
    if node.type in {"text", "code_inline"}:
        return node.content
    if node.type in {"softbreak", "hardbreak"}:
        return " "
    return "".join(_plain(child) for child in node.children).strip()


def _source(node: object, lines: list[str]) -> str:
    from markdown_it.tree import SyntaxTreeNode

    assert isinstance(node, SyntaxTreeNode)
    start, end = node.map or (0, 0)
    return "\n".join(lines[start:end]).strip("\n")


def _units(node: object, lines: list[str], before: list[_Unit]) -> list[_Unit]:
    """The units of one block. Takes a lead-in off the end of `before` if the block is a list or table."""
    from markdown_it.tree import SyntaxTreeNode

    assert isinstance(node, SyntaxTreeNode)
    text = _source(node, lines)
    if node.type == "hr" or not text.strip() or re.fullmatch(r"\s*<!--.*?-->\s*", text, re.DOTALL):
        return []
    if node.type in {"bullet_list", "ordered_list"}:
        return _list_units([_source(item, lines).rstrip() for item in node.children], _take_lead_in(before))
    if node.type == "table":
        rows = text.split("\n")
        lead_in = _take_lead_in(before)
        head = "\n".join(rows[:2])
        return _list_units(rows[2:] or [""], f"{lead_in}\n\n{head}" if lead_in else head)
    if node.type == "paragraph":
        return _sentence_units(text) if words(text) > LIMIT else [_Unit(text)]
    if words(text) <= LIMIT:
        return [_Unit(text)]
    return [_Unit(line, tight=n > 0) for n, line in enumerate(text.split("\n"))]


def _list_units(items: list[str], prefix: str) -> list[_Unit]:
    units: list[_Unit] = []
    for item in items:
        # An item as long as a passage is an article of its own: cut it between its lines or sentences.
        parts = [unit.text for unit in _sentence_units(item)] if words(item) > LIMIT else [item]
        units += [_Unit(part, prefix, tight=bool(units)) for part in parts]
    return units


def _take_lead_in(before: list[_Unit]) -> str:
    if before and not before[-1].prefix and not before[-1].tight and words(before[-1].text) <= LEAD_IN:
        return before.pop().text
    return ""


def _sentence_units(text: str) -> list[_Unit]:
    joined = re.sub(r"(?<! )\n\s*", " ", text)
    sentences = [s.strip() for s in re.split(r"(?<=[。！？])", joined) for s in _segmenter_split(s)]
    found: list[str] = []
    for sentence in sentences:
        if words(sentence) > 2 * LIMIT:
            found += _by_words(sentence)
        elif sentence:
            found.append(sentence)
    return [_Unit(sentence, tight=n > 0, glue=" ") for n, sentence in enumerate(found)]


def _segmenter_split(text: str) -> list[str]:
    if not text.strip():
        return []
    if words(text) > 20_000:
        # The segmenter takes minutes on a text without line breaks; a plain rule is good enough there.
        return re.split(r"(?<=[.!?])\s+", text)
    return list(splitter(FALLBACK_LANGUAGE).segment(text))


def _by_words(sentence: str) -> list[str]:
    """Something of this length is no sentence (a log, a table in plain text): cut it between words."""
    pieces, start, count = [], 0, 0
    for match in _WORD.finditer(sentence):
        count += 1
        if count > GOAL:
            pieces.append(sentence[start : match.start()].strip())
            start, count = match.start(), 1
    return [*pieces, sentence[start:].strip()]


def _pack(units: list[_Unit]) -> Iterator[str]:
    """Passages of even size: a long section doesn't end in a crumb."""
    total = sum(words(unit.text) for unit in units)
    parts = -(-total // GOAL)
    goal = total / parts if total > LIMIT else LIMIT
    current: list[_Unit] = []
    size = 0
    for unit in units:
        length = words(unit.text)
        new_prefix = unit.prefix and (not current or current[-1].prefix != unit.prefix)
        cost = length + (words(unit.prefix) if new_prefix else 0)
        if current and (size + cost > LIMIT or size + cost / 2 > goal):
            yield _render(current)
            current, size = [], 0
            cost = length + words(unit.prefix)
        current.append(unit)
        size += cost
    if current:
        yield _render(current)


def _render(units: list[_Unit]) -> str:
    text = ""
    prefix = ""
    for n, unit in enumerate(units):
        if unit.prefix and unit.prefix != prefix:
            # A table's rows must follow its head at once; list items may follow their lead-in so, too.
            text += ("\n\n" if text else "") + unit.prefix + ("\n" if unit.text.startswith("|") else "\n\n")
            text += unit.text
        else:
            text += ("" if n == 0 else unit.glue if unit.tight else "\n\n") + unit.text
        prefix = unit.prefix
    return text.strip("\n").rstrip()


def _merge_tiny(pieces: list[_Piece]) -> list[_Piece]:
    """Joins a section of a few words to its neighbour, with its headings in bold. A question keeps its own passage."""
    merged: list[_Piece] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if last is not None and words(last.text) < TINY and last.path == piece.path[: len(last.path)] and last.path != piece.path:
            merged[-1] = replace(piece, text=f"{last.text}\n\n{piece.text}")
        elif last is not None and _joins(last, piece):
            merged[-1] = replace(last, text=f"{last.text}\n\n**{' – '.join(piece.path)}**\n\n{piece.text}")
        else:
            merged.append(piece)
    return merged


def _joins(last: _Piece, piece: _Piece) -> bool:
    siblings = piece.path[:-1] in (last.path, last.path[:-1])
    is_tiny = words(piece.text) < TINY and bool(piece.path) and not piece.path[-1].rstrip().endswith("?")
    return siblings and is_tiny and last.path != piece.path and words(last.text) + words(piece.text) <= MERGED
