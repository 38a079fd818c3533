"""Tables as Markdown. Pure."""

from collections.abc import Sequence


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a table whose head is the first one; empty rows and empty columns at the end are left out."""
    kept = [[_cell(value) for value in row] for row in rows]
    kept = [row for row in kept if any(row)]
    width = max((n + 1 for row in kept for n, value in enumerate(row) if value), default=0)
    if not width:
        return ""
    lines = ["| " + " | ".join((row + [""] * width)[:width]) + " |" for row in kept]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|")
