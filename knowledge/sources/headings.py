"""The headings that a document stands under in its knowledge base. Pure."""

import re
from collections.abc import Sequence

_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"^(#{1,6})(?=\s)")
DEEPEST = 6


def under_headings(text: str, path: Sequence[str]) -> str:
    """The Markdown text below the headings of `path`, its own headings moved down by as many levels.

    A passage then knows its category, and so do those who search for it.
    """
    names = [" ".join(name.split()) for name in path if name.strip()][: DEEPEST - 1]
    if not names:
        return text
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark.group(1)
        elif mark and mark.group(1).startswith(fence) and line.strip() == mark.group(1):
            fence = ""
        elif not fence and (heading := _HEADING.match(line)):
            line = "#" * min(len(heading.group(1)) + len(names), DEEPEST) + line[heading.end() :]
        lines.append(line)
    above = [f"{'#' * (level + 1)} {name}" for level, name in enumerate(names)]
    return "\n\n".join([*above, "\n".join(lines)])
