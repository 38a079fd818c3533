"""Confluence's XML space export: `entities.xml`, a flat dump of objects. Read twice, one object at a time in memory.

Only current versions of pages become documents. The dump says which pages are restricted to some readers:
these, and the pages below them, are internal.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

import lxml.etree

from knowledge.errors import SourceUnreadable
from knowledge.sources.confluence_storage import html_of_storage
from knowledge.sources.fields import iso_day
from knowledge.sources.fragment import ToMarkdown, markdown_of_fragment
from knowledge.sources.headings import under_headings
from knowledge.sources.skipping import OnSkip, unheard
from knowledge.types import Audience, Document, DocumentId, SourceFailure

_XHTML = "2"
"""The body type of the storage format; 0 is wiki markup, from before Confluence 4."""


@dataclass(frozen=True, slots=True)
class _Page:
    title: str
    parent: str | None
    updated: str | None


@dataclass
class _Space:
    pages: dict[str, _Page] = field(default_factory=dict)
    restricted: set[str] = field(default_factory=set)
    name: str = ""

    def above(self, page_id: str) -> list[str]:
        """The ids of the pages above, from the outermost."""
        path: list[str] = []
        key = self.pages[page_id].parent
        while key is not None and key not in path and key != page_id:
            path.insert(0, key)
            key = self.pages[key].parent if key in self.pages else None
        return path


def documents_of_entities(
    opened: Callable[[], IO[bytes]],
    source: str,
    default_audience: Audience,
    on_skip: OnSkip = unheard,
    to_markdown: ToMarkdown = markdown_of_fragment,
) -> Iterator[Document | SourceFailure]:
    """The current pages of the dump that `opened` opens. Old versions, drafts, deleted pages and posts go to `on_skip`.

    Raises:
        SourceUnreadable: it is not XML, or not such a dump.
    """
    space = _Space()
    with opened() as file:
        for item in _objects(file, source):
            _note(item, space, on_skip)
    written: set[str] = set()
    with opened() as file:
        for item in _objects(file, source):
            page_id = _reference(item, "content")
            if item.get("class") != "BodyContent" or page_id not in space.pages or page_id in written:
                continue
            written.add(page_id)
            try:
                body = _body(item, source, to_markdown)
                yield _document(page_id, body, space, source, default_audience)
            except SourceUnreadable as error:
                yield SourceFailure(source, f"page {page_id} {space.pages[page_id].title!r}: {error.reason}")
    for page_id in space.pages.keys() - written:
        yield SourceFailure(source, f"page {page_id} {space.pages[page_id].title!r}: has no text in the export")


def _objects(file: IO[bytes], source: str) -> Iterator[lxml.etree._Element]:
    try:
        for _, element in lxml.etree.iterparse(file, tag="object", resolve_entities=False, no_network=True, load_dtd=False):
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except lxml.etree.XMLSyntaxError as error:
        raise SourceUnreadable(source, f"is not the entities.xml of an export: {error}") from error


def _note(item: lxml.etree._Element, space: _Space, on_skip: OnSkip) -> None:
    kind = item.get("class")
    key = (item.findtext("id") or "").strip()
    if kind == "Space":
        space.name = space.name or _value(item, "name")
    elif kind == "ContentPermissionSet" and _value(item, "type").casefold() == "view":
        if (owner := _reference(item, "owningContent")) is not None:
            space.restricted.add(owner)
    elif kind in {"Page", "BlogPost"}:
        name = f"page {key} {_value(item, 'title')!r}"
        status = _value(item, "contentStatus") or "current"
        if kind == "BlogPost":
            on_skip(name, "it is a blog post")
        elif _reference(item, "originalVersion") is not None or _value(item, "originalVersionId"):
            on_skip(name, "it is an old version")
        elif status != "current":
            on_skip(name, f"its status is {status}")
        else:
            updated = iso_day(_value(item, "lastModificationDate"))
            space.pages[key] = _Page(" ".join(_value(item, "title").split()), _reference(item, "parent"), updated)


def _body(item: lxml.etree._Element, source: str, to_markdown: ToMarkdown) -> str:
    if (_value(item, "bodyType") or _XHTML) != _XHTML:
        raise SourceUnreadable(source, "is in the old wiki markup; edit and save it in Confluence, then export again")
    return to_markdown(html_of_storage(_value(item, "body"), source), source, None)


def _document(page_id: str, body: str, space: _Space, source: str, default_audience: Audience) -> Document:
    page = space.pages[page_id]
    above = space.above(page_id)
    is_restricted = not space.restricted.isdisjoint([page_id, *above])
    names = [space.name, *(space.pages[key].title for key in above if key in space.pages)]
    return Document(
        doc_id=DocumentId(f"confluence/{page_id}"),
        title=page.title or f"Page {page_id}",
        text=under_headings(body, names),
        audience=Audience.INTERNAL if is_restricted else default_audience,
        source=source,
        updated=page.updated,
    )


def _property(item: lxml.etree._Element, name: str) -> lxml.etree._Element | None:
    return next((one for one in item.iterchildren("property") if one.get("name") == name), None)


def _value(item: lxml.etree._Element, name: str) -> str:
    found = _property(item, name)
    return (found.text or "").strip() if found is not None else ""


def _reference(item: lxml.etree._Element, name: str) -> str | None:
    found = _property(item, name)
    return ((found.findtext("id") or "").strip() or None) if found is not None else None
