"""Word documents, through mammoth: heading styles, lists and tables stay; headers, footers, comments and pictures go."""

from pathlib import Path

from knowledge.sources.converted import Converted
from knowledge.sources.fragment import markdown_of_fragment
from knowledge.sources.office_package import open_package

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
comment-reference =>
"""


def convert_docx(path: Path) -> Converted:
    """The text of a DOCX file as Markdown.

    Raises:
        NotConverted: it can't be read.
        SourceUnreadable: it holds no text.
    """
    import mammoth

    properties = open_package(path)
    with path.open("rb") as file:
        html = mammoth.convert_to_html(file, style_map=_STYLES, convert_image=lambda image: []).value
    text = markdown_of_fragment(html, str(path))
    return Converted(text, properties.title, properties.updated, properties.language)
