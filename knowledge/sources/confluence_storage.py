"""Confluence's storage format, XHTML with macros, as plain HTML: the text of macros stays, their settings go. Pure.

Source: confluence.atlassian.com, Confluence Storage Format.
"""

import html
import re

import lxml.etree

from knowledge.errors import SourceUnreadable

_AC = "http://atlassian.com/content"
_RI = "http://atlassian.com/resource/identifier"
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML_OWN = frozenset({"amp", "lt", "gt", "quot", "apos"})
_SETTINGS = ("parameter", "task-id", "task-uuid", "task-status", "placeholder", "emoticon", "image", "default-parameter")
_INLINE = dict.fromkeys(("link", "inline-comment-marker", "plain-text-link-body", "link-body"), "span")
_AS_HTML = {"plain-text-body": "pre", "task": "li", "task-list": "ul", **_INLINE}


def html_of_storage(storage: str, source: str) -> str:
    """The HTML that a reader would see, as far as it is stored in the page itself.

    Raises:
        SourceUnreadable: it is not well-formed.
    """
    # The export breaks the end of an inner CDATA section, since sections can't be nested.
    text = _NAMED.sub(_character, storage.replace("]] >", "]]>"))
    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = lxml.etree.fromstring(f'<div xmlns:ac="{_AC}" xmlns:ri="{_RI}">{text}</div>', parser)
    except (lxml.etree.XMLSyntaxError, ValueError) as error:
        raise SourceUnreadable(source, f"its storage format is broken: {error}") from error
    for element in list(root.iter(*(f"{{{_AC}}}{name}" for name in _SETTINGS))):
        _remove(element)
    for link in list(root.iter(f"{{{_AC}}}link")):
        _name_link(link)
    for time in list(root.iter("time")):
        time.text = time.text or time.get("datetime")
    for element in list(root.iter(f"{{{_RI}}}*")):
        _remove(element)
    for element in list(root.iter(f"{{{_AC}}}*")):
        # What has no HTML of its own are macros and layouts: blocks around blocks.
        element.tag = _AS_HTML.get(lxml.etree.QName(element).localname, "div")
        element.attrib.clear()
    lxml.etree.cleanup_namespaces(root)
    return str(lxml.etree.tostring(root, encoding="unicode", method="html"))


def _character(entity: re.Match[str]) -> str:
    """XML knows no &nbsp;."""
    return entity.group() if entity.group(1) in _XML_OWN else html.escape(html.unescape(entity.group()))


def _name_link(link: lxml.etree._Element) -> None:
    """A link without a text of its own shows the title of its page."""
    if "".join(link.itertext()).strip():
        return
    target = next((one for one in link.iter(f"{{{_RI}}}*")), None)
    if target is not None:
        link.text = target.get(f"{{{_RI}}}content-title") or target.get(f"{{{_RI}}}filename") or ""


def _remove(element: lxml.etree._Element) -> None:
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (element.tail or "")
    else:
        parent.text = (parent.text or "") + (element.tail or "")
    parent.remove(element)
