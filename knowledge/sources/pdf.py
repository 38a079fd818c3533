"""PDF files, through pdf-inspector: headings from the sizes of letters, tables from lines and columns. No OCR."""

import re
from pathlib import Path

from knowledge.sources.converted import Converted, NotConverted
from knowledge.sources.fields import iso_day

_NO_TITLE = re.compile(
    r"microsoft (word|powerpoint|excel) - |untitled|unnamed|\(?anonymous|.*\.(docx?|pptx?|xlsx?|pdf|indd|qxd)$", re.I
)


def convert_pdf(path: Path) -> Converted:
    """The text of a PDF file as Markdown.

    Raises:
        NotConverted: it is broken, encrypted, or has no text but pictures of it.
    """
    import pdf_inspector

    try:
        found = pdf_inspector.process_pdf(str(path))
    except ValueError as error:
        if "encrypted" in str(error).lower():
            raise NotConverted("is protected by a password; save it without one") from error
        raise NotConverted(f"is damaged or no PDF: {error}") from error
    text = (found.markdown or "").strip()
    pictures = sorted(found.pages_needing_ocr or ())
    if not re.search(r"\w", text):
        raise NotConverted("has no text, only pictures of pages or none (a scan?); run text recognition (OCR) over it first")
    if found.has_encoding_issues:
        raise NotConverted("its fonts don't say which letters they show, so that its text comes out garbled; export it again")
    gaps = [f"page {number} has no text that can be read (a picture?) and was left out" for number in pictures]
    title = " ".join((found.title or "").split())
    return Converted(text, None if _NO_TITLE.match(title) else title or None, iso_day(_day(found.mod_date)), None, gaps=gaps)


def _day(value: str | None) -> str | None:
    """A PDF date, `D:20260301…`, as 2026-03-01."""
    found = re.match(r"D:(\d{4})(\d{2})(\d{2})", value or "")
    return "-".join(found.groups()) if found else value
