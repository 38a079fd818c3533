"""Zammad's knowledge base: what the answer of its API means. Reads it from a saved file; `zammad_api` fetches it.

Source: docs.zammad.org, API, Knowledge Base: `POST /api/v1/knowledge_bases/init`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from knowledge.errors import SourceUnreadable
from knowledge.sources.conversion import Converter
from knowledge.sources.fields import iso_day
from knowledge.sources.fragment import ToMarkdown, markdown_of_fragment
from knowledge.sources.headings import under_headings
from knowledge.sources.opened import text_of
from knowledge.sources.skipping import OnSkip, unheard
from knowledge.types import Audience, Document, DocumentId, SourceFailure

MAX_BYTES = 200_000_000
_WIDGET = re.compile(r"\(\s*widget:[^()]*\)")
"""How Zammad writes a video into a text."""
Assets = Mapping[str, Mapping[str, Any]]
"""Kind of record, to id, to record."""


@dataclass(frozen=True, slots=True)
class _Base:
    """A knowledge base as it was fetched, and how its HTML becomes Markdown."""

    assets: Assets
    source: str
    locales: Mapping[int, str]
    to_markdown: ToMarkdown


def read_zammad_file(
    path: Path, locales: Mapping[int, str] | None = None, on_skip: OnSkip = unheard, converter: Converter | None = None
) -> Iterator[Document | SourceFailure]:
    """The answers in a saved answer of `init` that holds the contents too. `locales` as in `documents_of_assets`.

    Without a `converter` one is started when it is needed.
    """
    try:
        assets = assets_of(text_of(path, MAX_BYTES), str(path))
    except SourceUnreadable as error:
        yield SourceFailure(error.source, error.reason)
        return
    with converter or Converter() as used:
        yield from documents_of_assets(assets, str(path), locales or {}, datetime.now(UTC), on_skip, used.markdown)


def assets_of(text: str, source: str) -> Assets:
    """The records of an answer of the API.

    Raises:
        SourceUnreadable: it is something else.
    """
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceUnreadable(source, f"is not JSON: {error}") from error
    if isinstance(loaded, dict) and isinstance(loaded.get("assets"), dict):
        loaded = loaded["assets"]
    if not isinstance(loaded, dict) or not isinstance(loaded.get("KnowledgeBase"), dict):
        raise SourceUnreadable(source, "is not the answer of /api/v1/knowledge_bases/init, which has a KnowledgeBase")
    return {kind: records for kind, records in loaded.items() if isinstance(records, dict)}


def documents_of_assets(
    assets: Assets,
    source: str,
    locales: Mapping[int, str],
    now: datetime,
    on_skip: OnSkip = unheard,
    to_markdown: ToMarkdown = markdown_of_fragment,
) -> Iterator[Document | SourceFailure]:
    """A document for each translation of each answer that someone may read now.

    Published answers are public, internal ones internal; drafts, archived ones and those of a knowledge
    base that is switched off go to `on_skip`. The API names a language by a number alone: `locales` maps
    `system_locale_id` to its code, e.g. {1: "en-us"}; without it a document has neither language nor URL.
    """
    base = _Base(assets, source, locales, to_markdown)
    for answer in assets.get("KnowledgeBaseAnswer", {}).values():
        name = f"answer {answer.get('id')}"
        try:
            audience, why_not = _visibility(answer, assets, now)
        except ValueError as error:
            yield SourceFailure(source, f"{name}: a date of its publication can't be read: {error}")
            continue
        if audience is None:
            on_skip(name, why_not)
            continue
        for key in answer.get("translation_ids") or ():
            try:
                yield _document(answer, str(key), audience, base)
            except SourceUnreadable as error:
                yield SourceFailure(source, f"{name}, translation {key}: {error.reason}")


def _visibility(answer: Mapping[str, Any], assets: Assets, now: datetime) -> tuple[Audience | None, str]:
    """Who may read it now. All three dates may lie in the future, since Zammad publishes by the clock."""

    def is_past(key: str) -> bool:
        value = answer.get(key)
        if not value:
            return False
        at = datetime.fromisoformat(str(value))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)) <= now

    base = _record(assets, "KnowledgeBase", _category(answer, assets).get("knowledge_base_id"))
    if base.get("active") is False:
        return None, "its knowledge base is switched off"
    if is_past("archived_at"):
        return None, "it is archived"
    if is_past("published_at"):
        return Audience.PUBLIC, ""
    if is_past("internal_at"):
        return Audience.INTERNAL, ""
    return None, "it is a draft"


def _document(answer: Mapping[str, Any], key: str, audience: Audience, base: _Base) -> Document:
    assets, source = base.assets, base.source
    translation = _record(assets, "KnowledgeBaseAnswerTranslation", key)
    title = " ".join(str(translation.get("title") or "").split())
    if not title:
        raise SourceUnreadable(source, "has no title")
    content = _record(assets, "KnowledgeBaseAnswerTranslationContent", translation.get("content_id"))
    if not content:
        raise SourceUnreadable(source, "its content is missing; ask for it with answer_translation_content_ids")
    text = base.to_markdown(_WIDGET.sub("", str(content.get("body") or "")), source, None)
    locale = _record(assets, "KnowledgeBaseLocale", translation.get("kb_locale_id"))
    tags = answer.get("tags") or ()
    return Document(
        doc_id=DocumentId(f"zammad/{answer.get('id')}/{key}"),
        title=title,
        text=under_headings(text, _path(answer, translation.get("kb_locale_id"), assets)),
        audience=audience,
        source=source,
        updated=max((day for record in (answer, translation) if (day := iso_day(record.get("updated_at")))), default=None),
        language=base.locales.get(locale.get("system_locale_id") or 0),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
    )


def _path(answer: Mapping[str, Any], locale: Any, assets: Assets) -> list[str]:
    """The names of its categories in its language, from the outermost."""
    names: list[str] = []
    seen: set[Any] = set()
    category = _category(answer, assets)
    while category and category.get("id") not in seen:
        seen.add(category.get("id"))
        titles = [_record(assets, "KnowledgeBaseCategoryTranslation", one) for one in category.get("translation_ids") or ()]
        names.insert(0, next((str(one.get("title") or "") for one in titles if one.get("kb_locale_id") == locale), ""))
        category = _record(assets, "KnowledgeBaseCategory", category.get("parent_id"))
    return names


def _category(answer: Mapping[str, Any], assets: Assets) -> Mapping[str, Any]:
    return _record(assets, "KnowledgeBaseCategory", answer.get("category_id"))


def _record(assets: Assets, kind: str, key: Any) -> Mapping[str, Any]:
    found = assets.get(kind, {}).get(str(key))
    return found if isinstance(found, dict) else {}
