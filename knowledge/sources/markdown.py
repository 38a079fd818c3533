"""Markdown with optional YAML front matter: id, title, audience, updated, tags, url, language, asked."""

import re

from knowledge.errors import SourceUnreadable
from knowledge.sources.fields import Fields, fields_of
from knowledge.sources.titles import title_from_name
from knowledge.types import Audience, Document, DocumentId

_DELIMITER = re.compile(r"^-{3,}\s*$", re.MULTILINE)


def parse_markdown(text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC) -> Document:
    """Markdown with optional YAML front matter; the front matter's audience always wins."""
    meta, body = _front_matter(text, source)
    if not body.strip():
        raise SourceUnreadable(source, "is empty")
    return Document(
        doc_id=DocumentId(meta.line("id") or fallback_id),
        title=meta.line("title") or first_heading(body) or title_from_name(source),
        text=body.strip(),
        audience=meta.audience(default_audience),
        source=source,
        url=meta.line("url"),
        updated=meta.line("updated"),
        language=meta.line("language"),
        tags=meta.lines("tags"),
        asked=meta.lines("asked"),
    )


def _front_matter(text: str, source: str) -> tuple[Fields, str]:
    """Strict, since a block that is taken for text would publish an article that says `audience: internal`."""
    import yaml
    from frontmatter.default_handlers import YAMLHandler

    start = text.lstrip()
    if start.startswith("+++"):
        raise SourceUnreadable(source, "front matter must be YAML between lines of ---, not TOML between +++")
    if not _DELIMITER.match(start):
        return fields_of({}, source), text
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
        return fields_of({}, source), body
    if not isinstance(loaded, dict):
        raise SourceUnreadable(source, "the front matter is not a list of `key: value` lines")
    return fields_of(loaded, source, "front-matter"), body


def first_heading(body: str) -> str | None:
    """The first heading of the first level."""
    found = re.search(r"^#\s+(.+?)\s*#*\s*$", body, re.MULTILINE)
    return found.group(1) if found else None
