"""Workbooks, through openpyxl: the values of the sheets that are shown, as a reader sees them."""

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from knowledge.sources.converted import Converted, NotConverted, Sheet
from knowledge.sources.office_package import open_package

MAX_CELLS = 1_000_000
"""Filled cells of a whole workbook."""


def convert_xlsx(path: Path) -> Converted:
    """The sheets of an XLSX file.

    Raises:
        NotConverted: it can't be read, has too many cells, or none.
    """
    import openpyxl

    properties = open_package(path)
    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    sheets: list[Sheet] = []
    cells = 0
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        # The size that a file claims may be a million empty rows.
        sheet.reset_dimensions()
        rows: list[list[str]] = []
        for row in sheet.iter_rows():
            values = _without_tail([_text(cell) for cell in row])
            cells += len(values)
            if cells > MAX_CELLS:
                raise NotConverted(f"has more than {MAX_CELLS:,} cells; split it")
            rows.append(values)
        if any(rows):
            sheets.append(Sheet(sheet.title, rows))
    if not sheets:
        raise NotConverted("has no filled cells on its visible sheets")
    return Converted(title=properties.title, updated=properties.updated, language=properties.language, sheets=sheets)


def _without_tail(values: list[str]) -> list[str]:
    while values and not values[-1]:
        values.pop()
    return values


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if str(getattr(cell, "number_format", "")).rstrip().endswith("%"):
            return f"{round(value * 100, 6):g}%"
        return str(int(value)) if float(value).is_integer() else f"{value:.10g}"
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value).strip()
