"""A Zendesk Guide export: the JSON of the Help Center API, as one file or as a folder of pages.

Source: developer.zendesk.com, Help Center API: Articles, Sections, Categories.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.errors import SourceUnreadable
from knowledge.sources.conversion import Converter
from knowledge.sources.fields import fields_of, iso_day
from knowledge.sources.headings import under_headings
from knowledge.sources.opened import text_of
from knowledge.sources.skipping import OnSkip, unheard
from knowledge.types import Audience, Document, DocumentId, SourceFailure

MAX_BYTES = 200_000_000
"""Of one file of the export."""
_LISTS = ("articles", "sections", "categories")


@dataclass
class _Export:
    articles: list[tuple[str, Any]] = field(default_factory=list)
    """Each with the file that holds it."""
    sections: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    categories: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    count: int = 0
    """How many articles there are, as the API says."""


@dataclass(frozen=True, slots=True)
class _Readers:
    """Who may read an article: those of no segment, and those of each."""

    default: Audience
    segments: Mapping[int, Audience]


def read_zendesk_export(
    path: Path,
    default_audience: Audience = Audience.PUBLIC,
    segments: Mapping[int, Audience] | None = None,
    on_skip: OnSkip = unheard,
    converter: Converter | None = None,
) -> Iterator[Document | SourceFailure]:
    """The published articles of an export.

    An article for everyone has the default audience. One that a user segment restricts is internal,
    unless `segments` names another audience for each of its segments. Drafts go to `on_skip`. Without a
    `converter` one is started when it is needed.
    """
    export = _Export()
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    for file in files:
        try:
            _load(file, export)
        except SourceUnreadable as error:
            yield SourceFailure(error.source, error.reason)
    if not export.articles:
        yield SourceFailure(str(path), 'has no articles; expected the JSON of the Help Center API, {"articles": […]}')
    with converter or Converter() as used:
        readers = _Readers(default_audience, segments or {})
        for source, article in export.articles:
            try:
                if not _is_draft(article, source, on_skip):
                    yield _document(article, source, export, readers, used)
            except SourceUnreadable as error:
                yield SourceFailure(source, error.reason)
    if len(export.articles) < export.count:
        yield SourceFailure(str(path), f"has {len(export.articles)} of {export.count} articles; export the other pages too")


def _load(file: Path, export: _Export) -> None:
    try:
        loaded = json.loads(text_of(file, MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise SourceUnreadable(str(file), f"is not JSON: {error}") from error
    if isinstance(loaded, list):
        # A bare list is what its file is called.
        loaded = {next((name for name in _LISTS if file.stem.lower().startswith(name)), "articles"): loaded}
    if not isinstance(loaded, dict):
        raise SourceUnreadable(str(file), "is not an object or a list of articles")
    lists = {name: loaded.get(name) or [] for name in _LISTS}
    if isinstance(loaded.get("article"), dict):
        lists["articles"] = [loaded["article"]]
    if not all(isinstance(found, list) for found in lists.values()):
        raise SourceUnreadable(str(file), "its articles, sections or categories are not lists")
    export.articles += [(str(file), article) for article in lists["articles"]]
    export.sections |= {str(one["id"]): one for one in lists["sections"] if isinstance(one, dict) and "id" in one}
    export.categories |= {str(one["id"]): one for one in lists["categories"] if isinstance(one, dict) and "id" in one}
    if lists["articles"] and isinstance(count := loaded.get("count"), int):
        export.count = max(export.count, count)


def _is_draft(article: Any, source: str, on_skip: OnSkip) -> bool:
    if not isinstance(article, dict) or not article.get("id"):
        raise SourceUnreadable(source, "an article is not an object with an id")
    if article.get("draft"):
        on_skip(f"article {article['id']} {' '.join(str(article.get('title') or '').split())}".strip(), "it is a draft")
    return bool(article.get("draft"))


def _document(article: dict[Any, Any], source: str, export: _Export, readers: _Readers, converter: Converter) -> Document:
    try:
        fields = fields_of(article, source)
        title = fields.line("title")
        if not title:
            raise SourceUnreadable(source, "has no title")
        locale = str(article.get("locale") or "")
        url = str(article.get("html_url") or "") or None
        body = converter.markdown(str(article.get("body") or ""), source, url)
        labels = article.get("label_names") or ()
        return Document(
            doc_id=DocumentId("/".join(part for part in ("zendesk", str(article["id"]), locale) if part)),
            title=title,
            text=under_headings(body, _path(article, export)),
            audience=_audience(article, source, readers),
            source=source,
            url=url,
            updated=iso_day(article.get("edited_at")) or iso_day(article.get("updated_at")),
            language=locale or None,
            tags=tuple(str(label) for label in labels) if isinstance(labels, list) else (),
        )
    except SourceUnreadable as error:
        raise SourceUnreadable(source, f"article {article['id']}: {error.reason}") from error


def _audience(article: Mapping[str, Any], source: str, readers: _Readers) -> Audience:
    """Who may read it; `user_segment_ids` is the newer field, for several segments."""
    if "user_segment_id" not in article and "user_segment_ids" not in article:
        raise SourceUnreadable(
            source, "has no user_segment_id, so that nobody can tell who may read it; export it with all fields"
        )
    ids = {article.get("user_segment_id"), *(article.get("user_segment_ids") or ())} - {None}
    if not ids:
        return readers.default
    known = {readers.segments.get(one, Audience.INTERNAL) for one in ids}
    return Audience.PUBLIC if known == {Audience.PUBLIC} else Audience.INTERNAL


def _path(article: Mapping[str, Any], export: _Export) -> list[str]:
    """Category, then sections from the outermost to its own, as far as the export names them."""
    names: list[str] = []
    seen: set[str] = set()
    key = str(article.get("section_id"))
    category = None
    while (section := export.sections.get(key)) is not None and key not in seen:
        seen.add(key)
        names.insert(0, str(section.get("name") or ""))
        category = export.categories.get(str(section.get("category_id"))) or category
        key = str(section.get("parent_section_id"))
    return [str(category.get("name") or ""), *names] if category else names
