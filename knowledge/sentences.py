"""Text to sentences. Pure.

Markdown is read as a reader sees it: a list item and a table row are sentences of their own, markup is gone, headings
are left out (they are on the passage already). Inside prose pysbd splits, which knows abbreviations and decimals.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge.markdown_parser import markdown_parser

FALLBACK_LANGUAGE = "en"
KEPT_CHARS = 5_000
"""The sentences of a longer text, which no passage is, are not remembered: a customer may send a megabyte."""
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w")
_PLAIN_END = re.compile(r"(?:(?<=[a-zà-ÿ]{5}[.!?])|(?<=[%)][.!?]))\s+(?=[A-ZÀ-Þ])")
"""A sentence end that is no abbreviation in any language written in Latin letters."""
_MAYBE_END = re.compile(r"[.!?:;…]['\"”’»)]*\s|[^\x00-\u024f\u2000-\u20cf]")
"""Where a sentence could end within a text: a mark and a space, or any mark of another script."""


def split_sentences(text: str, language: str) -> list[str]:
    """The sentences of a Markdown or plain text, in order, without markup and without empty ones.

    A table row under a header reads `Column: value; Column: value`. `language` is an ISO 639-1 code; one that
    the splitter doesn't know is split like English.
    """
    return list((_split_once if len(text) <= KEPT_CHARS else _split)(text, language))


def _split(text: str, language: str) -> tuple[str, ...]:
    sentences: list[str] = []
    for prose, is_row in _blocks(_parser().parse(text)):
        parts = [prose] if is_row else _segment(prose, language)
        sentences += [tidy for part in parts if _WORD.search(tidy := _SPACE.sub(" ", part).strip())]
    return tuple(sentences)


# A turn splits the passages of the turns before it again, several times, at milliseconds a text.
_split_once = lru_cache(maxsize=4_000)(_split)


def _blocks(tokens: Sequence[Token]) -> Iterator[tuple[str, bool]]:
    """Each block's text as a reader sees it, and whether it is a table row."""
    cells: dict[str, list[str]] = {"thead": [], "tbody": []}
    part = ""
    for token in tokens:
        name, _, edge = token.type.rpartition("_")
        if name in {"heading", "thead", "tbody"}:
            part = name if edge == "open" else ""
        if name == "thead" and edge == "open":
            cells["thead"] = []
        elif token.type == "tr_open":
            cells["tbody"] = []
        elif token.type == "tr_close" and part == "tbody":
            yield _row(cells["thead"], cells["tbody"]), True
        elif token.type == "inline" and part in cells:
            cells[part].append(_plain(token))
        elif token.type in {"inline", "fence", "code_block"} and part != "heading":
            yield _plain(token), False


def _row(header: Sequence[str], row: Sequence[str]) -> str:
    named = [(h, v) for h, v in zip(header, row, strict=False) if v]
    return "; ".join(f"{h}: {v}" if h else v for h, v in named)


def _plain(token: Token) -> str:
    if token.type != "inline":
        return token.content
    # A line break in prose is a space; pysbd would end a sentence at it.
    shown = {"text", "code_inline", "image"}
    breaks = {"softbreak", "hardbreak"}
    return "".join(" " if c.type in breaks else c.content for c in token.children or () if c.type in shown | breaks)


def _segment(prose: str, language: str) -> Iterator[str]:
    # pysbd takes milliseconds a sentence, so it sees only what the plain cases leave over; and very long on text
    # without any sentence end, so that is cut first.
    for part in _PLAIN_END.split(prose):
        if _MAYBE_END.search(part):
            for chunk in _chunks(part):
                yield from splitter(language).segment(chunk)
        else:
            yield part


def _chunks(prose: str, size: int = 5000) -> Iterator[str]:
    while len(prose) > size:
        cut = prose.rfind(" ", 1, size)
        cut = cut if cut > 0 else size
        yield prose[:cut]
        prose = prose[cut:]
    yield prose


@cache
def _parser() -> MarkdownIt:
    return markdown_parser(html=False)


def splitter(language: str) -> Any:
    """What splits plain prose (its `segment`), a `Segmenter` of pysbd.

    One for each thread: it keeps the text that it is at, and would look for the sentences of one in another.
    """
    kept: dict[str, Any] | None = getattr(_local, "splitters", None)
    if kept is None:
        kept = _local.splitters = {}
    if language not in kept:
        import pysbd
        from pysbd.languages import LANGUAGE_CODES

        code = language.split("-")[0].lower()
        kept[language] = pysbd.Segmenter(language=code if code in LANGUAGE_CODES else FALLBACK_LANGUAGE, clean=False)
    return kept[language]


_local = threading.local()
