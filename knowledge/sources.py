"""Reads files and folders into documents. Knows nothing of passages, vectors or indexes.

Markdown (front matter: id, title, audience, updated, tags, url, language), HTML (main content) and
plain text. One broken file is a `SourceFailure`; the rest goes on.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from knowledge.errors import SourceUnreadable
from knowledge.types import Audience, Document, DocumentId, SourceFailure

MAX_BYTES = 5_000_000
"""A help article is a few kilobytes; what is larger is an export or a mistake."""
MARKDOWN, HTML, PLAIN = frozenset({".md", ".markdown"}), frozenset({".html", ".htm"}), frozenset({".txt"})
SUFFIXES = MARKDOWN | HTML | PLAIN
_KEYS = ("id", "title", "audience", "updated", "tags", "url", "language", "asked")
_DELIMITER = re.compile(r"^-{3,}\s*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def existing_roots(paths: Sequence[Path]) -> list[Path]:
    """The paths, absolute and each once.

    Raises:
        SourceUnreadable: one of them doesn't exist.
    """
    roots: list[Path] = []
    for path in paths:
        root = Path(os.path.abspath(path.expanduser()))
        if not root.exists():
            raise SourceUnreadable(str(path), "no such file or folder; nothing was changed")
        if root not in roots:
            roots.append(root)
    return roots


def read_sources(roots: Sequence[Path], default_audience: Audience = Audience.PUBLIC) -> Iterator[Document | SourceFailure]:
    """Every document under the roots, in the order of their paths.

    The id is the front matter's `id`, or the path relative to the root. Of two files with one id
    the second is a failure that names both. `default_audience` is for documents that don't name
    their own.
    """
    seen_files: set[Path] = set()
    owners: dict[DocumentId, str] = {}
    for root in roots:
        for found in _files(root):
            if isinstance(found, SourceFailure):
                yield found
                continue
            if found in seen_files:
                continue
            seen_files.add(found)
            result = _read_or_failure(found, root, default_audience)
            if isinstance(result, Document):
                if (owner := owners.get(result.doc_id)) is not None:
                    reason = f"has the id {result.doc_id!r} of {owner}; give one of them another `id`"
                    result = SourceFailure(result.source, reason)
                else:
                    owners[result.doc_id] = result.source
            yield result


def read_file(path: Path, root: Path, default_audience: Audience = Audience.PUBLIC) -> Document:
    """One file as a document.

    Raises:
        SourceUnreadable: it can't be opened, decoded or understood, or holds nothing.
    """
    text = _text_of(path)
    fallback_id = path.name if path == root else path.relative_to(root).as_posix()
    suffix = path.suffix.lower()
    if suffix in MARKDOWN:
        return parse_markdown(text, fallback_id, str(path), default_audience)
    if suffix in HTML:
        return parse_html(text, fallback_id, str(path), default_audience)
    if suffix in PLAIN:
        return parse_plain(text, fallback_id, str(path), default_audience)
    raise SourceUnreadable(str(path), f"files of type {suffix or '(none)'} can't be read; use {', '.join(sorted(SUFFIXES))}")


def parse_markdown(text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC) -> Document:
    """Markdown with optional YAML front matter; the front matter's audience always wins."""
    meta, body = _front_matter(text, source)
    if not body.strip():
        raise SourceUnreadable(source, "is empty")
    return Document(
        doc_id=DocumentId(_text_value(meta, "id", source) or fallback_id),
        title=_text_value(meta, "title", source) or _first_heading(body) or _title_from_name(source),
        text=body.strip(),
        audience=_audience(meta, source, default_audience),
        source=source,
        url=_text_value(meta, "url", source),
        updated=_text_value(meta, "updated", source),
        language=_text_value(meta, "language", source),
        tags=_texts(meta, "tags", source),
        asked=_texts(meta, "asked", source),
    )


def parse_html(text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC) -> Document:
    """The main content of a page as Markdown, without navigation, cookie bars and footers."""
    import lxml.etree
    import lxml.html
    from trafilatura import extract

    if not text.strip():
        raise SourceUnreadable(source, "is empty")
    try:
        # Encoded, for lxml refuses a str that carries an encoding declaration.
        tree = lxml.html.fromstring(text.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    except (lxml.etree.LxmlError, ValueError) as error:
        raise SourceUnreadable(source, f"is not HTML: {error}") from error
    titles = [" ".join(found.text_content().split()) for tag in ("title", "h1") for found in tree.iter(tag)]
    body = extract(text, output_format="markdown", include_comments=False, include_tables=True, favor_recall=True)
    if not body or not body.strip():
        raise SourceUnreadable(source, "has no main content that could be found")
    return Document(
        doc_id=DocumentId(fallback_id),
        title=next((title for title in titles if title), _title_from_name(source)),
        text=body.strip(),
        audience=default_audience,
        source=source,
        language=tree.get("lang") or None,
    )


def parse_plain(text: str, fallback_id: str, source: str, default_audience: Audience = Audience.PUBLIC) -> Document:
    """Plain text: a short first line that stands alone is the title."""
    if not text.strip():
        raise SourceUnreadable(source, "is empty")
    first, _, rest = text.strip().partition("\n")
    stands_alone = rest.startswith("\n") and len(first) <= 100 and not first.rstrip().endswith((".", ":", ";", ","))
    title, body = (first.strip(), rest) if stands_alone else (_title_from_name(source), text)
    return Document(
        doc_id=DocumentId(fallback_id),
        title=title,
        text=body.strip(),
        audience=default_audience,
        source=source,
    )


def _files(root: Path) -> Iterator[Path | SourceFailure]:
    """Sorted, hidden ones left out. A file that was named itself is tried whatever its type."""
    if not root.is_dir():
        yield root
        return
    failures: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=failures.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES:
                yield path
    for error in failures:
        yield SourceFailure(str(error.filename), f"the folder can't be read: {error.strerror}")


def _read_or_failure(path: Path, root: Path, default_audience: Audience) -> Document | SourceFailure:
    try:
        return read_file(path, root, default_audience)
    except SourceUnreadable as error:
        return SourceFailure(error.source, error.reason)


def _text_of(path: Path) -> str:
    source = str(path)
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise SourceUnreadable(source, f"has {size:,} bytes, more than {MAX_BYTES:,}; split it")
        raw = path.read_bytes()
    except OSError as error:
        raise SourceUnreadable(source, f"can't be opened: {error.strerror}") from error
    if b"\x00" in raw:
        raise SourceUnreadable(source, "has NUL bytes; it is a binary file or UTF-16, save it as UTF-8 text")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise SourceUnreadable(source, f"is not UTF-8 at byte {error.start}; save it as UTF-8") from error


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


def _title_from_name(source: str) -> str:
    words = re.sub(r"[-_]+", " ", Path(source).stem).strip()
    return words[:1].upper() + words[1:] if words else source
