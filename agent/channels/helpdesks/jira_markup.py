"""Plain words as Jira's wiki markup, in which nothing but what we mean is markup. Pure.

Source: Jira's "Text formatting notation help". Comments of requests are wiki markup on Cloud and Data Center alike. What a model
or a customer writes must not become a link with another address than it shows, an image, a macro or a mention.
"""

import re

MOST = 32_767
"""Characters of a comment, unless Jira's `jira.text.field.character.limit` was changed."""
LAST = 60
"""Of a text's end, kept whatever is cut: our reference stands there."""
_ADDRESS = re.compile(r"(https?://[^\s!|{}\[\]\\<>\"'*]+)")
_BOLD = re.compile(r"\*\*(?=\S)([^*\n]+)(?<=\S)\*\*")
_MARKS = re.compile(r"[{}\[\]!|*_^~+]|\?\?|(?<!\w)-(?=\S)|^#", re.MULTILINE)


def wiki(text: str) -> str:
    """Markdown's bold as Jira's, addresses as they are, every other mark escaped; what is too long is cut before its end."""
    made, kept = _wiki(text), len(text) - LAST
    while len(made) > MOST:
        kept = kept * 9 // 10
        made = f"{_wiki(text[:kept])} … {_wiki(text[-LAST:])}"
    return made


def _wiki(text: str) -> str:
    return "".join(part if index % 2 else _formatted(part) for index, part in enumerate(_ADDRESS.split(text)))


def _formatted(text: str) -> str:
    parts = _BOLD.split(text)
    return "".join(f"*{_escaped(part)}*" if index % 2 else _escaped(part) for index, part in enumerate(parts))


def _escaped(text: str) -> str:
    # A backslash can't be escaped by one: two of them break the line, and one before a mark would free it.
    return _MARKS.sub(lambda found: "".join(f"\\{one}" for one in found[0]), text.replace("\\", "&#92;"))
