"""Presentations, through python-pptx: each slide under its title. Hidden slides and speaker notes stay out.

Notes are what the speaker knows and the audience doesn't see; they must not end in an answer.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from knowledge.sources.converted import Converted, NotConverted
from knowledge.sources.office_package import open_package
from knowledge.sources.table import markdown_table


def convert_pptx(path: Path) -> Converted:
    """The text of a PPTX file as Markdown.

    Raises:
        NotConverted: it can't be read, or holds no text.
    """
    import pptx

    properties = open_package(path)
    slides: list[str] = []
    first_title: str | None = None
    for number, slide in enumerate(pptx.Presentation(str(path)).slides, start=1):
        if slide.element.get("show") == "0":
            continue
        title_shape = slide.shapes.title
        title = " ".join(title_shape.text_frame.text.split()) if title_shape is not None else ""
        first_title = first_title or title or None
        own = title_shape.shape_id if title_shape is not None else None
        parts = [part for shape in _shapes(slide.shapes) if shape.shape_id != own for part in _texts(shape)]
        if title or parts:
            slides.append("\n\n".join([f"## {title or f'Slide {number}'}", *parts]))
    if not slides:
        raise NotConverted("has no text on its slides")
    return Converted("\n\n".join(slides), properties.title or first_title, properties.updated, properties.language)


def _shapes(shapes: Iterable[Any]) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _texts(shape: Any) -> Iterator[str]:
    if shape.has_text_frame:
        paragraphs = [(p.level, " ".join(p.text.split())) for p in shape.text_frame.paragraphs]
        paragraphs = [(level, text) for level, text in paragraphs if text]
        if len(paragraphs) > 1 and shape.is_placeholder:
            # The body of a slide is its list of points.
            yield "\n".join(f"{'  ' * level}- {text}" for level, text in paragraphs)
        elif paragraphs:
            yield "\n\n".join(text for _, text in paragraphs)
    elif getattr(shape, "has_table", False) and (table := _table(shape)):
        yield table


def _table(shape: Any) -> str:
    return markdown_table([[cell.text for cell in row.cells] for row in shape.table.rows])
