"""One page of Confluence's HTML space export. Pure; it runs in the child process of `conversion`."""

import re
from datetime import datetime
from typing import Any

from knowledge.errors import SourceUnreadable
from knowledge.sources.fragment import markdown_of_fragment

_MODIFIED = re.compile(r"last (?:modified|updated)(?: by .*?)? on (\w{3,9} \d{1,2}, \d{4})", re.IGNORECASE | re.DOTALL)


def read_page(text: str, source: str) -> dict[str, Any]:
    """The `title`, the titles of the pages `above` it, its Markdown `text`, the day it was `updated`, its `language`.

    Raises:
        SourceUnreadable: it is no page of an export.
    """
    import lxml.etree
    import lxml.html

    try:
        tree = lxml.html.fromstring(text.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    except (lxml.etree.LxmlError, ValueError) as error:
        raise SourceUnreadable(source, f"is not HTML: {error}") from error
    content = tree.get_element_by_id("main-content", None)
    if content is None:
        raise SourceUnreadable(source, "has no main-content, as pages of an export have")
    above = [_words(item) for item in tree.xpath("//ol[@id='breadcrumbs']//a")]
    title = next((_words(found) for found in tree.xpath("//*[@id='title-text']")), "")
    title = title or next((_words(found) for found in tree.iter("title")), "")
    if above and title.startswith(f"{above[0]} : "):
        title = title.removeprefix(f"{above[0]} : ")
    metadata = " ".join(_words(found) for found in tree.xpath("//*[contains(@class, 'page-metadata')]"))
    return {
        "title": title,
        # The home page of a space has the name of the space, and would stand twice.
        "above": list(dict.fromkeys(above)),
        "text": markdown_of_fragment(lxml.html.tostring(content, encoding="unicode", with_tail=False), source),
        "updated": _day(metadata),
        "language": tree.get("lang") or None,
    }


def _words(element: Any) -> str:
    return " ".join(element.text_content().split())


def _day(metadata: str) -> str | None:
    """The day in "last modified on Nov 09, 2020"; None in any other language."""
    if (found := _MODIFIED.search(metadata)) is None:
        return None
    for shape in ("%b %d, %Y", "%B %d, %Y"):
        try:
            return datetime.strptime(found.group(1), shape).date().isoformat()  # noqa: DTZ007
        except ValueError:
            continue
    return None
