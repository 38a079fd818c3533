"""Bytes to clean values: a bounded body, JSON, text that is safe to keep. Shared by the channels that take requests."""

import asyncio
import re
import unicodedata

import lxml.html
from fastapi import Request
from lxml import etree
from pydantic_core import from_json

from agent.errors import BodyTooLarge, BodyTooSlow, JsonInvalid

MAX_TEXT = 20_000
"""Characters of one message."""
BODY_TIMEOUT_S = 20.0

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They can make a text read otherwise than it is."""
_DROPPED = ("script", "style", "head", "title", "template", "noscript")
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Stops reading as soon as it is over `limit` bytes.

    Raises:
        BodyTooLarge: more than `limit` bytes are announced or arrive.
        BodyTooSlow: the body is not complete after 20 seconds.
    """
    too_large = BodyTooLarge(f"the body is over the limit of {limit} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise too_large
                body += chunk
    except TimeoutError as error:
        raise BodyTooSlow(f"the body was not complete after {BODY_TIMEOUT_S:.0f} s") from error
    return bytes(body)


def parse_json(body: bytes) -> object:
    """JSON as Python values; nesting is bounded by the parser.

    Raises:
        JsonInvalid: with the place, never with the text.
    """
    try:
        value: object = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise JsonInvalid(f"the body is not JSON: {error}") from error
    return value


def clean_text(text: str) -> str:
    """Without control characters (line ends and tabs stay) and lone surrogates, without blank ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (c for c in lines if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _BIDI_CONTROLS))
    return "".join(kept).strip()


def html_to_text(html: str) -> str:
    """The text that a reader of the page would see, one line per block. Empty if there is none."""
    # Bytes, because lxml refuses a str that declares its own encoding.
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        root = lxml.html.document_fromstring(html.encode(errors="replace"), parser=parser)
    except etree.ParserError:
        return ""
    etree.strip_elements(root, *_DROPPED, with_tail=False)
    # Line ends inside the source are spaces to a reader; a block's own are put back below.
    for element in root.iter():
        element.text = _folded(element.text)
        element.tail = _folded(element.tail)
        if element.tag in _BLOCKS:
            element.tail = "\n" + (element.tail or "")
            if element.tag != "br":
                element.text = "\n" + (element.text or "")
    lines = [re.sub(r" {2,}", " ", line).strip() for line in str(root.text_content()).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _folded(text: str | None) -> str | None:
    return None if text is None else re.sub(r"\s+", " ", text)
