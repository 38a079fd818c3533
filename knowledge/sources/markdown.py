"""Markdown with optional YAML front matter: id, title, audience, updated, tags, url, language, asked."""

import difflib
import re
from collections.abc import Mapping
from datetime import date

from knowledge.errors import SourceUnreadable
from knowledge.sources.titles import title_from_name
from knowledge.types import Audience, Document, DocumentId

_KEYS = ("id", "title", "audience", "updated", "tags", "url", "language", "asked")
_DELIMITER = re.compile(r"^-{3,}\s*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def parse_markdown(text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC) -> Document:
    """Markdown with optional YAML front matter; the front matter's audience always wins."""
    meta, body = _front_matter(text, source)
    if not body.strip():
        raise SourceUnreadable(source, "is empty")
    return Document(
        doc_id=DocumentId(_text_value(meta, "id", source) or fallback_id),
        title=_text_value(meta, "title", source) or _first_heading(body) or title_from_name(source),
        text=body.strip(),
        audience=_audience(meta, source, default_audience),
        source=source,
        url=_text_value(meta, "url", source),
        updated=_text_value(meta, "updated", source),
        language=_text_value(meta, "language", source),
        tags=_texts(meta, "tags", source),
        asked=_texts(meta, "asked", source),
    )


def _front_matter(text: str, source: str) -> tuple[Mapping[str, object], str]:
    """Strict, since a block that is taken for text would publish an article that says `audience: internal`."""
    import yaml
    from frontmatter.default_handlers import YAMLHandler

    start = text.lstrip()
    if start.startswith("+++"):
        raise SourceUnreadable(source, "front matter must be YAML between lines of ---, not TOML between +++")
    if not _DELIMITER.match(start):
        return {}, text
    if len(_DELIMITER.findall(start)) < 2:
        raise SourceUnreadable(source, "the front matter has no closing --- line")
    handler = YAMLHandler()
    block, body = handler.split(start)
    try:
        loaded = handler.load(block)
    except yaml.YAMLError as error:
        raise SourceUnreadable(source, f"broken front matter: {' '.join(str(error).split())}") from error
    except ValueError as error:
        raise SourceUnreadable(source, f"broken front matter: {error}") from error
    if loaded is None:
        return {}, body
    if not isinstance(loaded, dict):
        raise SourceUnreadable(source, "the front matter is not a list of `key: value` lines")
    meta = {str(key).strip().lower(): value for key, value in loaded.items()}
    for key in meta:
        # Other tools' keys are fine; a misspelt audience would make an internal article public.
        if key not in _KEYS and difflib.get_close_matches(key, ["audience"], n=1, cutoff=0.7):
            raise SourceUnreadable(source, f"unknown front-matter key {key!r}; did you mean audience?")
    return meta, body


def _audience(meta: Mapping[str, object], source: str, default: Audience) -> Audience:
    if "audience" not in meta:
        return default
    value = meta["audience"]
    try:
        return Audience(str(value).strip().lower())
    except ValueError as error:
        known = " or ".join(Audience)
        raise SourceUnreadable(source, f"audience {value!r} is not known; write {known}") from error


def _text_value(meta: Mapping[str, object], key: str, source: str) -> str | None:
    value = meta.get(key)
    if value is None:
        return None
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise SourceUnreadable(source, f"front-matter {key} must be text, not {type(value).__name__}")
    text = str(value).strip()
    if _CONTROL.search(text) or len(text) > 500:
        raise SourceUnreadable(source, f"front-matter {key} must be one line of at most 500 characters")
    return text or None


def _texts(meta: Mapping[str, object], key: str, source: str) -> tuple[str, ...]:
    value = meta.get(key)
    if value is None:
        return ()
    if isinstance(value, str):
        value = value.split(",") if key == "tags" else [value]
    if not isinstance(value, list):
        raise SourceUnreadable(source, f"front-matter {key} must be a list")
    return tuple(text for one in value if (text := str(one).strip()))


def _first_heading(body: str) -> str | None:
    found = re.search(r"^#\s+(.+?)\s*#*\s*$", body, re.MULTILINE)
    return found.group(1) if found else None
