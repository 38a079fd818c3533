"""A passage as its reader sees it: headings, sentences, all of its text. Pure."""

import re
from functools import lru_cache

from knowledge.sentences import split_sentences
from knowledge.types import Passage

BOLD_LINE = re.compile(r"^\*\*([^*\n]+[^*\n:])\*\*[ \t]*$", re.MULTILINE)
"""How the heading of a section that is too small for a passage of its own stands in the text (`knowledge.chunk`)."""


def passage_sentences(passage: Passage) -> list[str]:
    """The sentences of a passage's text. The bold heading of a small section within it reads as a lead-in."""
    return list(_sentences(passage.text))


def heading(passage: Passage) -> str:
    """Title and headings: what a passage's sentences take for granted."""
    return " – ".join((passage.title, *(h for h in passage.heading_path if h != passage.title)))


def title_of(heading: str) -> str:
    """The title in front of such headings."""
    return heading.split(" – ")[0]


def passage_text(passage: Passage) -> str:
    """Everything that a reader sees of a passage."""
    return f"{heading(passage)}\n{passage.text}"


@lru_cache(maxsize=4_000)
def _sentences(text: str) -> tuple[str, ...]:
    return tuple(split_sentences(BOLD_LINE.sub(r"\1:", text), "en"))
